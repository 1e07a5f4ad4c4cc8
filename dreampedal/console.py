"""What the command line says: one line where something is wrong, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from typing import Any


def fail(message: str) -> int:
    """One line on stderr; the status to exit with."""
    print(f"dreampedal: {message}", file=sys.stderr)
    return 2


def one_line(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        said = str(error)
    return plain(" ".join(said.split()) or type(error).__name__)


def plain(text: str) -> str:
    r"""`text` with whatever a terminal would obey, or cannot show, written out: names of files may hold anything.

    >>> plain("a\x1b[2Jb\n"), plain("Überton ♪.wav"), plain("caf\udce9.wav")
    ('a\\x1b[2Jb\\n', 'Überton ♪.wav', 'caf\\udce9.wav')
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def print_json(value: Any) -> None:
    """`value` on standard output."""
    print(json.dumps(value, indent=2, allow_nan=False))
