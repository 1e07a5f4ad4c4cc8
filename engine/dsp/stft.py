"""Streaming short-time Fourier transform and overlap-add, a hop at a time, in numba and without allocation.

Frame t ends with sample (t + 1)·hop: it covers the `window` samples up to there, zeros before the signal began. Each
kind of window has a synthesis window with which analysis and synthesis give back the signal, for any hop up to half of
the window (see `windows`).

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
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH, Plan, irfft_add, plan_for, rfft
from dreampedal.engine.dsp.windows import first_sounding, gaussian, window_pair
from dreampedal.engine.runtime.checks import is_whole, real_numbers
from dreampedal.engine.runtime.jit import njit
from dreampedal.engine.runtime.turns import Turn

Array = NDArray[np.float32]

Planes = NDArray[np.float32]
"""A complex frame as two planes, real and imaginary: shape (2, channels, bins)."""

LONGEST = 1 << 20
"""Samples of a window: 11 seconds at 96 kHz."""

MOST_CHANNELS = 65_536


@dataclass(frozen=True, init=False)
class Frames:
    """A window of `window_samples` (a power of two) of some `kind` every `hop_samples` (1 to half of the window)."""

    window_samples: int
    hop_samples: int
    kind: str
    """One of `windows.KINDS`."""
    window: Array = field(repr=False, compare=False)
    """Of the analysis."""
    dual: Array = field(repr=False, compare=False)
    """Of the synthesis."""
    bins: int = field(repr=False, compare=False)
    """Rows of a frame, from 0 Hz to half of the sample rate."""
    gamma: float = field(repr=False, compare=False)
    """Of the Gaussian next to the analysis window, in samples²: exp(-π·(n - centre)²/γ)."""
    centre: float = field(repr=False, compare=False)
    """Where that Gaussian is highest, in samples from the beginning of the frame."""
    first: int = field(repr=False, compare=False)
    """The first sample of a frame that synthesis reaches; 0 unless the windows are asymmetric."""

    def __init__(self, window_samples: int, hop_samples: int, window: str = "hann") -> None:
        if not is_whole(window_samples, 16, LONGEST) or window_samples & (window_samples - 1):
            raise ValueError(f"window of {window_samples!r} samples: expected a power of two from 16 to {LONGEST}")
        if not is_whole(hop_samples, 1, window_samples // 2):
            raise ValueError(f"hop of {hop_samples!r} samples: expected a whole number from 1 to {window_samples // 2}")
        size, hop = int(window_samples), int(hop_samples)
        analysis, synthesis = window_pair(window, size, hop)
        gamma, centre = gaussian(window, analysis)
        vars(self).update(
            window_samples=size, hop_samples=hop, kind=window, window=analysis.astype(np.float32),
            dual=synthesis.astype(np.float32), bins=size // 2 + 1, gamma=gamma, centre=centre,
            first=first_sounding(window, size, hop),
        )  # fmt: skip

    @property
    def delay_samples(self) -> int:
        """From a hop that goes into `analyse` to the same hop out of `synthesise`."""
        return self.window_samples - self.first - self.hop_samples

    def analyse(self, hop: Array, state: FrameState) -> Planes:
        """Take the next `(channels, hop_samples)` and return the newest frame, a view of the state.

        A ValueError for another shape, a state of other frames, and what is no real number; an OverlapError while
        another thread plays with the state.
        """
        hop = real_numbers("a hop", hop)
        if hop.shape != state.hop_shape or self.hop_samples != state.hop_shape[1] or self.bins != state.bins:
            self._refuse(state, "a hop", hop.shape, (state.hop_shape[0], self.hop_samples))
        if not state.turn.take(False):
            state.turn.refuse()
        try:
            analyse(hop, state.line, state.spectrum, self.window, tuple(state.plan))
        finally:
            state.turn.leave()
        return state.spectrum

    def synthesise(self, spectrum: Planes, state: FrameState) -> Array:
        """Add a frame and return the `(channels, hop_samples)` that it completes, a view of the state.

        They are the samples that came in `delay_samples` before the hop of this frame. Errors as of `analyse`.
        """
        spectrum = real_numbers("a frame", spectrum)
        if spectrum.shape != state.frame_shape or self.bins != state.bins or self.hop_samples != state.hop_shape[1]:
            self._refuse(state, "a frame", spectrum.shape, (2, state.hop_shape[0], self.bins))
        if not state.turn.take(False):
            state.turn.refuse()
        try:
            synthesise(spectrum, state.overlap, state.played, self.dual, tuple(state.plan), self.first)
        finally:
            state.turn.leave()
        return state.played

    def _refuse(self, state: FrameState, name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        """A ValueError for what the kernels, which check nothing, would read or write beyond its end."""
        if found != wanted:
            raise ValueError(f"{name} of shape {found}: expected {wanted}")
        window, hop = state.line.shape[1], state.played.shape[1]
        raise ValueError(f"a state of frames of {window} samples every {hop}: expected one of {self}")


@dataclass
class FrameState:
    """What lies between two hops; a fresh one is `silent`."""

    line: Array
    """The last `window_samples` of the input, (channels, window)."""
    spectrum: Planes
    overlap: Array
    """Samples not yet complete, (channels, window)."""
    played: Array
    plan: Plan

    def __post_init__(self) -> None:
        # What every hop is compared with, at hand.
        self.hop_shape, self.frame_shape, self.bins = self.played.shape, self.spectrum.shape, self.spectrum.shape[2]
        self.turn = Turn("a state of frames")

    @classmethod
    def silent(cls, frames: Frames, channels: int) -> FrameState:
        """The state after endless silence."""
        if not is_whole(channels, 0, MOST_CHANNELS):
            raise ValueError(f"{channels!r} channels: expected a whole number from 0 to {MOST_CHANNELS}")
        return cls(
            line=np.zeros((channels, frames.window_samples), np.float32),
            spectrum=np.zeros((2, channels, frames.bins), np.float32),
            overlap=np.zeros((channels, frames.window_samples), np.float32),
            played=np.zeros((channels, frames.hop_samples), np.float32),
            plan=plan_for(frames.window_samples),
        )


@njit(cache=True, nogil=True, forceinline=True)
def push(line: Array, block: Array) -> None:
    """Shift every row of `line` to the left and write `block` at its end."""
    kept = line.shape[1] - block.shape[1]
    for channel in range(line.shape[0]):
        for n in range(kept):
            line[channel, n] = line[channel, n + block.shape[1]]
        for n in range(block.shape[1]):
            line[channel, kept + n] = block[channel, n]


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def analyse(hop: Array, line: Array, spectrum: Planes, window: Array, plan: Plan) -> None:
    """Push a hop into the line and transform the line."""
    push(line, hop)
    for channel in range(line.shape[0]):
        rfft(line[channel], window, spectrum[0, channel], spectrum[1, channel], plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def synthesise(spectrum: Planes, overlap: Array, played: Array, window: Array, plan: Plan, first: int = 0) -> None:
    """Overlap-add one frame, hand out the samples that no later frame reaches, and shift.

    `window` is 0 before its sample `first`: that is where the samples that go out are.
    """
    hop = played.shape[1]
    for channel in range(overlap.shape[0]):
        irfft_add(spectrum[0, channel], spectrum[1, channel], window, overlap[channel], plan)
        row = overlap[channel, first:]
        kept = row.size - hop
        for n in range(hop):
            played[channel, n] = row[n]
        for n in range(kept):
            row[n] = row[n + hop]
        for n in range(kept, row.size):
            row[n] = np.float32(0)
