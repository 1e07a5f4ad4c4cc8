"""A sound file, open for reading: all of it, or an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.sound import mpeg, pcm
from dreampedal.engine.sound.coded import Decoder, decoding
from dreampedal.engine.sound.kinds import parts_of
from dreampedal.engine.sound.layout import Part, Pcm, UnreadableError
from dreampedal.engine.sound.pipes import spooled

BLOCK_SAMPLES = 65_536


@dataclass(frozen=True)
class SoundFile:
    """A sound file that is open. Reading it block by block takes the same memory whatever its length."""

    path: Path
    file: IO[bytes]
    parts: tuple[Part, ...]
    sample_rate: float
    channels: int
    samples: int
    bits: int | None
    """Of a sample; 32 is float; None of a lossy format."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    def read(self) -> NDArray[np.float32]:
        """All samples, (channels, samples)."""
        return np.concatenate(list(self.blocks()), axis=1)

    def blocks(self, count: int = BLOCK_SAMPLES, first: int = 0) -> Iterator[NDArray[np.float32]]:
        """The samples from `first` to the end, float32 of shape (channels, `count`); the last block may be shorter.

        Each call begins anew. A lossless file whose header has a checksum is compared with it, where it is read to its
        end.

        Raises:
            ValueError: that names the file, for what cannot be decoded, or is more or less than the file told.
        """
        done, held, waiting = 0, list[NDArray[np.float32]](), 0
        with _naming(self.path):
            for piece in self._pieces(first, count):
                held.append(piece)
                waiting += piece.shape[1]
                del piece  # nothing that was given away is kept
                while waiting >= count:
                    joined = np.concatenate(held, axis=1) if len(held) > 1 else held[0]
                    done, waiting = done + count, waiting - count
                    held = [joined[:, count:].copy()] if waiting else []
                    yield joined[:, :count]
                    del joined
            if waiting:
                done += waiting
                yield np.concatenate(held, axis=1)
            if done != self.samples - first:
                raise UnreadableError(f"has become shorter: {first + done} of {self.samples} samples are there")

    def _pieces(self, first: int, count: int) -> Iterator[NDArray[np.float32]]:
        """The samples from `first` on, as they come from the parts."""
        for part in self.parts:
            if isinstance(part, Pcm):
                yield from pcm.blocks(self.file, part, min(first, part.samples), count)
                first -= min(first, part.samples)
                continue
            behind = part.samples is not None and first >= part.samples
            if not behind:
                part, within = mpeg.from_sample(self.file, part, first) if part.demuxer == "mp3" else (part, first)
                with decoding(self.file, part) as decoder:
                    yield from decoder.blocks(within)
            first -= min(first, part.samples or 0)


@contextmanager
def open_sound(path: Path) -> Iterator[SoundFile]:
    """Open a sound file by what is in it, whatever its name. A pipe is read to its end first.

    Raises:
        ValueError: that names the file, for what is no sound, is not whole, or cannot be read.
        OSError: where the system does not let it be read.
    """
    if "\\udc" in ascii(str(path)):
        raise ValueError(f"{path}: a name that is not UTF-8: rename it")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: expected a sound file")
    if not path.exists():
        hint = "; what a pipe brings is /dev/stdin" if str(path) == "-" else ""
        raise ValueError(f"{path}: no such file{hint}")
    with _naming(path), path.open("rb") if path.is_file() else spooled(path) as file:
        yield sound_in(file, path)


def sound_in(file: IO[bytes], path: Path) -> SoundFile:
    """The sound in an open file of any kind; `path` is what it is called in errors."""
    with _naming(path):
        size = file.seek(0, 2)
        if not size:
            raise UnreadableError("is empty: expected a sound file")
        return _described(path, file, parts_of(file, size))


def _described(path: Path, file: IO[bytes], parts: tuple[Part, ...]) -> SoundFile:
    """What is common to all parts, and how long they are together."""
    found = [_measured(file, part) for part in parts]
    first = found[0]
    for other in found[1:]:
        if (other.rate, other.channels) != (first.rate, first.channels):
            raise UnreadableError(
                f"holds sounds of {first.rate:g} Hz and {first.channels} channels, and of {other.rate:g} Hz and "
                f"{other.channels}, one behind the other: cut it in two, a sound a file"
            )
    samples = sum(one.samples or 0 for one in found)
    if not samples:
        raise UnreadableError("holds no samples")
    rate = int(first.rate) if first.rate.is_integer() else first.rate
    return SoundFile(path, file, parts, rate, first.channels, samples, first.bits)


def _measured(file: IO[bytes], part: Part) -> Pcm | Decoder:
    """What tells rate, channels, samples and bits of a part; it is decoded once if nothing else tells its length."""
    if isinstance(part, Pcm):
        return part
    with decoding(file, part) as decoder:
        if decoder.samples is None:
            decoder.samples = sum(block.shape[1] for block in decoder.blocks())
        return decoder


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with a file, with its name in front."""
    try:
        yield
    except UnreadableError as error:
        raise ValueError(f"{path} {error}") from error
