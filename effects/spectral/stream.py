"""A spectral effect under way: its state, its settings, and what happens in each hop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.fill import level_of, match_filled_loudness
from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.effects.spectral.frame.kernels import (
    Columns,
    Limits,
    analyse,
    match_loudness,
    prepare,
    shift,
    update_makeup_gain,
)
from dreampedal.effects.spectral.frame.state import SpectralState
from dreampedal.effects.spectral.frame.tables import BandTables, MovingBands, Transform
from dreampedal.effects.spectral.modes.instant import Instant
from dreampedal.effects.spectral.modes.live import Live
from dreampedal.effects.spectral.modes.renderer import Renderer
from dreampedal.effects.spectral.modes.studio import Studio
from dreampedal.engine.dsp.bands import lay
from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.turns import Turn

if TYPE_CHECKING:
    from dreampedal.effects.spectral.effect import SpectralEffect

NEPERS_PER_DB = float(np.log(10) / 20)
GATE_RELEASE_SECONDS = 0.1
SMOOTHING_SECONDS = 0.02
"""Time in which the weights of the dry sound and of what is added move to where they are set."""

RESOLUTION_HZ = 24.0
"""Neighbouring bands move together within this: gains that differ from bin to bin do not survive overlap-add."""

Array = NDArray[np.float32]

RENDERERS: dict[str, type[Studio] | type[Live] | type[Instant]] = {"studio": Studio, "live": Live, "instant": Instant}
"""What renders each mode."""


class AscentSettings(NamedTuple):
    """An effect's parameters as its stream uses them, made anew only when one of them changed."""

    steps: int
    rate: float
    decay: float
    frozen: bool
    dry: float
    added: float


