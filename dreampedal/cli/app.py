"""The command line: what every verb has in common, and how each ends."""

from __future__ import annotations

import io
import os
import signal
import sys

import typer

from dreampedal.cli.verbs import app
from dreampedal.console.console import fail, lacks_memory, one_line, quiet_libraries, say_compiling
from dreampedal.console.options import UsageError
from dreampedal.engine.runtime.notice import before_compiling


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 when all went well, 2 with one line on stderr when not, 130 on Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name of a file that the terminal's encoding lacks is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        before_compiling(say_compiling)
        with quiet_libraries():
            status = typer.main.get_command(app).main(arguments, prog_name="dreampedal", standalone_mode=False)
    except UsageError as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        status = fail(f"{one_line(ValueError(error.format_message()))}{hint}")
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:
        # Whoever read the output has gone; what is left in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except (ValueError, OSError) as error:
        status = fail(one_line(error))
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        status = fail(one_line(error))
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "dreampedal":
            raise
        if isinstance(error, ModuleNotFoundError):
            status = fail(f"{error.name} is not installed: pip install 'dreampedal[train]' brings what this needs")
        else:  # it is there and cannot be loaded, for want of memory or of a library of the system's
            status = fail(f"a library cannot be loaded: {one_line(error)}")
    if status == 130:  # from here, or from typer, which says nothing
        fail("interrupted; no file was left half-written")
    sys.exit(status or 0)
