"""Mode `live`: the newest offset through a short synthesis window, 256 samples late.

A long analysis window keeps the resolution of the frames, and a short synthesis window at its end keeps the latency
down; their product is a Hann window, so that they give back the signal exactly (Mauler and Martin 2007). The gain is a
response of minimum phase: a zero-phase one reaches as far into sound to come as into the past, which a frame that ends
now wraps to its beginning.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.tail import TailCarriers
from dreampedal.effects.spectral.frame.estimated import EstimatedPhase
from dreampedal.effects.spectral.frame.guard import guard_rephased, k_gain
from dreampedal.effects.spectral.frame.kernels import pass_on
from dreampedal.effects.spectral.frame.minimum_phase import MinimumPhase
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.effects.spectral.frame.tables import Transform
from dreampedal.effects.spectral.modes.renderer import Renderer
from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add, rfft
from dreampedal.engine.dsp.rates import at_rate, dividing_hop, live_latency
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.dsp.windows import asymmetric_pair
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

HOP = 64
"""Samples between two frames that are played, at 44.1 and 48 kHz."""

OVERLAP = 4
"""Frames that sound together: the synthesis window in hops."""

CROSSFADE_HOPS = 2
"""Hops in which one offset's gains give way to the next one's."""


class LiveState(NamedTuple):
    """What lies between two hops of synthesis."""

    response: Array
    """What two offsets add, the one before and the one now in turn: (2, rows, 2, bins)."""
    adds: NDArray[np.bool_]
    """Whether each of the two adds anything."""
    floors: NDArray[np.float64]
    """The floors under which the two were matched in loudness: an offset is as loud as it should be with its own."""
    spectrum: Array
    overlap: Array
    """What later frames will complete, (channels, size), at its end."""
    dry: Array
    """The hop that is being read, (channels, hop), and beside it what is added."""
    added: Array
    gains: Array
    """The gains of a frame whose phase is estimated, complex: (2, rows, bins)."""


class Weighting(NamedTuple):
    """What a frame is held to that would become too loud."""

    within: Array
    """Whether a bin lies in the range of the effect, 0 to 1, (bins,)."""
    loudness: Array
    """What each bin weighs, (bins,)."""
    most_louder: float
    """Nepers that a frame may become louder by: gains that fit the sound as it was can be too much for a new note."""


class Live(Renderer):
    """Plays the last samples of a frame as soon as they are there."""

    name, label, how = "live", "synthesis window", "through a short window (256 samples late)"
    usual_latency = 256

    def __init__(self, spec: StreamSpec) -> None:
        super().__init__(spec)
        frames = spec.frames
        self.waited_samples = spec.lookahead_frames * frames.hop_samples + spec.phase_lookahead_frames * self.hop
        self.size = max(frames.window_samples // 2, 16)
        self.phase = MinimumPhase(spec.layout, spec.sample_rate, self.size)
        self.transform = Transform.of(*asymmetric_pair(self.size, self.hop, OVERLAP))
        self.crossfade_hops = min(CROSSFADE_HOPS, frames.hop_samples // self.hop)
        self.end = frames.window_samples + spec.phase_lookahead_frames * self.hop
        own_frames = Frames(self.size, self.hop, "asymmetric")
        self.estimated = EstimatedPhase(own_frames, frames, spec.channels, spec.phase_lookahead_frames)
        self.carried = TailCarriers(spec, self.hop) if self.carrying is not None else None
        self.pass_on, self.play = Bound(pass_on), Bound(play)
        self.analyse, self.complete_hop, self.guard_moved = (
            Bound(analyse_channels),
            Bound(complete_hop),
            Bound(guard_rephased),
        )
        self.add_by_gain, self.analyse_with_gains = Bound(add_by_gain), Bound(analyse_with_gains)
        self.overlap_add = Bound(overlap_add)
        self.reset()

    @classmethod
    def hop_of(cls, spec: StreamSpec) -> int:
        """Samples between two frames that are played."""
        most = min(at_rate(HOP, spec.sample_rate), spec.frames.window_samples // 2 // OVERLAP)
        return dividing_hop(spec.frames.hop_samples, most)

    @classmethod
    def latency_of(cls, spec: StreamSpec) -> int:
        """The synthesis window, a hop of the model's for each frame of look-ahead, and one of its own for phase."""
        own = (OVERLAP + spec.phase_lookahead_frames) * cls.hop_of(spec)
        return live_latency(own, spec.frames.hop_samples, spec.lookahead_frames)

    def select_bands(self, mask: NDArray[np.bool_]) -> None:
        """Which bands move."""
        hz = np.arange(self.size // 2 + 1) * self.spec.sample_rate / self.size
        within = np.interp(hz, self.spec.layout.centres_hz, mask.astype(float)) * self.phase.bands.share
        loudness = (within * k_gain(hz)).astype(np.float32)
        most_louder = 0.5 * float(np.log(10 ** (self.spec.margin_db / 10)))
        self.weighting = Weighting(within.astype(np.float32), loudness, most_louder)

    def reset(self) -> None:
        """Back to endless silence."""
        channels, rows, bins = self.spec.channels, self.spec.rows, self.size // 2 + 1
        self.state = LiveState(
            response=np.zeros((2, rows, 2, bins), np.float32),
            adds=np.zeros(2, np.bool_),
            floors=np.zeros(2),
            spectrum=np.zeros((2, channels, bins), np.float32),
            overlap=np.zeros((channels, self.size), np.float32),
            dry=np.zeros((channels, self.hop), np.float32),
            added=np.zeros((channels, self.hop), np.float32),
            gains=np.zeros((2, rows, bins), np.float32),
        )
        self.newest = 0  # which of the two responses is the newest
        self.age = 0  # hops since then
        self.hops = 0
        self.estimated.reset()
        if self.carrying is not None and self.carried is not None:
            self.carrying.reset()
            self.carried.reset()

    def render(self, block: Block, done: int, out: Block, state: SpectralState) -> int:
        """Up to the end of the hop."""
        return int(self.pass_on(block, done, out, state.io, self.state.dry, self.state.added, state.position))

    def follow(self, state: SpectralState) -> None:
        """Cross-fade to the gains of the new offset."""
        own = self.state
        self.newest, self.age = 1 - self.newest, 0
        own.floors[self.newest] = state.floor.now
        own.adds[self.newest] = self.phase.respond(state.played.offset, own.response[self.newest])
        if self.carrying is not None and self.carried is not None:
            self.carried.frames.follow(self.carrying.carried)

    def advance(self, state: SpectralState) -> None:
        """The next hop of dry sound, and of what is added."""
        own, line, newest = self.state, state.io.line, self.newest
        self.hops += 1
        self.age = min(self.age + 1, self.crossfade_hops)
        weight = self.age / self.crossfade_hops
        floor = float(own.floors[1 - newest] + weight * (own.floors[newest] - own.floors[1 - newest]))
        if self.estimated.asked(floor, state.estimated.now):
            self.analyse_with_gains(line, self.end, self.transform, own, newest, weight, self.weighting)
            added = self.estimated.add(own.spectrum, own.gains, floor, state.estimated.now)
            self.overlap_add(added, self.transform, own.overlap)
        else:
            self.add_by_gain(line, self.end, self.transform, own, newest, weight, self.weighting)
        self._carry(line, weight)
        begin = self.hops * self.hop - self.latency
        if self.motion.asked:
            self.complete_hop(line, self.spec.frames.window_samples, own, begin)
            self.motion.move(own.dry, own.added)
            self.guard_moved(own.dry, own.added, state.guard, self.hop)
        else:
            self.play(line, self.spec.frames.window_samples, own, begin, state.guard)

    def _carry(self, line: Array, weight: float) -> None:
        """Add the carriers of the newest frame that waits for nothing; `weight` is that of the newest amplitudes."""
        carried = self.carried
        if carried is None or not carried.frames.sounds:
            return
        self.analyse(line, self.spec.frames.window_samples, carried.transform, carried.spectrum)
        carried.frames.make(carried.spectrum, self.hops, carried.frames.asked)
        carried.spectrum[:] = 0
        carried.frames.add(carried.spectrum, weight)
        self.overlap_add(carried.spectrum, carried.transform, carried.overlap)
        carried.hand_over(self.state.overlap)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def respond(spectrum, old, new, weight, weighting):  # type: ignore[no-untyped-def]
    """Turn a row's frame (2, channels, bins) into what is added to it.

    `old` and `new` (2, bins) are what two offsets add, `weight` is that of `new`. A frame that would become too loud is
    lowered as a whole, within the range of the effect.
    """
    within, loudness = weighting.within, weighting.loudness
    before = after = np.float32(1e-20)
    for channel in range(spectrum.shape[1]):
        for k in range(within.size):
            a = np.float32(1) + old[0, k] + weight * (new[0, k] - old[0, k])
            b = old[1, k] + weight * (new[1, k] - old[1, k])
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power = loudness[k] * (re * re + im * im)
            before += power
            after += power * (a * a + b * b)
    lowered = np.float32(np.exp(min(0.0, weighting.most_louder - 0.5 * np.log(after / before))) - 1.0)
    for channel in range(spectrum.shape[1]):
        for k in range(within.size):
            a = old[0, k] + weight * (new[0, k] - old[0, k])
            b = old[1, k] + weight * (new[1, k] - old[1, k])
            less = lowered * within[k]
            a, b = a + less * (np.float32(1) + a), b + less * b
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            spectrum[0, channel, k], spectrum[1, channel, k] = re * a - im * b, re * b + im * a


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def analyse(line, end, transform, channel, spectrum):  # type: ignore[no-untyped-def]
    """One channel of the frame that ends at `line[:, end]`."""
    frame = line[channel, end - transform.analysis.size : end]
    rfft(frame, transform.analysis, spectrum[0, channel], spectrum[1, channel], transform.plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def analyse_channels(line, end, transform, spectrum):  # type: ignore[no-untyped-def]
    """Write the frame that ends at `line[:, end]`."""
    for channel in range(line.shape[0]):
        analyse(line, end, transform, channel, spectrum)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def analyse_with_gains(line, end, transform, own, newest, weight, weighting):  # type: ignore[no-untyped-def]
    """Write the frame that ends at `line[:, end]`, and its complex gains: those that `respond` applies."""
    within, loudness, spectrum, gains = weighting.within, weighting.loudness, own.spectrum, own.gains
    rows = own.response.shape[1]
    per_row = line.shape[0] // rows
    for row in range(rows):
        old, new = own.response[1 - newest, row], own.response[newest, row]
        before = after = np.float32(1e-20)
        for channel in range(row * per_row, (row + 1) * per_row):
            analyse(line, end, transform, channel, spectrum)
            for k in range(within.size):
                a = np.float32(1) + old[0, k] + np.float32(weight) * (new[0, k] - old[0, k])
                b = old[1, k] + np.float32(weight) * (new[1, k] - old[1, k])
                re, im = spectrum[0, channel, k], spectrum[1, channel, k]
                power = loudness[k] * (re * re + im * im)
                before += power
                after += power * (a * a + b * b)
        lowered = np.float32(np.exp(min(0.0, weighting.most_louder - 0.5 * np.log(after / before))) - 1.0)
        for k in range(within.size):
            a = np.float32(1) + old[0, k] + np.float32(weight) * (new[0, k] - old[0, k])
            b = old[1, k] + np.float32(weight) * (new[1, k] - old[1, k])
            less = lowered * within[k]
            gains[0, row, k], gains[1, row, k] = a + less * a, b + less * b


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def overlap_add(spectrum, transform, overlap):  # type: ignore[no-untyped-def]
    """Add a frame (2, channels, bins) to what waits."""
    for channel in range(overlap.shape[0]):
        irfft_add(spectrum[0, channel], spectrum[1, channel], transform.synthesis, overlap[channel], transform.plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def add_by_gain(line, end, transform, own, newest, weight, weighting):  # type: ignore[no-untyped-def]
    """Add what gains add to the frame that ends at `line[:, end]`; `weight` is the newest response's."""
    adds, response, spectrum = own.adds, own.response, own.spectrum
    if adds[newest] or (adds[1 - newest] and weight < 1.0):
        per_row = line.shape[0] // response.shape[1]
        for row in range(response.shape[1]):
            begin, stop = row * per_row, (row + 1) * per_row
            for channel in range(begin, stop):
                analyse(line, end, transform, channel, spectrum)
            old, new = response[1 - newest, row], response[newest, row]
            respond(spectrum[:, begin:stop], old, new, np.float32(weight), weighting)
        overlap_add(spectrum, transform, own.overlap)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def complete_hop(line, end, own, begin):  # type: ignore[no-untyped-def]
    """The next hop of the dry sound, from the frame that ends at `line[:, end]`, and of what is added.

    `begin` is the place in the signal of the first sample of that hop: nothing sounds before sample 0.
    """
    hop, first = own.dry.shape[1], own.overlap.shape[1] - OVERLAP * own.dry.shape[1]
    for channel in range(line.shape[0]):
        waiting = own.overlap[channel]
        for n in range(hop):
            own.dry[channel, n] = line[channel, end - OVERLAP * hop + n]
            own.added[channel, n] = waiting[first + n] if begin + n >= 0 else np.float32(0)
        for n in range(first, waiting.size - hop):
            waiting[n] = waiting[n + hop]
        for n in range(waiting.size - hop, waiting.size):
            waiting[n] = np.float32(0)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play(line, end, own, begin, guard):  # type: ignore[no-untyped-def]
    """As `complete_hop`, and what is added is guarded."""
    complete_hop(line, end, own, begin)
    guard_rephased(own.dry, own.added, guard, own.dry.shape[1])
