"""The carriers of a stream: made of each frame, and settled in loudness with its gains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.frame import (
    CARRIERS,
    CarrierState,
    CarrierTables,
    add_carriers,
    write_amplitudes,
    write_carriers,
)
from dreampedal.effects.spectral.carriers.loudness import settle
from dreampedal.effects.spectral.frame.kernels import Limits
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.effects.spectral.frame.tables import BandTables, MovingBands
from dreampedal.engine.dsp.bands import lay
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.bound import Bound

Array = NDArray[np.float32]


class CarriedFrames:
    """Carriers on frames of one kind, at amplitudes that follow those of the bands."""

    def __init__(self, spec: StreamSpec, frames: Frames) -> None:
        self.spec, self.frames = spec, frames
        self.tables = CarrierTables.of(frames, spec.sample_rate)
        self.bands = BandTables.of(lay(spec.layout, spec.sample_rate, frames.window_samples))
        self.write_carriers, self.add_carriers = Bound(write_carriers), Bound(add_carriers)
        self.write_amplitudes = Bound(write_amplitudes)
        self.reset()
        silence = np.zeros((2, spec.channels, frames.bins), np.float32)
        self.make(silence, 0, np.ones(len(CARRIERS), np.bool_))  # compiled before anything is played
        self.add(silence)
        self.reset()

    def reset(self) -> None:
        """Back to endless silence."""
        self.state = CarrierState.silent(self.spec.channels, self.frames.bins)
        self.amplitudes = np.zeros((2, self.spec.rows, len(CARRIERS), self.frames.bins), np.float32)
        """Of the bins, those before and those now in turn."""
        self.newest = 0
        self.asked = np.zeros(len(CARRIERS), np.bool_)
        """Which carriers are not wholly silent, before or now."""
        self.blended = np.zeros_like(self.amplitudes[0])

    def follow(self, carried: Array) -> None:
        """Take new amplitudes of bands, (rows, carriers, bands)."""
        self.newest = 1 - self.newest
        bands = self.bands
        self.write_amplitudes(carried, bands.below, bands.toward, bands.share, self.amplitudes[self.newest])
        np.any(self.amplitudes, axis=(0, 1, 3), out=self.asked)

    @property
    def sounds(self) -> bool:
        """Whether there is anything to add."""
        return bool(self.asked.any())

    def make(self, spectrum: Array, number: int, asked: NDArray[np.bool_]) -> None:
        """The carriers of a frame, (2, channels, bins), that of the hop `number`."""
        self.write_carriers(spectrum, number, self.tables, asked, self.state)

    def add(self, onto: Array, weight: float = 1.0) -> None:
        """Add them to a frame, (2, channels, bins); `weight`, 0 to 1, is that of the newest amplitudes."""
        before, now = self.amplitudes[1 - self.newest], self.amplitudes[self.newest]
        if weight < 1:
            np.subtract(now, before, out=self.blended)
            self.blended *= np.float32(weight)
            self.blended += before
            now = self.blended
        self.add_carriers(self.state.carriers, now, onto)


class Carrying:
    """What a stream adds to its sound: how loud each carrier is, on the frames of the analysis."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self.places = [CARRIERS.index(name) for name in spec.carriers]
        self.levels = np.zeros(len(CARRIERS), np.float32)
        """How far each is turned up, 0 to 1."""
        self.frames = CarriedFrames(spec, spec.frames)
        self.settle = Bound(settle)
        self.reset()

    def reset(self) -> None:
        """Back to endless silence."""
        self.frames.reset()
        self.wanted = np.zeros((self.spec.rows, len(CARRIERS), self.spec.layout.count), np.float32)
        self.carried = np.zeros_like(self.wanted)
        """Amplitudes as they are played, (rows, carriers, bands)."""
        self.asked = np.zeros(len(CARRIERS), np.bool_)

    def turn(self, levels: Mapping[str, float]) -> None:
        """Turn carriers up to levels from 0 to 1."""
        for name in self.spec.carriers:
            self.levels[CARRIERS.index(name)] = levels[name]

    def find(self, state: SpectralState, moving: MovingBands, limits: Limits, is_matched: bool) -> bool:
        """From the amplitudes that are wanted of the oldest frame to those that are played; with them its gains change.

        If `is_matched`, the frame is as loud as it was before both. Returns whether they were not finite; they then
        count as 0.
        """
        np.greater(self.levels, 0, out=self.asked)
        if not self.asked.any():
            if self.frames.sounds:
                self.carried[:] = 0
                self.frames.follow(self.carried)
            return False
        for place, carrier in enumerate(self.places):
            np.multiply(state.added[:, place], self.levels[carrier], out=self.wanted[:, carrier])
        self.frames.make(state.oldest, state.hops, self.asked)
        lost = self.settle(
            state.oldest, self.frames.state.carriers, self.wanted, self.frames.bands, moving, state.played, limits,
            is_matched, self.carried,
        )  # fmt: skip
        self.frames.follow(self.carried)
        return bool(lost)
