"""Breath: noise at the level of the frame, the same every time.

Its frames are those of one line of seeded noise, so that they are the spectrogram of a sound; the frame of a hop is a
function of its number alone. It is flat up to `PINK_HZ` and falls by 3 dB an octave above, as a breath does and as the
bands of a model are laid: then each has about as much of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH, rfft
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

PINK_HZ = 1000.0

NOISE_SAMPLES = 1 << 18
"""After so many, 5.5 s at 48 kHz, the noise begins again, without a seam."""

SEED = 12


class BreathTables(NamedTuple):
    """The noise, and what it is shaped to."""

    line: Array
    """`NOISE_SAMPLES`, and a window of those that it begins with."""
    window: Array
    """Of the analysis."""
    shape: Array
    """What makes the frames of the noise as loud as a frame whose summed |X|² is 1, (bins,)."""
    hop: int
    hops: int
    """In the line."""

    @classmethod
    def of(cls, frames: Frames, sample_rate: float) -> BreathTables:
        """Those of frames at `sample_rate` Hz."""
        line = np.random.default_rng(SEED).standard_normal(NOISE_SAMPLES, np.float32)
        hz = np.arange(frames.bins) * sample_rate / frames.window_samples
        pink = np.sqrt(PINK_HZ / np.maximum(hz, PINK_HZ))
        loud = np.sqrt(np.sum(np.square(frames.window, dtype=np.float64)) * np.sum(pink**2))
        return cls(
            line=np.concatenate([line, line[: frames.window_samples]]),
            window=frames.window,
            shape=(pink / loud).astype(np.float32),
            hop=frames.hop_samples,
            hops=NOISE_SAMPLES // frames.hop_samples,
        )


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def write_noise(number, tables, plan, noise):  # type: ignore[no-untyped-def]
    """Write the frame of noise of the hop of that number, as loud as a frame whose summed |X|² is 1: (2, bins)."""
    begin = number % tables.hops * tables.hop
    samples = tables.line[begin : begin + tables.window.size]
    rfft(samples, tables.window, noise[0], noise[1], plan)
    for k in range(tables.shape.size):
        noise[0, k] *= tables.shape[k]
        noise[1, k] *= tables.shape[k]
