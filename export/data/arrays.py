"""Arrays on disk, written a few rows at a time, that appear whole or not at all.

All the room that an array may need is taken before its first row is made: a disk that is too full says so at once, and
not after an hour of encoding.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dreampedal.engine.runtime.files import written_whole

STALE_SECONDS = 3600
"""What a killed run left half written is swept away when nothing was written to it for so long."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What is wrong where no more can be written: the disk, the user's share of it, or a limit on files."""

ZEROS = bytes(1 << 20)
AT_ONCE = 256
"""Rows that are copied at a time."""


class Filling:
    """An array on disk that is filled from its first row on."""

    def __init__(self, stream: IO[bytes], dtype: DTypeLike) -> None:
        self._stream, self._dtype = stream, np.dtype(dtype)
        self.rows = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Write the next rows, shape (any number, *shape)."""
        self._stream.write(np.ascontiguousarray(rows, self._dtype).data)
        self.rows += len(rows)


@contextmanager
def filling(path: Path, most: int, shape: tuple[int, ...], dtype: DTypeLike) -> Iterator[Filling]:
    """A file in NumPy's format to fill with up to `most` rows of this shape; it takes its name when it is whole.

    Raises:
        OSError: if the disk is too full for `most` rows, before any is written: it says how much is free. What stood at
            `path` stays, and no part of a file is left.
    """
    begin = _header(most, shape, dtype)
    size = len(begin) + most * _row_bytes(shape, dtype)
    with kept(path, size) as part, open(part, "w+b") as stream:
        _allocate(stream, size)
        stream.write(begin)
        array = Filling(stream, dtype)
        yield array
        stream.truncate(stream.tell())
        stream.seek(0)
        stream.write(_header(array.rows, shape, dtype))
        # On the disk before it has its name: what was taken in advance would be zeros after a power cut.
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def kept(path: Path, size: int) -> Iterator[Path]:
    """`written_whole` in a cache: its folder is made, a killed run's leftovers go, and a full disk is said.

    Args:
        size: bytes that will be needed, for the message.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        with written_whole(path) as part:
            yield part
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(
            error.errno,
            f"{path.parent}: {os.strerror(error.errno)}: {_megabytes(size)} needed, {_megabytes(_free(path))} free: "
            f"free some, or choose another cache; what was encoded is kept",
        ) from None


def rows_in(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> int | None:
    """How many rows of this shape a file holds; None where it is not there, or is not whole."""
    try:
        with open(path, "rb") as stream:
            begin, size = stream.read(len(_header(0, shape, dtype))), os.fstat(stream.fileno()).st_size
    except FileNotFoundError:
        return None
    rows, rest = divmod(size - len(begin), _row_bytes(shape, dtype))
    return rows if not rest and begin == _header(rows, shape, dtype) else None


def joined(files: Sequence[Path], shape: tuple[int, ...], dtype: DTypeLike, folder: Path) -> NDArray[Any]:
    """The rows of several whole files one after another, in one file of `folder` that is mapped into memory."""
    if len(files) > 1:
        names = "\n".join(f"{file.parent.name}{file.stem}" for file in files)
        path = folder / f"{hashlib.sha256(names.encode()).hexdigest()}.npy"
        count = sum(rows_in(file, shape, dtype) or 0 for file in files)
        if rows_in(path, shape, dtype) != count:
            with filling(path, count, shape, dtype) as array:
                for part in (np.load(file, mmap_mode="r") for file in files):
                    for at in range(0, len(part), AT_ONCE):
                        array.add(part[at : at + AT_ONCE])
        files = [path]
    return np.asanyarray(np.load(files[0], mmap_mode="r"))


def _row_bytes(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def _header(rows: int, shape: tuple[int, ...], dtype: DTypeLike) -> bytes:
    """What a file begins with; NumPy leaves room in it, so that any number of rows makes it as long."""
    text = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": (rows, *shape)}
    np.lib.format.write_array_header_1_0(text, about)
    return text.getvalue()


def _allocate(stream: IO[bytes], size: int) -> None:
    """Take so many bytes of the disk, or fail."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno in FULL:
                raise
    for at in range(0, size, len(ZEROS)):  # a file system that cannot promise room
        stream.write(ZEROS[: size - at])
    stream.flush()
    stream.seek(0)


def _sweep(folder: Path) -> None:
    for left in folder.glob("*.part.npy"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _free(path: Path) -> int:
    """Bytes that are free where a file was to be written."""
    there = next((folder for folder in path.parents if folder.is_dir()), Path())
    return shutil.disk_usage(there).free


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
