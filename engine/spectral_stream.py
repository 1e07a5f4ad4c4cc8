"""A spectral effect under way: its state, its settings, and what happens in each hop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .ascent import Ascent
from .bands import lay
from .effect import Block
from .fft import scratch
from .guard import MEMORY_SECONDS, GuardState, k_gain
from .spectral_kernels import hear, play, prepare, settle, sound

if TYPE_CHECKING:
    from .spectral import SpectralEffect

NEPERS_PER_DB = float(np.log(10) / 20)
GATE_RELEASE_SECONDS = 0.1
SMOOTHING_SECONDS = 0.02
"""Time in which the weights of the dry sound and of what is added move to where they are set."""

RESOLUTION_HZ = 24.0
"""Neighbouring bands move together within this: gains that differ from bin to bin do not survive overlap-add."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """An effect's parameters as its stream uses them, made anew only when one of them changed."""

    steps: int
    rate: float
    decay: float
    frozen: bool
    amount: float
    gate_db: float
    dry: float
    added: float


@dataclass
class State:
    """What a stream remembers between two blocks, the network's own columns apart; a fresh one is `silent`."""

    line: Array
    """The input as far back as the dry sound needs it, (channels, latency)."""
    spectra: Array
    """The frames not yet played, a ring: (1 + lookahead, 2, channels, bins)."""
    wet: Array
    overlap: Array
    heard: Array
    """Features of the newest frame, (rows, bands)."""
    offset: Array
    """The offset of the frame that was played last, as it was played, (rows, bands)."""
    gains: Array
    awake: NDArray[np.bool_]
    """Whether a row's newest frame is above the gate."""
    gate: Array
    lift: NDArray[np.float64]
    guard: GuardState
    coming: Array
    """The hop of input that is being filled, (channels, hop), and beside it the hop of output that is being read."""
    dry: Array
    added: Array
    ramp: NDArray[np.float64]
    """Weights of dry and added, their aims, their steps a sample, and the samples left on the way."""
    muted_inputs: NDArray[np.int64]
    work: Array
    position: int = 0
    hops: int = 0
    lost_hops: int = 0
    """Hops whose offset was not finite."""
    held_hops: int = 0
    """Hops whose ascent was left out, since inference was late."""

    @classmethod
    def silent(
        cls, sample_rate: float, channels: int, rows: int, bands: int, window: int, hop: int, held: int
    ) -> State:
        """After endless silence; `held` frames wait for later ones before they are played."""
        bins = window // 2 + 1
        return cls(
            line=np.zeros((channels, window + held * hop), np.float32),
            spectra=np.zeros((1 + held, 2, channels, bins), np.float32),
            wet=np.zeros((2, channels, bins), np.float32),
            overlap=np.zeros((channels, window), np.float32),
            heard=np.zeros((rows, bands), np.float32),
            offset=np.zeros((rows, bands), np.float32),
            gains=np.ones((rows, bins), np.float32),
            awake=np.zeros(rows, np.bool_),
            gate=np.zeros(rows, np.float32),
            lift=np.zeros(1),
            guard=GuardState.silent(sample_rate, channels),
            coming=np.zeros((channels, hop), np.float32),
            dry=np.zeros((channels, hop), np.float32),
            added=np.zeros((channels, hop), np.float32),
            ramp=np.zeros(7),
            muted_inputs=np.zeros(1, np.int64),
            work=scratch(window),
        )


