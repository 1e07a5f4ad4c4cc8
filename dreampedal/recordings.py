"""Sound files in and out, a block at a time, with an error that says what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile, get_supported_read_formats

from dreampedal.engine.completeness import FlacDigest, require_complete
from dreampedal.engine.effect import MAX_CHANNELS
from dreampedal.engine.files import written_whole

BLOCK_SAMPLES = 65_536

BITS = {".wav": (16, 24, 32), ".flac": (16, 24), ".aiff": (16, 24), ".ogg": (), ".mp3": ()}
"""What can be written, by ending, and the bit depths there (32 is float); none where the format is lossy."""

_BITS_OF = {"int8": 16, "int16": 16, "int24": 24, "int32": 32, "float32": 32, "float64": 32}


@dataclass(frozen=True)
class Recording:
    """A sound file that is open for reading."""

    path: Path
    file: Any
    sample_rate: float
    channels: int
    samples: int
    bits: int
    """Bit depth that keeps what the file holds; 24 for a lossy one, whose decoder gives more than 16."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The samples from the start, (channels, up to 65,536) at a time.

        Raises:
            ValueError: for a NaN or infinity, with its place, and at the end for samples that could not be read.
        """
        digest = FlacDigest(self.path)
        done = 0
        while done < self.samples:
            try:
                block = self.file.read(min(BLOCK_SAMPLES, self.samples - done))
            except RuntimeError as error:
                raise ValueError(f"{self.path} cannot be decoded: {str(error).splitlines()[0]}") from error
            if not block.shape[1]:
                raise ValueError(f"{self.path} is truncated: {done} of {self.samples} samples could be read")
            if not np.isfinite(block).all():
                channel, at = np.argwhere(~np.isfinite(block))[0]
                raise ValueError(
                    f"{self.path}: sample {done + at} of channel {channel} is {block[channel, at]}: "
                    "expected finite samples"
                )
            digest.add(block)
            done += block.shape[1]
            yield block
        digest.require_equal()


@contextmanager
def reading(path: Path) -> Iterator[Recording]:
    """Open a sound file, or raise a ValueError that names it and says what is wrong."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: expected a sound file")
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty: expected a sound file")
    there = require_complete(path)
    try:
        file = AudioFile(str(path))
    except TypeError as error:
        raise ValueError(f"{path}: a name that is not UTF-8 cannot be opened: rename it") from error
    except (ValueError, RuntimeError) as error:
        known = ", ".join(ending.removeprefix(".") for ending in get_supported_read_formats())
        raise ValueError(f"{path} is no sound that can be read: expected one of {known}") from error
    with file:
        samples = file.frames if there is None else min(file.frames, there)
        if not samples:
            raise ValueError(f"{path} holds no samples")
        if file.num_channels > MAX_CHANNELS:
            raise ValueError(f"{path} has {file.num_channels} channels: expected 1 to {MAX_CHANNELS}")
        lossy = path.suffix.lower() in (".ogg", ".mp3")
        bits = 24 if lossy else _BITS_OF.get(file.file_dtype, 24)
        yield Recording(path, file, file.samplerate, file.num_channels, samples, bits)


@contextmanager
def writing(path: Path, sample_rate: float, channels: int, bits: int) -> Iterator[Any]:
    """A file to `write` blocks to, which stands at `path` once it is whole.

    `bits` is what is wished; `kept_bits` says what the format makes of it. Raises ValueError for what the format cannot
    hold, OSError when the disk is full.
    """
    # pedalboard hides the reason when the disk is full; through a file of Python's own the OSError comes out.
    with written_whole(path) as part, part.open("w+b") as raw:
        try:
            file = AudioFile(
                raw, "w", sample_rate, channels, bit_depth=kept_bits(path, bits) or 16, format=path.suffix.lower()[1:]
            )
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: {str(error).splitlines()[0]}") from error
        with file:
            # pedalboard guesses the layout from the shape, which fails for two frames of stereo; this tells it.
            file.write(np.zeros((channels, 0), np.float32))
            yield file


def kept_bits(path: Path, bits: int) -> int | None:
    """The bit depth that a file of `path`'s ending has when `bits` are wished: as many, or the most it can.

    >>> kept_bits(Path("a.wav"), 24), kept_bits(Path("a.flac"), 32), kept_bits(Path("a.mp3"), 16)
    (24, 24, None)
    """
    depths = BITS[path.suffix.lower()]
    return max((depth for depth in depths if depth <= bits), default=min(depths)) if depths else None
