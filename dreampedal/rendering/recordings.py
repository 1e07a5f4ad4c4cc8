"""Sound files in and out, a block at a time, with an error that says what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from dreampedal.engine.runtime.blocks import MAX_CHANNELS
from dreampedal.engine.runtime.files import written_whole
from dreampedal.engine.sound.reading import SoundFile, open_sound

BITS = {".wav": (16, 24, 32), ".flac": (16, 24), ".aiff": (16, 24), ".ogg": (), ".mp3": ()}
"""What can be written, by ending, and the bit depths there (32 is float); none where the format is lossy."""


@contextmanager
def reading(path: Path) -> Iterator[SoundFile]:
    """Open a sound file, or raise a ValueError that names it and says what is wrong."""
    with open_sound(path) as sound:
        if sound.channels > MAX_CHANNELS:
            raise ValueError(f"{path} has {sound.channels} channels: expected 1 to {MAX_CHANNELS}")
        yield sound


def finite_blocks(sound: SoundFile) -> Iterator[NDArray[np.float32]]:
    """The samples from the start, (channels, up to 65,536) at a time.

    Raises:
        ValueError: for a NaN or infinity, with its place, and for samples that could not be read.
    """
    done = 0
    for block in sound.blocks():
        if found := not_finite(block):
            channel, at, value = found
            raise ValueError(
                f"{sound.path}: sample {done + at} of channel {channel} is {value}: expected finite samples"
            )
        done += block.shape[1]
        yield block


def not_finite(block: NDArray[np.float32]) -> tuple[int, int, np.float32] | None:
    """Channel, place and value of the first sample that is a NaN or infinity; None where there is none."""
    if np.isfinite(block).all():
        return None
    channel, at = np.argwhere(~np.isfinite(block))[0]
    return channel, at, block[channel, at]


def lossless_bits(sound: SoundFile) -> int:
    """Bit depth that keeps what a file holds; 24 for a lossy one, whose decoder gives more than 16."""
    held = sound.bits or 24
    return 16 if held <= 16 else 24 if held <= 24 else 32


@contextmanager
def writing(path: Path, sample_rate: float, channels: int, bits: int) -> Iterator[Any]:
    """A file to `write` blocks to, which stands at `path` once it is whole.

    `bits` is what is wished; `kept_bits` says what the format makes of it. Raises ValueError for what the format cannot
    hold, OSError when the disk is full.
    """
    if path.suffix.lower() == ".mp3" and channels > 2:
        raise ValueError(f"{path}: MP3 has 1 or 2 channels, and this sound has {channels}: write WAV, FLAC or OGG")
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