class SpectralStream:
    """A running spectral effect; `state` and the columns of `ascent` are all that a signal leaves behind."""

    pace: Callable[[int], bool] | None = None
    """Asked before each ascent, with the hop's number: True, inference is late, leaves it out, and the offset goes on
    as the warm start; the network does not hear that frame. The same answers give the same samples."""

    def __init__(self, effect: SpectralEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.effect, self.sample_rate, self.channels = effect, sample_rate, channels
        self.latency = effect.latency_at(sample_rate)
        self.frames = effect.frames_at(sample_rate)
        model = effect.loaded_model()
        self.layout = effect.layout
        self.bands = lay(self.layout, sample_rate, self.frames.window_samples)
        rows = 1 if effect.link else channels
        self.ascent: Ascent = model.ascent(rows, effect.steps, effect.columns, effect.device)
        self.band_loudness = np.zeros(self.layout.count, np.float32)
        self.bin_loudness = np.zeros(self.frames.bins, np.float32)
        self.hop_seconds = self.frames.hop_samples / sample_rate
        self.gate_release = float(np.exp(-self.hop_seconds / GATE_RELEASE_SECONDS))
        self.guard_keep = float(np.exp(-self.hop_seconds / MEMORY_SECONDS))
        self.out = np.zeros((channels, max_block), np.float32)
        self.seen_changes = -1
        self.seen_target: str | None = None
        self.seen_bands: tuple[float, ...] | None = None
        self.reset()
        # One hop before the first makes sure that every kernel is compiled and every page of memory is there.
        self.process(np.zeros((channels, 1), np.float32))
        self._hop()
        self.reset()

    def reset(self) -> None:
        """Forget everything that was heard."""
        frames, rows = self.frames, self.ascent.channels
        self.state = State.silent(
            self.sample_rate, self.channels, rows, self.layout.count, frames.window_samples, frames.hop_samples,
            self.effect.lookahead_frames,
        )  # fmt: skip
        self.ascent.reset()
        self.ascent.features[:] = self.layout.floor
        self.ascent.result[:] = 0
        self._refresh()
        self.state.ramp[:] = 0
        self.state.ramp[:4] = (self.settings.dry, self.settings.added) * 2

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, delayed by `latency`; NaN and infinity in the input are muted and counted."""
        if self.effect.changes != self.seen_changes:
            self._refresh()
        if block.ndim != 2 or block.shape[0] != self.channels or block.shape[1] > self.out.shape[1]:
            expected = f"({self.channels}, n) with n up to {self.out.shape[1]}"
            raise ValueError(f"block of shape {block.shape}: this stream takes {expected}")
        if block.dtype != np.float32 or not (block.flags.c_contiguous and block.flags.writeable):
            # A kernel is compiled anew for every kind of memory.
            block = np.array(block, np.float32, order="C")
        state, done = self.state, 0
        while done < block.shape[1]:
            done, state.position = sound(
                block, done, state.coming, state.dry, state.added, state.position, state.ramp, self.out,
                state.muted_inputs,
            )  # fmt: skip
            if state.position == state.coming.shape[1]:
                self._hop()
                state.position = 0
        return self.out[:, : block.shape[1]]

    def _hop(self) -> None:
        """One hop of input is whole: hear it, dream on, and make the next hop of output ready."""
        ascent, settings, state, frames, bands = self.ascent, self.settings, self.state, self.frames, self.bands
        held = state.spectra.shape[0]
        newest = state.spectra[state.hops % held]
        hear(
            state.coming, state.line, newest, frames.window, frames.plan.twiddle, frames.plan.untangle, state.work,
            bands.first, bands.start, bands.weights, self.layout.floor, state.heard,
        )  # fmt: skip
        prepare(
            newest, state.heard, self.band_loudness, settings.decay, settings.frozen, settings.gate_db, held,
            ascent.features, ascent.offset, ascent.result, ascent.level, state.awake,
        )  # fmt: skip
        if self.pace is not None and self.pace(state.hops):
            ascent.result[:] = ascent.offset
            state.held_hops += 1
        else:
            ascent.rate[0] = settings.rate if state.awake.any() else 0.0
            ascent.run(settings.steps)
            ascent.commit()
        state.hops += 1
        oldest = state.spectra[state.hops % held]
        lost = settle(
            oldest, ascent.offset, ascent.result, state.awake, ascent.mask, self.bin_loudness, settings.amount,
            float(ascent.reach[0]), settings.gate_db, self.gate_release, state.gate, state.lift, state.offset,
            bands.below, bands.toward, bands.reach, state.gains,
        )  # fmt: skip
        if lost:
            ascent.reset()
            state.lost_hops += 1
        guard = state.guard
        play(
            oldest, state.gains, state.wet, state.overlap, frames.dual, frames.plan.twiddle, frames.plan.untangle,
            state.work, state.line, state.dry, state.added, state.hops * frames.hop_samples - self.latency, state.lift,
            guard.sections, guard.pole, self.guard_keep, guard.filters, guard.dc, guard.energy, guard.gain,
            guard.muted_samples, guard.held_hops,
        )  # fmt: skip

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
        )
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
