"""Folders that one process at a time may write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder, for as long as this process lives, by a lock on the file `{what}.lock` in it.

    The lock holds between threads and between processes, and no kill leaves it behind. The file may stay; that it is
    there says nothing.

    Args:
        what: is done in the folder, in a word.

    Raises:
        ValueError: if the folder is held already.
        OSError: if nothing can be locked there.
    """
    file = folder / f"{what}.lock"
    try:
        held = FileLock(file, timeout=0).acquire()
    except Timeout:
        raise ValueError(
            f"{folder}: a {what} is running there and holds {file.name}: expected a folder that no other one "
            "writes to; wait until it ends, or give another folder"
        ) from None
    except OSError as error:
        raise OSError(
            f"{file}: cannot be locked ({error.strerror}): expected a lock of DreamPedal's that can be written to; "
            "remove that file, or give another folder"
        ) from None
    with held:
        yield
