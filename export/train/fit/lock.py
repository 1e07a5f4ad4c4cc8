"""Folders that one process at a time may write to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder, for as long as this process lives.

    The lock is SQLite's own, on a file `{what}.lock`: every system has it, it holds between threads and between
    processes, and no kill leaves it behind. The file stays; that it is there says nothing.

    Args:
        what: is done in the folder, in a word.

    Raises:
        ValueError: if the folder is held already.
        OSError: if nothing can be locked there.
    """
    file = folder / f"{what}.lock"
    try:
        lock = sqlite3.connect(file, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise _unlocked(file, error) from None
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ValueError(
                    f"{folder}: a {what} is running there and holds {file.name}: expected a folder that no other one "
                    "writes to; wait until it ends, or give another folder"
                ) from None
            raise _unlocked(file, error) from None
        yield


def _unlocked(file: Path, error: sqlite3.Error) -> OSError:
    """What is said of a file that cannot be locked."""
    return OSError(
        f"{file}: cannot be locked ({error}): expected a lock of DreamPedal's that can be written to; remove that "
        "file, or give another folder"
    )
