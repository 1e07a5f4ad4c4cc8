"""Streaming short-time Fourier transform and overlap-add, a hop at a time, in numba and without allocation.

Frame t ends with sample (t + 1)·hop: it covers the `window` samples up to there, zeros before the signal began. The
synthesis window is the canonical dual of the analysis window (Wexler and Raz 1990; Gröchenig 2001, section 7.6), so
that analysis and synthesis give back the signal for any hop up to half of the window.

>>> frames = Frames(window_samples=1024, hop_samples=300)
>>> state = FrameState.silent(frames, channels=1)
>>> signal = np.sin(np.arange(3000, dtype=np.float32)).reshape(1, -1)
>>> hops = [signal[:, t : t + 300] for t in range(0, 3000, 300)]
>>> played = [frames.synthesise(frames.analyse(hop, state), state).copy() for hop in hops]
>>> bool(np.allclose(np.concatenate(played, 1)[:, 724:], signal[:, : 3000 - 724], atol=1e-6))
True
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .fft import FASTMATH, Plan, irfft_add, plan, rfft, scratch

Planes = NDArray[np.float32]
"""A complex frame as two planes, real and imaginary: shape (2, channels, bins)."""


@dataclass(frozen=True)
class Frames:
    """A Hann window of `window_samples` (a power of two) every `hop_samples` (1 to half of the window)."""

    window_samples: int
    hop_samples: int
    window: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    dual: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    plan: Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.hop_samples <= self.window_samples // 2:
            raise ValueError(f"hop of {self.hop_samples} samples: expected 1 to {self.window_samples // 2}")
        window = hann(self.window_samples)
        object.__setattr__(self, "plan", plan(self.window_samples))
        object.__setattr__(self, "window", window.astype(np.float32))
        object.__setattr__(self, "dual", dual_window(window, self.hop_samples).astype(np.float32))

    @property
    def bins(self) -> int:
        """Rows of a frame, from 0 Hz to half of the sample rate."""
        return self.window_samples // 2 + 1

    def analyse(self, hop: NDArray[np.float32], state: FrameState) -> Planes:
        """Take the next `(channels, hop_samples)` and return the newest frame, a view of the state."""
        analyse(hop, state.line, state.spectrum, self.window, self.plan.twiddle, self.plan.untangle, state.work)
        return state.spectrum

    def synthesise(self, spectrum: Planes, state: FrameState) -> NDArray[np.float32]:
        """Add a frame and return the `(channels, hop_samples)` that it completes, a view of the state.

        They are the samples that came in `window_samples - hop_samples` before the hop of this frame.
        """
        synthesise(spectrum, state.overlap, state.played, self.dual, self.plan.twiddle, self.plan.untangle, state.work)
        return state.played


@dataclass
class FrameState:
    """What lies between two hops; a fresh one is `silent`."""

    line: NDArray[np.float32]
    """The last `window_samples` of the input, (channels, window)."""
    spectrum: Planes
    overlap: NDArray[np.float32]
    """Samples not yet complete, (channels, window)."""
    played: NDArray[np.float32]
    work: NDArray[np.float32]

    @classmethod
    def silent(cls, frames: Frames, channels: int) -> FrameState:
        """The state after endless silence."""
        return cls(
            line=np.zeros((channels, frames.window_samples), np.float32),
            spectrum=np.zeros((2, channels, frames.bins), np.float32),
            overlap=np.zeros((channels, frames.window_samples), np.float32),
            played=np.zeros((channels, frames.hop_samples), np.float32),
            work=scratch(frames.window_samples),
        )


def hann(size: int) -> NDArray[np.float64]:
    """The periodic Hann window of `size` samples."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def dual_window(window: NDArray[np.float64], hop_samples: int) -> NDArray[np.float64]:
    """The canonical dual: the window over the sum of its own squares, shifted by every multiple of the hop."""
    squares = np.zeros(hop_samples)
    np.add.at(squares, np.arange(window.size) % hop_samples, window**2)
    return np.asarray(window / squares[np.arange(window.size) % hop_samples])


@njit(cache=True, nogil=True, forceinline=True)
def push(line: NDArray[np.float32], block: NDArray[np.float32]) -> None:
    """Shift every row of `line` to the left and write `block` at its end."""
    kept = line.shape[1] - block.shape[1]
    for channel in range(line.shape[0]):
        for n in range(kept):
            line[channel, n] = line[channel, n + block.shape[1]]
        for n in range(block.shape[1]):
            line[channel, kept + n] = block[channel, n]


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def analyse(
    hop: NDArray[np.float32],
    line: NDArray[np.float32],
    spectrum: Planes,
    window: NDArray[np.float32],
    twiddle: NDArray[np.float32],
    untangle: NDArray[np.float32],
    work: NDArray[np.float32],
) -> None:
    """Push a hop into the line and transform the line."""
    push(line, hop)
    for channel in range(line.shape[0]):
        rfft(line[channel], window, spectrum[0, channel], spectrum[1, channel], twiddle, untangle, work)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def synthesise(
    spectrum: Planes,
    overlap: NDArray[np.float32],
    played: NDArray[np.float32],
    window: NDArray[np.float32],
    twiddle: NDArray[np.float32],
    untangle: NDArray[np.float32],
    work: NDArray[np.float32],
) -> None:
    """Overlap-add one frame, hand out the samples that no later frame reaches, and shift."""
    hop = played.shape[1]
    kept = overlap.shape[1] - hop
    for channel in range(overlap.shape[0]):
        row = overlap[channel]
        irfft_add(spectrum[0, channel], spectrum[1, channel], window, row, twiddle, untangle, work)
        for n in range(hop):
            played[channel, n] = row[n]
        for n in range(kept):
            row[n] = row[n + hop]
        for n in range(kept, overlap.shape[1]):
            row[n] = np.float32(0)
