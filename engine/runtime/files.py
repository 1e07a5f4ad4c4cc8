"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DISK_FULL = errno.ENOSPC, errno.EDQUOT, errno.EFBIG


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the name of `target` at the end, and vanishes on any failure.

    The path ends like `target`, so that writers that go by the ending choose the same format. What stood at `target`
    before stays untouched until the new file is complete.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with written_whole(folder / "take.txt") as part:
    ...     _ = part.write_text("all of it")
    >>> [file.name for file in folder.iterdir()]
    ['take.txt']

    Raises:
        ValueError: if the folder of `target` does not exist, or `target` is itself a folder.
        OSError: that names `target`, if the disk is full or it cannot be written there.
    """
    if not target.parent.is_dir():
        raise ValueError(f"{target.parent}: no such folder; create it first")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: expected the name of a file")
    part = target.with_name(f".{target.stem[:100]}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        named = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
        # What is written to an open file fails without a name; with another one, it was not this file.
        if error.errno in _DISK_FULL if named is None else Path(named) == part:
            raise OSError(error.errno, error.strerror, os.fspath(target)) from error
        raise
    finally:
        part.unlink(missing_ok=True)
