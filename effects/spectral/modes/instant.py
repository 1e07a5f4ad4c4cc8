"""Mode `instant`: the newest offset as a filter in the time domain, with no latency at all.

The filter is the minimum-phase response of the newest offset, cut to half a window of taps, less the direct sound: it
makes what is added. From one hop to the next, two filters' outputs are cross-faded. Each output sample is a dot product
of its own, so that no cut of the signal into blocks changes its rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import MOVE_SECONDS, SILENCE, judge, k_weighted, ramped
from dreampedal.effects.spectral.frame.kernels import give, take
from dreampedal.effects.spectral.frame.minimum_phase import Phase
from dreampedal.effects.spectral.frame.state import State
from dreampedal.effects.spectral.modes.mode import Place, mean_decay
from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add
from dreampedal.engine.dsp.rates import at_rate, dividing_hop
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

GUARD_HOP = 64
"""Samples between two judgements of the guard, at 44.1 and 48 kHz."""

FADE = 256
"""Samples in which a filter gives way to the next, at 44.1 and 48 kHz."""

TAPERED = 0.25
"""Share of the taps over which a filter is faded out, half of a Hann window."""

QUICK_SECONDS = 0.005
QUICK_RATIO = 10 ** (4.5 / 10)
"""How much louder a moment may become, in power: a mean over `QUICK_SECONDS`, since no frame tells what comes."""


@dataclass
class Filtering:
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
    newest: int = 0
    """Which of the two filters is the newest."""
    age: int = 0
    """Samples from then to the beginning of this hop."""


class Instant:
    """Filters each sample as it comes."""

    latency = 0
    waited_samples = 0

    def __init__(self, place: Place) -> None:
        self.place = place
        window, hop = place.frames.window_samples, place.frames.hop_samples
        self.hop = dividing_hop(hop, at_rate(GUARD_HOP, place.sample_rate))
        self.fade = min(at_rate(FADE, place.sample_rate), hop)
        self.phase = Phase(place.layout, place.sample_rate, window)
        self.taps = window // 2
        tapered = round(TAPERED * self.taps)
        self.taper = np.zeros(window, np.float32)
        self.taper[: self.taps] = 1
        self.taper[self.taps - tapered : self.taps] = np.cos(np.pi / 2 * (np.arange(tapered) + 0.5) / tapered) ** 2
        self.keep = mean_decay(self.hop, place.sample_rate)
        self.most = self.hop / place.sample_rate / MOVE_SECONDS
        self.quick = 1 - float(np.exp(-1 / QUICK_SECONDS / place.sample_rate))
        self.reset()

    @staticmethod
    def latency_of(frames: Frames, lookahead_frames: int, phase_lookahead_frames: int, sample_rate: float) -> int:
        """None."""
        return 0

    def choose(self, mask: NDArray[np.bool_]) -> None:
        """Nothing: a filter has all bands."""

    def reset(self) -> None:
        """Back to endless silence."""
        place, window = self.place, self.place.frames.window_samples
        self.state = Filtering(
            taps=np.zeros((2, place.rows, self.taps), np.float32),
            adds=np.zeros(2, np.bool_),
            response=np.zeros((place.rows, 2, window // 2 + 1), np.float32),
            impulse=np.zeros(window, np.float32),
            added=np.zeros((place.channels, self.hop), np.float32),
            start=np.zeros(1),
            means=np.zeros((place.rows, 3)),
        )

    def sound(self, block: Block, done: int, out: Block, state: State) -> int:
        """Filter up to the end of the hop."""
        own, guarded = self.state, state.guard
        reached = sound(
            block, done, state.line, own.added, state.position, own.taps, own.adds, own.newest, own.age, self.fade,
            guarded.sections, guarded.pole, self.quick, guarded.filters, guarded.dc, own.means, guarded.powers,
            own.start, guarded.gain, guarded.muted_samples, state.ramp, out, state.muted_inputs,
        )  # fmt: skip
        return int(reached)

    def follow(self, state: State) -> None:
        """Fade over to the filter of the new offset."""
        own = self.state
        own.newest, own.age = 1 - own.newest, -self.hop
        own.adds[own.newest] = self.phase.respond(state.offset, own.response)
        write_taps(
            own.response, own.adds[own.newest], self.taper, self.phase.plan, own.impulse,
            own.taps[own.newest],
        )  # fmt: skip

    def play(self, state: State) -> None:
        """Judge the hop that is over; its gain is reached within the next one."""
        own, guarded = self.state, state.guard
        own.age += self.hop
        judge_rows(
            guarded.powers, self.hop, self.keep, self.most, guarded.filters, guarded.dc, guarded.energy, guarded.gain,
            own.start, guarded.held_hops,
        )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def write_taps(response, adds, taper, plan, impulse, taps):  # type: ignore[no-untyped-def]
    """From responses (rows, 2, bins) to filters (rows, taps), last tap first, each faded out by `taper`."""
    for row in range(taps.shape[0]):
        impulse[:] = np.float32(0)
        if adds:
            irfft_add(response[row, 0], response[row, 1], taper, impulse, plan)
        for n in range(taps.shape[1]):
            taps[row, n] = impulse[taps.shape[1] - 1 - n]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def judge_rows(powers, samples, keep, most, filters, dc, energy, gain, start, held_hops):  # type: ignore[no-untyped-def]
    """The guard's judgement on a hop whose powers (channels, 3) were added up row by row."""
    for row in range(1, powers.shape[0]):
        for n in range(3):
            powers[0, n] += powers[row, n]
    start[0] = gain[0]
    judge(powers[0], samples, keep, most, filters, dc, energy, gain, held_hops)
    powers[:] = 0.0


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def dot(samples, taps):  # type: ignore[no-untyped-def]
    """One output sample of one filter."""
    total = np.float32(0)
    for n in range(taps.size):
        total += taps[n] * samples[n]
    return total


