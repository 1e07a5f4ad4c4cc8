"""Mode `instant`: the newest offset as a filter in the time domain, with no latency at all.

The filter is the minimum-phase response of the newest offset, cut to half a window of taps, less the direct sound: it
makes what is added. From one hop to the next, two filters' outputs are cross-faded. Each output sample is a dot product
of its own, so that no cut of the signal into blocks changes its rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import SILENCE, k_weighted, ramped, update_guard_gain
from dreampedal.effects.spectral.frame.kernels import give, take
from dreampedal.effects.spectral.frame.minimum_phase import MinimumPhase
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.effects.spectral.modes.renderer import Renderer
from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add
from dreampedal.engine.dsp.rates import at_rate, dividing_hop
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

GUARD_HOP = 64
"""Samples between two updates of the guard, at 44.1 and 48 kHz."""

FADE = 256
"""Samples in which a filter gives way to the next, at 44.1 and 48 kHz."""

TAPERED = 0.25
"""Share of the taps over which a filter is faded out, half of a Hann window."""

QUICK_SECONDS = 0.005
QUICK_MARGIN_DB = 1.5
"""How much louder than the guard allows a moment may become: a mean over `QUICK_SECONDS`, since no frame tells what
comes."""


class InstantState(NamedTuple):
    """What lies between two samples."""

    taps: Array
    """Two filters, the one before and the one now in turn, last tap first: (2, rows, taps)."""
    adds: NDArray[np.bool_]
    """Whether each of the two adds anything."""
    response: Array
    impulse: Array
    added: Array
    """What is added in this hop, (channels, hop)."""
    start: NDArray[np.float64]
    """The guard's gain at the beginning of this hop, shape (1,)."""
    means: NDArray[np.float64]
    """K-weighted mean squares over `QUICK_SECONDS`, (rows, 3): dry·dry, dry·added, added·added."""


class Pace(NamedTuple):
    """How fast filters and loudness change."""

    fade: int
    """Samples in which a filter gives way to the next."""
    quick: float
    """What a sample is to the means over `QUICK_SECONDS`."""
    ratio: float
    """Power by which such a mean may exceed the dry sound's."""


