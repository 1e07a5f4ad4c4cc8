"""The sound of a take: float32 WAV files of the exact samples, whole at any moment, and a new one before 2 GiB.

A WAV file says in its head how long it is. Here the head is made true again and again while the file grows, so that
whatever ends the program, any editor opens the file up to there.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreampedal.engine.runtime.blocks import Block

FILE_BYTES = 2**31 - 2**20
"""Where a file ends and the next begins: some editors read the 32 bits of a size as a number with a sign."""

SAMPLE_BYTES = 4
_FLOAT = 3
"""WAVE_FORMAT_IEEE_FLOAT."""

_EXTENSIBLE = 0xFFFE
_HEAD = struct.Struct("<4sI4s 4sIHHIIHHH 4sII 4sI")


class GrowingWav:
    """A WAV file that is being written. What is written counts from the next `sync` on, whatever happens then.

    Raises:
        FileExistsError: if there is such a file already.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self.path, self.sample_rate, self.channels = path, sample_rate, channels
        self.samples = 0
        self._file = path.open("xb", buffering=0)
        _write(self._file, self._head())

    def append(self, frames: bytes) -> None:
        """Add whole frames: little-endian float32, the channels of each sample side by side."""
        _write(self._file, frames)
        self.samples += len(frames) // (SAMPLE_BYTES * self.channels)

    def sync(self) -> None:
        """Make the head say how many samples there are, and wait until all is on the disk."""
        self._file.seek(0)
        _write(self._file, self._head())
        self._file.seek(0, os.SEEK_END)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file; `sync` first what is to count."""
        self._file.close()

    def _head(self) -> bytes:
        frame = SAMPLE_BYTES * self.channels
        size = frame * self.samples
        return _HEAD.pack(
            b"RIFF", _HEAD.size - 8 + size, b"WAVE",
            b"fmt ", 18, _FLOAT, self.channels, self.sample_rate, self.sample_rate * frame, frame, 8 * SAMPLE_BYTES, 0,
            b"fact", 4, self.samples,
            b"data", size,
        )  # fmt: skip


def frames_for(file_bytes: int, channels: int) -> int:
    """Samples of each channel that fit into a file.

    >>> frames_for(FILE_BYTES, 2) / 48_000 // 60
    93.0
    """
    return max(1, (file_bytes - _HEAD.size) // (SAMPLE_BYTES * channels))


@dataclass(frozen=True)
class WavFile:
    """One file of a take as it lies on the disk."""

    path: Path
    channels: int
    start: int
    """Bytes before the first sample."""
    samples: int
    """Whole samples that are there, whatever the head says: a take that was killed may hold more."""

    @classmethod
    def open(cls, path: Path, sample_rate: int, channels: int) -> WavFile:
        """Look at a file; a ValueError if it is not there, or no float32 WAV of this rate and channel count."""
        try:
            with path.open("rb") as file:
                kind, found_channels, found_rate, bits, start = _shape_of(file, path)
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}: expected a file of the take") from error
        found = f"{found_channels} channel(s) of {bits}-bit {'float' if kind == _FLOAT else 'integers'}"
        if (kind, found_channels, found_rate, bits) != (_FLOAT, channels, sample_rate, 8 * SAMPLE_BYTES):
            raise ValueError(
                f"{path} holds {found} at {found_rate} Hz: expected {channels} channel(s) of 32-bit float "
                f"at {sample_rate} Hz"
            )
        return cls(path, channels, start, (size - start) // (SAMPLE_BYTES * channels))

    def read(self, first: int, samples: int) -> Block:
        """`samples` samples from sample `first` of the file on, shape (channels, samples)."""
        frame = SAMPLE_BYTES * self.channels
        with self.path.open("rb") as file:
            file.seek(self.start + frame * first)
            found = file.read(frame * samples)
        if len(found) != frame * samples:
            raise ValueError(f"{self.path} ends at sample {first + len(found) // frame}: expected {first + samples}")
        return np.frombuffer(found, "<f4").astype(np.float32, copy=False).reshape(samples, self.channels).T


def frames_of(block: Block) -> bytes:
    """A block (channels, n) as a WAV file has it."""
    return np.ascontiguousarray(block.T, "<f4").tobytes()


def _shape_of(file: Any, path: Path) -> tuple[int, int, int, int, int]:
    """Format, channels, rate, bits, and where the samples begin, from the chunks of a RIFF file."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise ValueError(f"{path} is no WAV file: it begins with {head[:12]!r}")
    shape = None
    while len(chunk := file.read(8)) == 8:
        name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data" and shape is not None:
            return *shape, file.tell()
        body = file.read(min(length + length % 2, 2**20))
        if name == b"fmt " and len(body) >= 16:
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if kind == _EXTENSIBLE and len(body) >= 26:
                kind = struct.unpack("<H", body[24:26])[0]
            shape = kind, channels, rate, bits
    raise ValueError(f"{path} is damaged: no samples were found: expected the chunks 'fmt ' and 'data'")


def _write(file: Any, content: bytes) -> None:
    """All of it: an unbuffered file may take a part only, when a disk is nearly full."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
