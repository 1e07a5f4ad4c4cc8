"""A spectral effect under way: its state, its settings, and what happens in each hop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.fill import level_of, settle_filled
from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.effects.spectral.frame.kernels import hear, make_up, prepare, settle, shift
from dreampedal.effects.spectral.frame.state import Settings, State
from dreampedal.effects.spectral.modes.instant import Instant
from dreampedal.effects.spectral.modes.live import Live
from dreampedal.effects.spectral.modes.mode import Place, Player
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

PLAYERS: dict[str, type[Studio] | type[Live] | type[Instant]] = {"studio": Studio, "live": Live, "instant": Instant}
"""How each mode plays."""


class SpectralStream:
    """A running spectral effect; `state`, the player's own and the columns of `ascent` are all that a signal leaves."""

    pace: Callable[[int], bool] | None = None
    """Asked before each ascent, with the hop's number: True, inference is late, leaves it out, and the offset goes on
    as the warm start; the network does not hear that frame. The same answers give the same samples."""

    def __init__(self, effect: SpectralEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.effect, self.sample_rate, self.channels = effect, sample_rate, channels
        self.frames = effect.frames_at(sample_rate)
        model = effect.loaded_model()
        self.layout = effect.layout
        self.bands = lay(self.layout, sample_rate, self.frames.window_samples)
        rows = 1 if effect.link else channels
        self.place = Place(
            self.frames, self.layout, sample_rate, channels, rows, effect.lookahead_frames,
            effect.phase_lookahead_frames,
        )  # fmt: skip
        self.player: Player = PLAYERS[effect.mode](self.place)
        self.latency = self.player.latency
        self.plays_per_hop = self.frames.hop_samples // self.player.hop
        self.ascent: Ascent = model.ascent(rows, effect.steps, effect.columns, effect.device)
        # A model that runs on the window hears frames that were played beside those that move; others remember them.
        self.played = self.ascent.columns - effect.columns
        self.band_loudness = np.zeros(self.layout.count, np.float32)
        self.bin_loudness = np.zeros(self.frames.bins, np.float32)
        self.hop_seconds = self.frames.hop_samples / sample_rate
        self.level_factor = level_of(self.frames.window)
        self.glide_hops = max(1, round(SMOOTHING_SECONDS * sample_rate / self.player.hop))
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
        self.state = State.silent(self.place, self.player.waited_samples)
        self.player.reset()
        self.ascent.reset()
        self.ascent.features[:] = self.layout.floor
        self.ascent.result[:] = 0
        self._refresh()
        self.state.ramp[:] = 0
        self.state.ramp[:4] = (self.settings.dry, self.settings.added) * 2
        for glide in (self.state.floor, self.state.estimated):
            glide.now, glide.hops_left = glide.aim, 0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, delayed by `latency`; NaN and infinity in the input are muted and counted."""
        if block.ndim != 2 or block.shape[0] != self.channels or block.shape[1] > self.out.shape[1]:
            expected = f"({self.channels}, n) with n up to {self.out.shape[1]}"
            raise ValueError(f"block of shape {block.shape}: this stream takes {expected}")
        if block.dtype != np.float32 or not (block.flags.c_contiguous and block.flags.writeable):
            # A kernel is compiled anew for every kind of memory.
            block = np.array(block, np.float32, order="C")
        with self._turn:
            if self.effect.changes != self.seen_changes:
                self._refresh()
            state, player, done = self.state, self.player, 0
            while done < block.shape[1]:
                begun = done
                done = player.sound(block, done, self.out, state)
                state.position += done - begun
                if state.position == player.hop:
                    self._play()
        return self.out[:, : block.shape[1]]

    def _play(self) -> None:
        """One of the player's hops is whole: dream on if one of the model's is, and make the next one ready."""
        state = self.state
        state.plays += 1
        state.floor.move()
        state.estimated.move()
        dreams = state.plays % self.plays_per_hop == 0
        if dreams:
            self._dream()
            self.player.follow(state)
        self.player.play(state)
        if dreams:
            make_up(state.guard.energy, state.lift)
        shift(state.line, self.player.hop)
        state.position = 0

    def _dream(self) -> None:
        """One of the model's hops is whole: hear it, dream on, and find the gains of the oldest frame."""
        ascent, settings, state, frames, bands = self.ascent, self.settings, self.state, self.frames, self.bands
        held = state.spectra.shape[0]
        newest = state.spectra[state.hops % held]
        hear(
            state.line, newest, frames.window, state.plan, bands.first, bands.start, bands.weights,
            self.layout.floor, state.heard,
        )  # fmt: skip
        prepare(
            newest, state.heard, self.band_loudness, settings.decay, settings.frozen, settings.gate_db,
            self.played + held, ascent.features, ascent.offset, ascent.result, ascent.level, state.awake,
        )  # fmt: skip
        if self.pace is not None and self.pace(state.hops):
            ascent.result[:] = ascent.offset
            state.held_hops += 1
        else:
            ascent.rate[0] = settings.rate if state.awake.any() else 0.0
            ascent.run(settings.steps)
            ascent.commit()
            ascent.result[:, :, : self.played] = ascent.offset[:, :, : self.played]
        state.hops += 1
        oldest = state.spectra[state.hops % held]
        lost = settle(
            oldest, ascent.offset, ascent.result, self.played, state.awake, ascent.mask, self.bin_loudness,
            settings.amount, float(ascent.reach[0]), settings.gate_db, self.gate_release, state.gate, state.lift,
            state.offset, bands.below, bands.toward, bands.reach, state.gains,
        )  # fmt: skip
        if state.floor.now > 0:
            settle_filled(
                oldest, ascent.mask, self.bin_loudness, settings.amount, float(ascent.reach[0]), state.gate, state.lift,
                state.floor.now, self.level_factor, state.offset, bands.below, bands.toward, bands.reach, state.gains,
            )  # fmt: skip
        if lost:
            ascent.reset()
            state.lost_hops += 1

    def _refresh(self) -> None:
        """Read the effect's parameters anew; what costs time only where it changed."""
        effect, ramp = self.effect, self.state.ramp
        self.seen_changes = effect.changes
        keep = float(np.exp(-self.hop_seconds / effect.memory_seconds)) if effect.memory_seconds > 0 else 0.0
        reach = effect.reach_db * NEPERS_PER_DB
        level = 10 ** (effect.output_db / 20)
        self.settings = Settings(
            steps=effect.steps,
            rate=0.0 if effect.freeze else reach * float(np.sqrt(1 - keep)) / effect.steps,
            decay=1.0 if effect.freeze else keep,
            frozen=effect.freeze,
            amount=effect.amount,
            gate_db=effect.gate_db,
            dry=0.0 if effect.listen == "delta" else level,
            added=level * effect.mix,
            floor=effect.fill * 10 ** (-effect.fill_floor_db / 20),
            estimated=1.0 if effect.phase == "estimate" else 0.0,
        )
        self.state.floor.to(self.settings.floor, self.glide_hops)
        self.state.estimated.to(self.settings.estimated, self.glide_hops)
        self.ascent.reach[0] = reach
        if effect.target != self.seen_target:
            self._aim()
        if (effect.smoothing, effect.low_hz, effect.high_hz) != self.seen_bands:
            self._choose_bands()
        if (ramp[2], ramp[3]) != (self.settings.dry, self.settings.added):
            ramp[2:4] = self.settings.dry, self.settings.added
            ramp[6] = max(1, round(SMOOTHING_SECONDS * self.sample_rate))
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
        effect, centres = self.effect, self.layout.centres_hz
        self.seen_bands = effect.smoothing, effect.low_hz, effect.high_hz
        mask = self.bands.audible & (centres >= effect.low_hz) & (centres <= effect.high_hz)
        self.ascent.mask[:] = mask
        self.player.choose(mask)
        widths = np.maximum(effect.smoothing, RESOLUTION_HZ / np.gradient(centres))
        self.ascent.shape[:] = smoother(mask, np.maximum(widths, 1e-3))
        self.band_loudness[:] = mask * k_gain(centres)
        hz = np.arange(self.frames.bins) * self.sample_rate / self.frames.window_samples
        self.bin_loudness[:] = np.interp(hz, centres, mask.astype(float)) * self.bands.reach * k_gain(hz)


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