class Instant(Renderer):
    """Filters each sample as it comes."""

    name, label, how = "instant", "filter", "as a filter (at once)"
    usual_latency = 0
    refuses: ClassVar[Mapping[str, str]] = {
        "lookahead_frames": "waits for no frame",
        **dict.fromkeys(("fill", "phase", "phase_lookahead_frames"), "has no frames to estimate"),
        **dict.fromkeys(("below", "deep", "above", "breath"), "has no frames to make carriers of"),
        **dict.fromkeys(("vibrato", "tremolo", "strike"), "adds what one filter makes, and no more"),
    }

    def __init__(self, spec: StreamSpec) -> None:
        super().__init__(spec)
        window = spec.frames.window_samples
        self.pace = Pace(
            fade=min(at_rate(FADE, spec.sample_rate), spec.frames.hop_samples),
            quick=1 - float(np.exp(-1 / QUICK_SECONDS / spec.sample_rate)),
            ratio=10 ** ((spec.margin_db + QUICK_MARGIN_DB) / 10),
        )
        self.phase = MinimumPhase(spec.layout, spec.sample_rate, window)
        self.taps = window // 2
        tapered = round(TAPERED * self.taps)
        taper = np.zeros(window, np.float32)
        taper[: self.taps] = 1
        taper[self.taps - tapered : self.taps] = np.cos(np.pi / 2 * (np.arange(tapered) + 0.5) / tapered) ** 2
        self.tapered = self.phase.transform._replace(synthesis=taper)
        self.filter_block, self.write_taps = Bound(filter_block), Bound(write_taps)
        self.update_guard_gain = Bound(update_guard_gain_of_rows)
        self.reset()

    @classmethod
    def hop_of(cls, spec: StreamSpec) -> int:
        """Samples between two updates of the guard."""
        return dividing_hop(spec.frames.hop_samples, at_rate(GUARD_HOP, spec.sample_rate))

    @classmethod
    def latency_of(cls, spec: StreamSpec) -> int:
        """None."""
        return 0

    def reset(self) -> None:
        """Back to endless silence."""
        spec, window = self.spec, self.spec.frames.window_samples
        self.state = InstantState(
            taps=np.zeros((2, spec.rows, self.taps), np.float32),
            adds=np.zeros(2, np.bool_),
            response=np.zeros((spec.rows, 2, window // 2 + 1), np.float32),
            impulse=np.zeros(window, np.float32),
            added=np.zeros((spec.channels, self.hop), np.float32),
            start=np.zeros(1),
            means=np.zeros((spec.rows, 3)),
        )
        self.newest = 0  # which of the two filters is the newest
        self.age = 0  # samples from then to the beginning of this hop

    def render(self, block: Block, done: int, out: Block, state: SpectralState) -> int:
        """Filter up to the end of the hop."""
        reached = self.filter_block(
            block, done, out, state.io, state.position, self.newest, self.age, self.state, self.pace, state.guard
        )
        return int(reached)

    def follow(self, state: SpectralState) -> None:
        """Fade over to the filter of the new offset."""
        own = self.state
        self.newest, self.age = 1 - self.newest, -self.hop
        own.adds[self.newest] = self.phase.respond(state.played.offset, own.response)
        self.write_taps(own.response, own.adds[self.newest], self.tapered, own.impulse, own.taps[self.newest])

    def advance(self, state: SpectralState) -> None:
        """Update the guard after the hop that is over; its gain is reached within the next one."""
        self.age += self.hop
        self.update_guard_gain(state.guard, self.hop, self.state.start)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def write_taps(response, adds, transform, impulse, taps):  # type: ignore[no-untyped-def]
    """From responses (rows, 2, bins) to filters (rows, taps), last tap first, each faded out by the taper."""
    for row in range(taps.shape[0]):
        impulse[:] = np.float32(0)
        if adds:
            re, im = response[row, 0], response[row, 1]
            irfft_add(re, im, transform.synthesis, impulse, transform.plan)
        for n in range(taps.shape[1]):
            taps[row, n] = impulse[taps.shape[1] - 1 - n]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def update_guard_gain_of_rows(guard, samples, start):  # type: ignore[no-untyped-def]
    """The guard's gain after a hop whose powers (channels, 3) were added up row by row."""
    powers = guard.powers
    for row in range(1, powers.shape[0]):
        for n in range(3):
            powers[0, n] += powers[row, n]
    start[0] = guard.gain[0]
    update_guard_gain(guard, samples)
    powers[:] = 0.0


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def dot(samples, taps):  # type: ignore[no-untyped-def]
    """One output sample of one filter."""
    total = np.float32(0)
    for n in range(taps.size):
        total += taps[n] * samples[n]
    return total


@njit(cache=True, nogil=True, forceinline=True)
def filtered(line, at, row, own, newest, age, fade, added):  # type: ignore[no-untyped-def]
    """One channel from `line[at]` on through a row of the newest of two filters, faded in, into all of `added`."""
    taps, adds = own.taps, own.adds
    before, now, back = 1 - newest, newest, taps.shape[2] - 1
    for n in range(added.size):
        past = line[at + n - back : at + n + 1]
        total = dot(past, taps[now, row]) if adds[now] else np.float32(0)
        if age + n + 1 < fade and (adds[now] or adds[before]):
            was = dot(past, taps[before, row]) if adds[before] else np.float32(0)
            total = was + np.float32((age + n + 1) / fade) * (total - was)
        added[n] = total


@njit(cache=True, nogil=True, forceinline=True)
def hold_bursts(line, at, added, row, begin, stop, own, pace, guard):  # type: ignore[no-untyped-def]
    """As `accumulate_loudness`, on the channels `begin` to `stop` of one row, and bursts held back sample by sample.

    A filter that fits the sound as it was can be far too loud for a note that begins.
    """
    dc, means, powers = guard.dc, own.means[row], guard.powers[row]
    for n in range(added.shape[1]):
        dry_power = cross_power = added_power = 0.0
        for channel in range(begin, stop):
            x = float(added[channel, n])
            if not np.isfinite(x):
                x = 0.0
                guard.muted_samples[0] += 1
            after = x - dc[channel, 0] + guard.pole * dc[channel, 1]
            dc[channel, 0], dc[channel, 1] = x, after
            added[channel, n] = after
            a, b = k_weighted(float(line[channel, at + n]), after, guard.sections, guard.filters[channel])
            dry_power += a * a
            cross_power += a * b
            added_power += b * b
        means[0] += pace.quick * (dry_power - means[0])
        means[1] += pace.quick * (cross_power - means[1])
        means[2] += pace.quick * (added_power - means[2])
        share = 1.0
        if means[2] > SILENCE:
            inside = means[1] * means[1] + means[2] * (pace.ratio - 1.0) * means[0]
            share = min(1.0, max(0.0, (np.sqrt(max(0.0, inside)) - means[1]) / means[2]))
        for channel in range(begin, stop):
            added[channel, n] *= np.float32(share)
        powers[0] += dry_power
        powers[1] += share * cross_power
        powers[2] += share * share * added_power


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def filter_block(block, done, out, io, position, newest, age, own, pace, guard):  # type: ignore[no-untyped-def]
    """Take input from `block[:, done:]` and give it with what is added, up to the end of the hop; returns where it is.

    The last hop of the line is the one that comes in; what is added to it is behind the guard.
    """
    line, hop, rows = io.line, own.added.shape[1], own.taps.shape[1]
    count = min(block.shape[1] - done, hop - position)
    at = line.shape[1] - hop + position
    take(block, done, count, line, at, io.muted_inputs)
    per_row = line.shape[0] // rows
    for row in range(rows):
        begin, stop = row * per_row, (row + 1) * per_row
        for channel in range(begin, stop):
            part = own.added[channel, position : position + count]
            filtered(line[channel], at, row, own, newest, age + position, pace.fade, part)
        hold_bursts(line, at, own.added[:, position : position + count], row, begin, stop, own, pace, guard)
    for n in range(position, position + count):
        now = ramped(own.start[0], guard.gain[0], n, hop, hop)
        for channel in range(line.shape[0]):
            own.added[channel, n] *= now
    give(line, at, own.added, position, count, io.ramp, out, done)
    return done + count
