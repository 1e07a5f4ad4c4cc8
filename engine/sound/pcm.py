"""Plain numbers as samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.sound.layout import Pcm, Spliced


def blocks(file: IO[bytes], part: Pcm, first: int, count: int) -> Iterator[NDArray[np.float32]]:
    """The samples from `first` on, (channels, up to `count`) at a time."""
    source = Spliced(file, part.spans)
    source.seek(first * part.frame_bytes)
    for start in range(first, part.samples, count):
        yield _floats(_whole(source, part, min(count, part.samples - start)), part.code).reshape(-1, part.channels).T


def _whole(source: Spliced, part: Pcm, count: int) -> bytes:
    """The bytes of up to `count` samples, and of no part of one."""
    data = source.read(count * part.frame_bytes)
    rest = len(data) % part.frame_bytes
    return data[:-rest] if rest else data


def _floats(data: bytes, code: str) -> NDArray[np.float32]:
    kind, width = code[1], int(code[2:])
    if kind == "f":
        with np.errstate(over="ignore"):  # beyond float32 is infinity, which whoever reads is told of
            return np.frombuffer(data, code).astype(np.float32)
    if width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide[:, 1:] = raw if code[0] == "<" else raw[:, ::-1]
        return scaled(wide.view("<i4")[:, 0] >> 8, 24)
    numbers = np.frombuffer(data, code)
    return scaled(numbers.astype(np.int32) - 128 if kind == "u" else numbers, 8 * width)


def scaled(numbers: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """Whole numbers of `bits` as samples: the largest is 1.0, as pedalboard has it when it reads and writes."""
    found = numbers.astype(np.float32)
    found *= np.float32(1 / (2 ** (bits - 1) - 1))
    return found
