"""Mode `live`: the newest offset through a short synthesis window, 256 samples late.

A long analysis window keeps the resolution of the frames, and a short synthesis window at its end keeps the latency
down; their product is a Hann window, so that they give back the signal exactly (Mauler and Martin 2007). The gain is a
response of minimum phase: a zero-phase one reaches as far into sound to come as into the past, which a frame that ends
now wraps to its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.estimated import Estimated
from dreampedal.effects.spectral.frame.guard import MOVE_SECONDS, RATIO, judge, k_gain, swell, weigh
from dreampedal.effects.spectral.frame.kernels import sound
from dreampedal.effects.spectral.frame.minimum_phase import Phase
from dreampedal.effects.spectral.frame.state import State
from dreampedal.effects.spectral.modes.mode import Place, mean_decay
from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add, plan_for, rfft
from dreampedal.engine.dsp.rates import at_rate, dividing_hop, live_latency
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.dsp.windows import asymmetric_pair
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

HOP = 64
"""Samples between two frames that are played, at 44.1 and 48 kHz."""

OVERLAP = 4
"""Frames that sound together: the synthesis window in hops."""

GLIDE_HOPS = 2
"""Hops in which one offset's gains give way to the next one's."""

MOST_LOUDER = 0.5 * float(np.log(RATIO))
"""Nepers that a frame may become louder by: gains that fit the sound as it was can be far too much for a new note."""


@dataclass
class Synthesis:
    """What lies between two hops of synthesis."""

    response: Array
    """What two offsets add, the one before and the one now in turn: (2, rows, 2, bins)."""
    adds: NDArray[np.bool_]
    """Whether each of the two adds anything."""
    spectrum: Array
    overlap: Array
    """What later frames will complete, (channels, size), at its end."""
    dry: Array
    """The hop that is being read, (channels, hop), and beside it what is added."""
    added: Array
    gains: Array
    """The gains of a frame whose phase is estimated, complex: (2, rows, bins)."""
    floors: list[float]
    """The floors under which the two offsets were settled: an offset is as loud as it should be with its own alone."""
    newest: int = 0
    """Which of the two responses is the newest."""
    age: int = 0
    """Hops since then."""
    hops: int = 0


class Live:
    """Plays the last samples of a frame as soon as they are there."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.hop = self.hop_of(place.frames, place.sample_rate)
        self.latency = self.latency_of(
            place.frames, place.lookahead_frames, place.phase_lookahead_frames, place.sample_rate
        )
        self.waited_samples = (
            place.lookahead_frames * place.frames.hop_samples + place.phase_lookahead_frames * self.hop
        )
        self.size = max(place.frames.window_samples // 2, 16)
        self.phase = Phase(place.layout, place.sample_rate, self.size)
        self.plan = plan_for(self.size)
        analysis, synthesis = asymmetric_pair(self.size, self.hop, OVERLAP)
        self.analysis, self.synthesis = analysis.astype(np.float32), synthesis.astype(np.float32)
        self.glide_hops = min(GLIDE_HOPS, place.frames.hop_samples // self.hop)
        self.keep = mean_decay(self.hop, place.sample_rate)
        self.most = self.hop / place.sample_rate / MOVE_SECONDS
        self.end = place.frames.window_samples + place.phase_lookahead_frames * self.hop
        self.estimated = Estimated(
            Frames(self.size, self.hop, "asymmetric"),
            place.frames,
            place.channels,
            place.phase_lookahead_frames,
        )
        self.reset()

    @staticmethod
    def hop_of(frames: Frames, sample_rate: float) -> int:
        """Samples between two frames that are played."""
        return dividing_hop(frames.hop_samples, min(at_rate(HOP, sample_rate), frames.window_samples // 2 // OVERLAP))

    @staticmethod
    def latency_of(frames: Frames, lookahead_frames: int, phase_lookahead_frames: int, sample_rate: float) -> int:
        """The synthesis window, a hop of the model's for each frame of look-ahead, and the player's own for phase."""
        hop = Live.hop_of(frames, sample_rate)
        return live_latency(OVERLAP * hop + phase_lookahead_frames * hop, frames.hop_samples, lookahead_frames)

    def choose(self, mask: NDArray[np.bool_]) -> None:
        """Which bands move."""
        hz = np.arange(self.size // 2 + 1) * self.place.sample_rate / self.size
        within = np.interp(hz, self.place.layout.centres_hz, mask.astype(float)) * self.phase.bands.reach
        self.range = within.astype(np.float32)
        self.loudness = (within * k_gain(hz)).astype(np.float32)

    def reset(self) -> None:
        """Back to endless silence."""
        channels, bins = self.place.channels, self.size // 2 + 1
        self.state = Synthesis(
            response=np.zeros((2, self.place.rows, 2, bins), np.float32),
            adds=np.zeros(2, np.bool_),
            spectrum=np.zeros((2, channels, bins), np.float32),
            overlap=np.zeros((channels, self.size), np.float32),
            dry=np.zeros((channels, self.hop), np.float32),
            added=np.zeros((channels, self.hop), np.float32),
            gains=np.zeros((2, self.place.rows, bins), np.float32),
            floors=[0.0, 0.0],
        )
        self.estimated.reset()

    def sound(self, block: Block, done: int, out: Block, state: State) -> int:
        """Up to the end of the hop."""
        reached = sound(
            block, done, state.line, self.state.dry, self.state.added, state.position, state.ramp, out,
            state.muted_inputs,
        )  # fmt: skip
        return int(reached)

    def follow(self, state: State) -> None:
        """Glide to the gains of the new offset."""
        own = self.state
        own.newest, own.age = 1 - own.newest, 0
        own.floors[own.newest] = state.floor.now
        own.adds[own.newest] = self.phase.respond(state.offset, own.response[own.newest])

    def play(self, state: State) -> None:
        """The next hop of dry sound, and of what is added."""
        own, guarded = self.state, state.guard
        own.hops += 1
        own.age = min(own.age + 1, self.glide_hops)
        weight, end = own.age / self.glide_hops, self.end
        floor = own.floors[1 - own.newest] + weight * (own.floors[own.newest] - own.floors[1 - own.newest])
        if self.estimated.asked(floor, state.estimated.now):
            hear(
                state.line, end, self.analysis, self.plan, own.response,
                own.newest, weight, self.range, self.loudness, own.spectrum, own.gains,
            )  # fmt: skip
            added = self.estimated.add(own.spectrum, own.gains, floor, state.estimated.now)
            overlap_add(added, self.synthesis, self.plan, own.overlap)
        else:
            add_by_gain(
                state.line, end, self.analysis, self.synthesis, self.plan,
                own.response, own.adds, own.newest, weight, self.range, self.loudness, own.spectrum, own.overlap,
            )  # fmt: skip
        play(
            state.line, self.place.frames.window_samples, own.overlap, own.dry, own.added,
            own.hops * self.hop - self.latency, guarded.sections, guarded.pole, self.keep, self.most, guarded.filters,
            guarded.dc, guarded.powers, guarded.energy, guarded.gain, guarded.muted_samples, guarded.held_hops,
        )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def respond(spectrum, old, new, weight, within, loudness):  # type: ignore[no-untyped-def]
    """Turn a row's frame (2, channels, bins) into what is added to it.

    `old` and `new` (2, bins) are what two offsets add, `weight` is that of `new`. A frame that would become too loud is
    lowered as a whole, `within` the range of the effect; `loudness` is each bin's weight.
    """
    before = after = np.float32(1e-20)
    for channel in range(spectrum.shape[1]):
        for k in range(within.size):
            a = np.float32(1) + old[0, k] + weight * (new[0, k] - old[0, k])
            b = old[1, k] + weight * (new[1, k] - old[1, k])
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power = loudness[k] * (re * re + im * im)
            before += power
            after += power * (a * a + b * b)
    lowered = np.float32(np.exp(min(0.0, MOST_LOUDER - 0.5 * np.log(after / before))) - 1.0)
    for channel in range(spectrum.shape[1]):
        for k in range(within.size):
            a = old[0, k] + weight * (new[0, k] - old[0, k])
            b = old[1, k] + weight * (new[1, k] - old[1, k])
            less = lowered * within[k]
            a, b = a + less * (np.float32(1) + a), b + less * b
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            spectrum[0, channel, k], spectrum[1, channel, k] = re * a - im * b, re * b + im * a


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def hear(  # type: ignore[no-untyped-def]
    line, end, analysis, plan, response, newest, weight, within, loudness, spectrum, gains
):
    """The frame that ends at `line[:, end]`, (2, channels, bins), and its complex gains, (2, rows, bins).

    They are those that `respond` applies.
    """
    per_row = line.shape[0] // response.shape[1]
    for row in range(response.shape[1]):
        old, new = response[1 - newest, row], response[newest, row]
        before = after = np.float32(1e-20)
        for channel in range(row * per_row, (row + 1) * per_row):
            frame = line[channel, end - analysis.size : end]
            rfft(frame, analysis, spectrum[0, channel], spectrum[1, channel], plan)
            for k in range(within.size):
                a = np.float32(1) + old[0, k] + np.float32(weight) * (new[0, k] - old[0, k])
                b = old[1, k] + np.float32(weight) * (new[1, k] - old[1, k])
                re, im = spectrum[0, channel, k], spectrum[1, channel, k]
                power = loudness[k] * (re * re + im * im)
                before += power
                after += power * (a * a + b * b)
        lowered = np.float32(np.exp(min(0.0, MOST_LOUDER - 0.5 * np.log(after / before))) - 1.0)
        for k in range(within.size):
            a = np.float32(1) + old[0, k] + np.float32(weight) * (new[0, k] - old[0, k])
            b = old[1, k] + np.float32(weight) * (new[1, k] - old[1, k])
            less = lowered * within[k]
            gains[0, row, k], gains[1, row, k] = a + less * a, b + less * b


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def overlap_add(spectrum, synthesis, plan, overlap):  # type: ignore[no-untyped-def]
    """Add a frame (2, channels, bins) to what waits."""
    for channel in range(overlap.shape[0]):
        irfft_add(spectrum[0, channel], spectrum[1, channel], synthesis, overlap[channel], plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def add_by_gain(  # type: ignore[no-untyped-def]
    line, end, analysis, synthesis, plan, response, adds, newest, weight, within, loudness,
    spectrum, overlap,
):  # fmt: skip
    """Add what gains add to the frame that ends at `line[:, end]`; `weight` is the newest response's."""
    if adds[newest] or (adds[1 - newest] and weight < 1.0):
        per_row = line.shape[0] // response.shape[1]
        for row in range(response.shape[1]):
            begin, stop = row * per_row, (row + 1) * per_row
            for channel in range(begin, stop):
                frame = line[channel, end - analysis.size : end]
                rfft(frame, analysis, spectrum[0, channel], spectrum[1, channel], plan)
            respond(
                spectrum[:, begin:stop], response[1 - newest, row], response[newest, row], np.float32(weight), within,
                loudness,
            )  # fmt: skip
            for channel in range(begin, stop):
                irfft_add(
                    spectrum[0, channel], spectrum[1, channel], synthesis, overlap[channel], plan
                )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play(  # type: ignore[no-untyped-def]
    line, end, overlap, dry, added, played, sections, pole, keep, most, filters, dc, powers, energy, gain,
    muted_samples, held_hops,
):  # fmt: skip
    """The next hop of the dry sound, from the frame that ends at `line[:, end]`, and of what is added, guarded.

    `played` is the place in the signal of the first sample of that hop: nothing sounds before sample 0.
    """
    hop, first = dry.shape[1], overlap.shape[1] - OVERLAP * dry.shape[1]
    for channel in range(line.shape[0]):
        waiting = overlap[channel]
        for n in range(hop):
            dry[channel, n] = line[channel, end - OVERLAP * hop + n]
            added[channel, n] = waiting[first + n] if played + n >= 0 else np.float32(0)
        for n in range(first, waiting.size - hop):
            waiting[n] = waiting[n + hop]
        for n in range(waiting.size - hop, waiting.size):
            waiting[n] = np.float32(0)
    powers[0] = 0.0
    for channel in range(line.shape[0]):
        weigh(dry[channel], added[channel], sections, pole, filters[channel], dc[channel], powers[0], muted_samples)
    start = gain[0]
    judge(powers[0], hop, keep, most, filters, dc, energy, gain, held_hops)
    swell(added, start, gain[0], hop)
