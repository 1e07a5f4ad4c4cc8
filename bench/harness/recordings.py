"""What benchmarks play: the recordings of a folder, or the one that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile, StreamResampler

from dreampedal.presets import demo_recording

Audio = NDArray[np.float32]
Recording = tuple[Audio, float]
"""Samples of shape (channels, samples), and their rate in Hz."""


def recordings(folder: str | Path | None = None, seconds: float | None = None) -> dict[str, Recording]:
    """Every recording of a folder by name, whole or its first seconds; without a folder, the demo recording."""
    if folder is None:
        audio, rate = demo_recording()
        return {"demo": (audio[:, : None if seconds is None else round(seconds * rate)], rate)}
    found: dict[str, Recording] = {}
    for path in sorted(Path(folder).glob("*.flac")):
        with AudioFile(str(path)) as file:
            count = file.frames if seconds is None else round(seconds * file.samplerate)
            found[path.stem] = file.read(count), file.samplerate
    return found


def mono_at(sample_rate: int) -> Audio:
    """The demo recording, mono, resampled, shape (1, samples)."""
    audio, rate = demo_recording()
    resampler = StreamResampler(rate, sample_rate, 1)
    mono = audio.mean(axis=0, keepdims=True)
    return np.concatenate([resampler.process(mono), resampler.process(None)], axis=1)
