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
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def print_json(value: Any) -> None:
    """`value` on standard output."""
    print(json.dumps(value, indent=2, allow_nan=False))