class SpectralStream:
    """A running spectral effect; a signal leaves only `state`, the renderer's own and the columns of `ascent`."""

    pace: Callable[[int], bool] | None = None
    """Asked before each ascent, with the hop's number: True, inference is late, leaves it out, and the offset goes on
    as the warm start; the network does not hear that frame. The same answers give the same samples."""

    def __init__(self, effect: SpectralEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.effect, self.spec = effect, effect.spec(sample_rate, channels)
        frames = self.spec.frames
        self.renderer: Renderer = RENDERERS[effect.mode](self.spec)
        self.latency = self.renderer.latency
        self.plays_per_hop = frames.hop_samples // self.renderer.hop
        self.bands = lay(self.spec.layout, sample_rate, frames.window_samples)
        self.tables, self.transform = BandTables.of(self.bands), Transform.of(frames.window, frames.dual)
        self.ascent: Ascent = effect.loaded_model().ascent(self.spec.rows, effect.steps, effect.columns, effect.device)
        # A model that runs on the window hears frames that were played beside those that move; others remember them.
        self.played = self.ascent.columns - effect.columns
        ascent = self.ascent
        self.columns = Columns(ascent.features, ascent.offset, ascent.result, ascent.level)
        band_loudness, bin_loudness = np.zeros(self.spec.layout.count, np.float32), np.zeros(frames.bins, np.float32)
        self.moving = MovingBands(ascent.mask, band_loudness, bin_loudness)
        self.hop_seconds = frames.hop_samples / sample_rate
        self.level_factor = level_of(frames.window)
        self.ramp_hops = max(1, round(SMOOTHING_SECONDS * sample_rate / self.renderer.hop))
        self.gate_release = float(np.exp(-self.hop_seconds / GATE_RELEASE_SECONDS))
        self.out = np.zeros((channels, max_block), np.float32)
        self.seen_changes = -1
        self.seen_target: str | None = None
        self.seen_bands: tuple[float, ...] | None = None
        self._turn = Turn(f"a stream of {type(effect).__name__}")
        self.reset()
        # One hop before the first makes sure that every kernel is compiled and every page of memory is there; those of
        # fill and phase too, which may be turned on in the middle of a performance.
        self.process(np.zeros((channels, 1), np.float32))
        for share in (0.0, 1.0):
            self.state.floor.now = self.state.estimated.now = share
            for _ in range(self.plays_per_hop):
                self._play()
        self.reset()

    def reset(self) -> None:
        """Forget everything that was heard."""
        with self._turn:
            self._reset()

    def _reset(self) -> None:
        self.state = SpectralState.silent(self.spec, self.renderer.hop, self.renderer.waited_samples)
        self.renderer.reset()
        self.ascent.reset()
        self.ascent.features[:] = self.spec.layout.floor
        self.ascent.result[:] = 0
        self._refresh()
        self.state.io.ramp[:] = 0
        self.state.io.ramp[:4] = (self.settings.dry, self.settings.added) * 2
        for ramp in (self.state.floor, self.state.estimated):
            ramp.now, ramp.hops_left = ramp.aim, 0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, delayed by `latency`; NaN and infinity in the input are muted and counted."""
        if block.ndim != 2 or block.shape[0] != self.spec.channels or block.shape[1] > self.out.shape[1]:
            expected = f"({self.spec.channels}, n) with n up to {self.out.shape[1]}"
            raise ValueError(f"block of shape {block.shape}: this stream takes {expected}")
        if block.dtype != np.float32 or not (block.flags.c_contiguous and block.flags.writeable):
            # A kernel is compiled anew for every kind of memory.
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
        """One of the renderer's hops is whole: dream on if one of the model's is, and make the next one ready."""
        state = self.state
        state.plays += 1
        state.floor.move()
        state.estimated.move()
        dreams = state.plays % self.plays_per_hop == 0
        if dreams:
            self._dream()
            self.renderer.follow(state)
        self.renderer.advance(state)
        if dreams:
            update_makeup_gain(state.guard.energy, state.played.makeup_gain)
        shift(state.io.line, self.renderer.hop)
        state.position = 0

    def _dream(self) -> None:
        """One of the model's hops is whole: hear it, dream on, and find the gains of the oldest frame."""
        ascent, settings, state = self.ascent, self.settings, self.state
        held = state.spectra.shape[0]
        newest = state.spectra[state.hops % held]
        analyse(state.io.line, newest, self.transform, self.tables, state.features)
        awake = prepare(
            newest, state.features, self.moving.band_loudness, settings.decay, settings.frozen, self.limits.gate_db,
            self.played + held, self.columns, state.awake,
        )  # fmt: skip
        if self.pace is not None and self.pace(state.hops):
            ascent.result[:] = ascent.offset
            state.held_hops += 1
        else:
            ascent.rate[0] = settings.rate if awake else 0.0
            ascent.run(settings.steps)
            ascent.commit()
            ascent.result[:, :, : self.played] = ascent.offset[:, :, : self.played]
        if awake < self.spec.rows:  # one channel's dream does not grow while only another plays
            ascent.result[~state.awake] = ascent.offset[~state.awake]
        np.copyto(state.wanted, ascent.result[:, :, self.played])
        state.hops += 1
        oldest = state.spectra[state.hops % held]
        lost = match_loudness(oldest, state.wanted, self.tables, self.moving, state.played, self.limits, True)
        if state.floor.now > 0:
            match_filled_loudness(
                oldest, state.floor.now, self.level_factor, self.tables, self.moving, state.played, self.limits
            )
        if lost:
            ascent.result[:] = 0
            ascent.reset()
            state.lost_hops += 1

    def _refresh(self) -> None:
        """Read the effect's parameters anew; what costs time only where it changed."""
        effect, ramp = self.effect, self.state.io.ramp
        self.seen_changes = effect.changes
        keep = float(np.exp(-self.hop_seconds / effect.memory_seconds)) if effect.memory_seconds > 0 else 0.0
        reach = effect.reach_db * NEPERS_PER_DB
        level = 10 ** (effect.output_db / 20)
        self.settings = AscentSettings(
            steps=effect.steps,
            rate=0.0 if effect.freeze else reach * float(np.sqrt(1 - keep)) / effect.steps,
            decay=1.0 if effect.freeze else keep,
            frozen=effect.freeze,
            dry=0.0 if effect.listen == "delta" else level,
            added=level * effect.mix,
        )
        self.state.floor.to(effect.fill * 10 ** (-effect.fill_floor_db / 20), self.ramp_hops)
        self.state.estimated.to(1.0 if effect.phase == "estimate" else 0.0, self.ramp_hops)
        self.ascent.reach[0] = reach
        self.limits = Limits(effect.amount, float(self.ascent.reach[0]), effect.gate_db, self.gate_release)
        if effect.target != self.seen_target:
            self._aim()
        if (effect.smoothing, effect.low_hz, effect.high_hz) != self.seen_bands:
            self._choose_bands()
        if (ramp[2], ramp[3]) != (self.settings.dry, self.settings.added):
            ramp[2:4] = self.settings.dry, self.settings.added
            ramp[6] = max(1, round(SMOOTHING_SECONDS * self.spec.sample_rate))
            ramp[4:6] = (ramp[2:4] - ramp[:2]) / ramp[6]

    def _aim(self) -> None:
        """Hand the target over."""
        self.seen_target = self.effect.target
        wanted = self.effect.injections()
        for name in wanted.u:
            self.ascent.u[name][:] = wanted.u[name]
            self.ascent.v[name][:] = wanted.v[name]
        self.ascent.classes[:] = wanted.classes

    def _choose_bands(self) -> None:
        """Which bands move, how far they move together, and what each of them weighs in loudness."""
        effect, centres = self.effect, self.spec.layout.centres_hz
        self.seen_bands = effect.smoothing, effect.low_hz, effect.high_hz
        mask = self.bands.audible & (centres >= effect.low_hz) & (centres <= effect.high_hz)
        self.ascent.mask[:] = mask
        self.renderer.select_bands(mask)
        widths = np.maximum(effect.smoothing, RESOLUTION_HZ / np.gradient(centres))
        self.ascent.shape[:] = smoother(mask, np.maximum(widths, 1e-3))
        self.moving.band_loudness[:] = mask * k_gain(centres)
        frames = self.spec.frames
        hz = np.arange(frames.bins) * self.spec.sample_rate / frames.window_samples
        self.moving.bin_loudness[:] = np.interp(hz, centres, mask.astype(float)) * self.bands.reach * k_gain(hz)


def smoother(mask: NDArray[np.bool_], widths: NDArray[np.float64]) -> Array:
    """The symmetric matrix that spreads a gradient over neighbouring bands, within `mask`.

    Gaussian, as wide as the geometric mean of the two bands' `widths`, in bands.

    >>> smoother(np.array([True, True, False]), np.full(3, 1e-3)).round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    index = np.arange(mask.size)
    apart = (index[:, None] - index) ** 2 / np.outer(widths, widths)
    kernel = np.exp(-0.5 * apart)
    kernel /= np.sqrt(np.outer(kernel.sum(1), kernel.sum(1)))
    return np.asarray(kernel * np.outer(mask, mask), np.float32)
