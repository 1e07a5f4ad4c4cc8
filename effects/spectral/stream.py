"""An effect on bands under way: its state, its settings, and what happens in each hop."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.base import NEPERS_PER_DB, SMOOTHING_SECONDS, BandEffect
from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.effects.spectral.frame.kernels import Limits, analyse, match_loudness, shift, update_makeup_gain
from dreampedal.effects.spectral.frame.state import SpectralState
from dreampedal.effects.spectral.frame.tables import BandTables, MovingBands, Transform
from dreampedal.engine.dsp.bands import lay
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.turns import Turn

GATE_RELEASE_SECONDS = 0.1

Array = NDArray[np.float32]


class BandStream(ABC):
    """A running effect on bands; a signal leaves only `state` and the renderer's own."""

    shares: tuple[float, ...] = (0.0,)
    """How much is filled in and estimated while kernels are compiled, before anything is played."""

    effect: BandEffect

    def __init__(self, effect: BandEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.effect, self.spec = effect, effect.spec(sample_rate, channels)
        frames, bands = self.spec.frames, self.spec.layout.count
        self.renderer = effect.renderer(self.spec)
        self.latency = self.renderer.latency
        self.plays_per_hop = frames.hop_samples // self.renderer.hop
        self.bands = lay(self.spec.layout, sample_rate, frames.window_samples)
        self.tables, self.transform = BandTables.of(self.bands), Transform.of(frames.window, frames.dual)
        mask, band_loudness = np.zeros((2, bands), np.float32)
        self.moving = MovingBands(mask, band_loudness, np.zeros(frames.bins, np.float32))
        self.gate_release = float(np.exp(-frames.hop_samples / sample_rate / GATE_RELEASE_SECONDS))
        self.out = np.zeros((channels, max_block), np.float32)
        self.analyse, self.match_loudness = Bound(analyse), Bound(match_loudness)
        self.seen_changes = -1
        self.seen_bands: tuple[float, ...] | None = None
        self._turn = Turn(f"a stream of {type(effect).__name__}")
        self.reset()
        # One hop before the first makes sure that every kernel is compiled and every page of memory is there.
        self.process(np.zeros((channels, 1), np.float32))
        for share in self.shares:
            self.state.floor.now = self.state.estimated.now = share
            for _ in range(self.plays_per_hop):
                self._play()
        if self.renderer.carrying is not None:
            self.renderer.carrying.levels[:] = 1
            for _ in range(self.plays_per_hop):
                self._play()
        self.reset()

    def reset(self) -> None:
        """Forget everything that was heard."""
        with self._turn:
            self.state = SpectralState.silent(self.spec, self.renderer.hop, self.renderer.waited_samples)
            self.renderer.reset()
            self._forget()
            self._refresh()
            ramp = self.state.io.ramp
            ramp[:2], ramp[4:] = ramp[2:4], 0
            self.state.floor.arrive()
            self.state.estimated.arrive()
            self.renderer.motion.reset()

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, delayed by `latency`; NaN and infinity in the input are muted and counted."""
        if block.ndim != 2 or block.shape[0] != self.spec.channels or block.shape[1] > self.out.shape[1]:
            expected = f"({self.spec.channels}, n) with n up to {self.out.shape[1]}"
            raise ValueError(f"block of shape {block.shape}: this stream takes {expected}")
        if block.dtype != np.float32 or not block.flags.carray:
            # What is compiled is for this kind of memory.
            block = np.array(block, np.float32, order="C")
        with self._turn:
            if self.effect.changes != self.seen_changes:
                self._refresh()
            state, renderer, done = self.state, self.renderer, 0
            while done < block.shape[1]:
                begun = done
                done = renderer.render(block, done, self.out, state)
                state.position += done - begun
                if state.position == renderer.hop:
                    self._play()
        return self.out[:, : block.shape[1]]

    def _play(self) -> None:
        """One of the renderer's hops is whole: find gains if one of the frames' is, and make the next one ready."""
        state = self.state
        state.plays += 1
        state.floor.move()
        state.estimated.move()
        is_frame = state.plays % self.plays_per_hop == 0
        if is_frame:
            self._find_gains()
            self.renderer.follow(state)
        self.renderer.advance(state)
        if is_frame and self.effect.keeps_loudness:
            update_makeup_gain(state.guard.energy, state.played.makeup_gain)
        shift(state.io.line, self.renderer.hop)
        state.position = 0

    def _find_gains(self) -> bool:
        """Analyse the newest frame, and find the gains of the oldest one; returns whether its offset was not finite."""
        state, newest = self.state, self.state.oldest  # it was played, and gives its place to the newest
        self.analyse(state.io.line, newest, self.transform, self.tables, state.features)
        self._find_offset(newest)
        state.hops += 1
        matched, carrying = self.effect.keeps_loudness, self.renderer.carrying
        lost = self.match_loudness(
            state.oldest, state.wanted, self.tables, self.moving, state.played, self.limits, matched
        )
        if carrying is not None:
            lost |= carrying.find(state, self.moving, self.limits, matched)
        state.lost_hops += lost
        return bool(lost)

    def _refresh(self) -> None:
        """Read the effect's parameters anew; what costs time only where it changed."""
        effect, ramp, level = self.effect, self.state.io.ramp, 10 ** (self.effect.output_db / 20)
        self.seen_changes, self.frozen = effect.changes, effect.freeze
        self.limits = Limits(effect.amount, effect.reach_db * NEPERS_PER_DB, effect.gate_db, self.gate_release)
        self.renderer.motion.aim(*effect.motion())
        if self.renderer.carrying is not None:
            self.renderer.carrying.turn(effect.carrier_levels())
        if self._bands() != self.seen_bands:
            self.seen_bands = self._bands()
            self._select_bands()
        weights = 0.0 if effect.listen == "delta" else level, level * effect.mix
        if (ramp[2], ramp[3]) != weights:
            ramp[2:4] = weights
            ramp[6] = max(1, round(SMOOTHING_SECONDS * self.spec.sample_rate))
            ramp[4:6] = (ramp[2:4] - ramp[:2]) / ramp[6]

    def _bands(self) -> tuple[float, ...]:
        """What decides which bands move, and how."""
        return self.effect.low_hz, self.effect.high_hz

    def _select_bands(self) -> None:
        """Which bands move, and what each of them weighs in loudness."""
        effect, centres, frames = self.effect, self.spec.layout.centres_hz, self.spec.frames
        mask = self.bands.audible & (centres >= effect.low_hz) & (centres <= effect.high_hz)
        self.moving.mask[:] = mask
        self.renderer.select_bands(mask)
        self.moving.band_loudness[:] = mask * k_gain(centres)
        hz = np.arange(frames.bins) * self.spec.sample_rate / frames.window_samples
        self.moving.bin_loudness[:] = np.interp(hz, centres, mask.astype(float)) * self.bands.reach * k_gain(hz)

    @abstractmethod
    def _forget(self) -> None:
        """Back to endless silence."""

    @abstractmethod
    def _find_offset(self, spectrum: Array) -> None:
        """From the newest frame, (2, channels, bins), and its features to the offset that is wanted of the oldest."""
