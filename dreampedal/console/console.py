"""What the command line says: one line where something is wrong, JSON where it is asked for."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def say(line: str) -> None:
    """One line on stdout, with nothing in it that a terminal would obey."""
    print(plain(line))


def fail(message: str) -> int:
    """One line on stderr; the status to exit with."""
    print(f"dreampedal: {message}", file=sys.stderr)
    return 2


COMPILING = "compiling kernels for this machine, once: up to half a minute"


def say_compiling() -> None:
    """Why nothing happens for a while, on stderr."""
    print(f"dreampedal: {COMPILING}", file=sys.stderr, flush=True)


def one_line(error: Exception) -> str:
    """What went wrong, in one line."""
    if lacks_memory(error):
        said = _beyond_memory(error)
    elif isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        said = str(error)
    return shortened(plain(" ".join(said.split()) or type(error).__name__))


def shortened(text: str) -> str:
    """`text`, or its two ends where it is longer than anybody reads: what was found may be a whole file.

    >>> len(shortened("no column 'clip': there are " + 1000 * "words "))
    603
    """
    return text if len(text) <= _READ else f"{text[: _READ - _END]}...{text[-_END:]}"


_READ, _END = 600, 200


def lacks_memory(error: Exception) -> bool:
    """Whether something was too large for the memory that is left: Python and NumPy say so by type, torch by words."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(_TOO_LARGE.search(str(error))))


_TOO_LARGE = re.compile(r"can't allocate memory|out of memory|bad_alloc|failed to allocate memory", re.IGNORECASE)


def _beyond_memory(error: Exception) -> str:
    """What was too large, as far as it is known, and what to do."""
    bytes_of_torch = re.search(r"tried to allocate ([\d.]+ ?[KMG]iB|\d+ bytes)", str(error), re.IGNORECASE)
    what = f"could not allocate {bytes_of_torch[1]}" if bytes_of_torch else str(error).strip()
    known = f" ({what})" if what else ""
    return f"out of memory{known}: use shorter sounds, smaller settings or fewer --jobs, or close other programs"


def plain(text: str) -> str:
    r"""`text` with whatever a terminal would obey, or cannot show, written out: names of files may hold anything.

    >>> plain("a\x1b[2Jb\n"), plain("Überton ♪.wav"), plain("caf\udce9.wav")
    ('a\\x1b[2Jb\\n', 'Überton ♪.wav', 'caf\\udce9.wav')
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Python's warnings are for whoever wrote the line that is warned of: one that a user should hear is a line too.

    `python -W` and PYTHONWARNINGS bring all of them back.
    """
    with warnings.catch_warnings():
        if not sys.warnoptions:
            for kind in (RuntimeWarning, DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            warnings.showwarning = _tell
        yield


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as a line on stderr."""
    print(f"dreampedal: warning: {one_line(Warning(message))}", file=sys.stderr)


def print_json(value: Any) -> None:
    """`value` on standard output."""
    print(json.dumps(value, indent=2, allow_nan=False))