@njit(cache=True, nogil=True, forceinline=True)
def filtered(line, at, count, taps, row, adds, newest, age, fade, added):  # type: ignore[no-untyped-def]
    """`count` samples of one channel from `line[at]` on through a row of the newest of two filters, faded in."""
    before, now, back = 1 - newest, newest, taps.shape[2] - 1
    for n in range(count):
        heard = line[at + n - back : at + n + 1]
        total = dot(heard, taps[now, row]) if adds[now] else np.float32(0)
        if age + n + 1 < fade and (adds[now] or adds[before]):
            was = dot(heard, taps[before, row]) if adds[before] else np.float32(0)
            total = was + np.float32((age + n + 1) / fade) * (total - was)
        added[n] = total


@njit(cache=True, nogil=True, forceinline=True)
def hold(  # type: ignore[no-untyped-def]
    line, at, added, position, count, begin, stop, sections, pole, quick, filters, dc, means, powers, muted_samples
):
    """The guard's `weigh` on the channels `begin` to `stop` of one row, and bursts held back sample by sample.

    A filter that fits the sound as it was can be far too loud for a note that begins. `means` (3,) are the row's own.
    """
    for n in range(count):
        dry_power = cross_power = added_power = 0.0
        for channel in range(begin, stop):
            x = float(added[channel, position + n])
            if not np.isfinite(x):
                x = 0.0
                muted_samples[0] += 1
            after = x - dc[channel, 0] + pole * dc[channel, 1]
            dc[channel, 0], dc[channel, 1] = x, after
            added[channel, position + n] = after
            a, b = k_weighted(float(line[channel, at + n]), after, sections, filters[channel])
            dry_power += a * a
            cross_power += a * b
            added_power += b * b
        means[0] += quick * (dry_power - means[0])
        means[1] += quick * (cross_power - means[1])
        means[2] += quick * (added_power - means[2])
        share = 1.0
        if means[2] > SILENCE:
            inside = means[1] * means[1] + means[2] * (QUICK_RATIO - 1.0) * means[0]
            share = min(1.0, max(0.0, (np.sqrt(max(0.0, inside)) - means[1]) / means[2]))
        for channel in range(begin, stop):
            added[channel, position + n] *= np.float32(share)
        powers[0] += dry_power
        powers[1] += share * cross_power
        powers[2] += share * share * added_power


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def sound(  # type: ignore[no-untyped-def]
    block, done, line, added, position, taps, adds, newest, age, fade, sections, pole, quick, filters, dc, means,
    powers, start, gain, muted_samples, ramp, out, muted_inputs,
):  # fmt: skip
    """Take input from `block[:, done:]` and give it with what is added, up to the end of the hop; returns where it is.

    The last hop of `line` is the one that comes in; what is added to it is behind the guard.
    """
    hop = added.shape[1]
    count = min(block.shape[1] - done, hop - position)
    at = line.shape[1] - hop + position
    take(block, done, count, line, at, muted_inputs)
    rows = taps.shape[1]
    per_row = line.shape[0] // rows
    for row in range(rows):
        begin, stop = row * per_row, (row + 1) * per_row
        for channel in range(begin, stop):
            part = added[channel, position : position + count]
            filtered(line[channel], at, count, taps, row, adds, newest, age + position, fade, part)
        hold(
            line, at, added, position, count, begin, stop, sections, pole, quick, filters, dc, means[row],
            powers[row], muted_samples,
        )  # fmt: skip
    for n in range(position, position + count):
        now = ramped(start[0], gain[0], n, hop, hop)
        for channel in range(line.shape[0]):
            added[channel, n] *= now
    give(line, at, added, position, count, ramp, out, done)
    return done + count
