"""Pipes as files: what comes out of one can be read once, and no place in it can be sought."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dreampedal.engine.sound.kinds import require_known
from dreampedal.engine.sound.layout import UnreadableError

_CHUNK = 1 << 20
_HEAD = 1 << 16
"""Bytes that tell what a file is."""
MOST_BYTES = 16 << 30
"""Of one pipe: 25 hours of stereo at 24 bits and 48 kHz. What goes on for longer is taken for endless."""


@contextmanager
def spooled(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file of all that comes out of a pipe or a device.

    Raises:
        ValueError: at once for what is no sound, as of /dev/zero; later for what does not end.
        OSError: if the temporary folder is full; it names that folder.
    """
    with path.open("rb", buffering=0) as pipe, tempfile.TemporaryFile(prefix="dreampedal-") as file:
        size, known = 0, False
        while chunk := pipe.read(_CHUNK):
            _write(file, chunk)
            size += len(chunk)
            if not known and size >= _HEAD:
                require_known(file)
                file.seek(size)
                known = True
            if size > MOST_BYTES:
                raise UnreadableError(f"has given {size >> 30} GiB and goes on: expected a sound that ends")
        yield file


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()  # so that a full disk is told here
    except OSError as error:
        raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
