"""What gain cannot give: magnitudes that the input lacks, and phases that it does not have.

Gain raises what is there. Where a frame has next to nothing, a dream of it stays next to nothing: `fill` gives every
bin that is turned up at least a floor, so many decibels under the level of its frame, and only what gain alone leaves
short of that comes with an estimated phase. With phase = "estimate" the phase of whatever gain changes is estimated
too, since that of the input belongs to other magnitudes.

What is wanted of bin k, g being its gain and L the level of its channel's frame:

    |Y| = max(|X| · g, F),    F -> o(g) · fill · L · 10^(-fill_floor_db / 20) · t(k) · g

The floor opens (o) from gain 1 to `OPEN`: where nothing is turned up, nothing is added, and an effect that does nothing
is the dry sound itself. A frame under the gate has gain 1. The floor is flat up to 1 kHz and falls by 3 dB an octave
above (t). It follows the dream (->) in some tens of milliseconds, up and down, so that a fill swells and fades and does
not flicker; in silence L is 0, and F with it. What is filled in sounds like a breath of noise with the spectrum of the
dream, since its phase leans a little towards that of noise.

When to estimate the phase of all that gain changes (phase = "estimate"): where a target is a layer or a filter of one,
whose pattern the magnitudes alone make. Over twelve recordings it then gains 5 to 10 % more than with the input's
phase (presets inner_contours and struck_glass, in both modes). Of a class it gains up to 6 % less (hall_of_flutes,
ghost_choir), and less on most recordings: leave those at the input's phase.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.fill import (
    PINK_FROM,
    Floors,
    Wanted,
    bandwidth_of,
    follow_of,
    level_of,
    makeup_of,
    tilt,
    write_wanted,
)
from dreampedal.engine.dsp.fft.real import plan_for, rfft
from dreampedal.engine.dsp.phase.streaming import Estimator
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.bound import Bound

Array = NDArray[np.float32]

METHOD = "hybrid"
"""Iterations on the newest frames, begun from the gradient of the magnitudes; at any look-ahead, none too."""

NOISE_HOPS = 512
"""After so many hops the noise that phases lean towards begins again."""


class EstimatedPhase:
    """Estimates the phase of one renderer's frames; rests, at no cost, while nothing asks for it."""

    def __init__(self, frames: Frames, analysed: Frames, channels: int, lookahead_frames: int) -> None:
        """`frames` are those that are played, `analysed` those of the model, on which the floor is meant."""
        self.frames, self.channels, self.lookahead_frames = frames, channels, lookahead_frames
        wider = bandwidth_of(frames.window) / bandwidth_of(analysed.window)
        pink_from = PINK_FROM * frames.window_samples / analysed.window_samples
        self.floors = Floors(
            levels=np.float32(level_of(frames.window) * wider) * tilt(frames.bins, pink_from),
            makeup=makeup_of(frames.window, frames.dual, frames.hop_samples),
            keeps=follow_of(frames.hop_samples, analysed.window_samples),
            noise=np.zeros((2, frames.bins), np.float32),
        )
        chance = np.random.default_rng(0)
        samples = NOISE_HOPS * frames.hop_samples + frames.window_samples
        self.noise_line = chance.standard_normal(samples, np.float32)
        self.plan = plan_for(frames.window_samples)
        angle = chance.uniform(0, 2 * np.pi, (channels, frames.bins))
        self.scattered = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
        """Phases to begin with, the same each time: bins that all began at the same one would be a click."""
        self.estimator: Estimator | None = None
        self.write_wanted = Bound(write_wanted)
        self.reset()

    def reset(self) -> None:
        """Back to endless silence."""
        shape = (2, self.channels, self.frames.bins)
        self.wanted = Wanted.silent(self.channels, self.frames.bins)
        self.waiting = np.zeros((1 + self.lookahead_frames, *shape), np.float32)
        """The input's frames that the estimator holds, a ring: (1 + lookahead, 2, channels, bins)."""
        self.added = np.zeros(shape, np.float32)
        """The estimated frame less the input's."""
        self.hops = 0
        """Frames since it began; 0 while it rests."""
        if self.estimator is not None:
            self.estimator.reset()
            self.estimator.state.turn[:] = self.scattered

    def asked(self, floor: float, estimated: float) -> bool:
        """Whether anything is to be done; what rested long ago begins in silence."""
        if floor > 0 or estimated > 0 or self.lookahead_frames:
            return True
        if self.hops:
            self.reset()
        return False

    def add(self, spectrum: Array, gains: Array, floor: float, estimated: float) -> Array:
        """What is added to the frame `lookahead_frames` before `spectrum` (2, channels, bins): (2, channels, bins).

        `gains` are complex: two planes, (2, rows, bins). `floor` is the least amplitude of a bin that is turned up,
        against the level of its frame; `estimated`, 0 to 1, how much of the phase of what gain changes is estimated.
        """
        if self.estimator is None:
            self.estimator = Estimator(self.frames, self.channels, METHOD, self.lookahead_frames)
            self.estimator.state.turn[:] = self.scattered
        if floor > 0:
            self._analyse_noise(self.hops % NOISE_HOPS * self.frames.hop_samples)
        self.write_wanted(spectrum, gains, floor, estimated, self.floors, self.wanted)
        self.waiting[self.hops % self.waiting.shape[0]] = spectrum
        self.hops += 1
        played = self.estimator.push(self.wanted.magnitude, self.wanted.known, self.wanted.weight)
        np.subtract(played, self.waiting[self.hops % self.waiting.shape[0]], out=self.added)
        return self.added

    def _analyse_noise(self, begin: int) -> None:
        """The frame of noise that begins at a sample of its line, the same in every channel."""
        noise, window = self.floors.noise, self.frames.window
        line = self.noise_line[begin : begin + window.size]
        rfft(line, window, noise[0], noise[1], self.plan)
