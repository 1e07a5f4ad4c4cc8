"""Mode `studio`: the newest offset on the model's own symmetric frames, at the latency of one window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.estimated import Estimated
from dreampedal.effects.spectral.frame.guard import MOVE_SECONDS, guard, judge, swell, weigh
from dreampedal.effects.spectral.frame.kernels import sound
from dreampedal.effects.spectral.frame.state import State
from dreampedal.effects.spectral.modes.mode import Place, mean_decay
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.rates import studio_latency
from dreampedal.engine.dsp.stft import Frames, synthesise
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]


@dataclass
class Synthesis:
    """What lies between two hops of synthesis."""

    wet: Array
    """The frame that is added, (2, channels, bins)."""
    overlap: Array
    """What later frames will complete, (channels, window)."""
    dry: Array
    """The hop that is being read, (channels, hop), and beside it what is added."""
    added: Array
    response: Array
    """The gains as complex numbers, (2, rows, bins)."""


class Studio:
    """Plays a frame when it is whole, and those waited for have come."""

    def __init__(self, place: Place) -> None:
        self.place, self.frames = place, place.frames
        self.hop = self.frames.hop_samples
        self.latency = self.latency_of(
            self.frames, place.lookahead_frames, place.phase_lookahead_frames, place.sample_rate
        )
        self.waited_samples = (place.lookahead_frames + place.phase_lookahead_frames) * self.hop
        self.estimated = Estimated(self.frames, self.frames, place.channels, place.phase_lookahead_frames)
        self.keep = mean_decay(self.hop, place.sample_rate)
        self.most = self.hop / place.sample_rate / MOVE_SECONDS
        self.reset()

    @staticmethod
    def latency_of(frames: Frames, lookahead_frames: int, phase_lookahead_frames: int, sample_rate: float) -> int:
        """One window, and a hop for each frame of look-ahead, in samples."""
        return studio_latency(frames.window_samples, frames.hop_samples, lookahead_frames + phase_lookahead_frames)

    def choose(self, mask: NDArray[np.bool_]) -> None:
        """Nothing: gains come as they are."""

    def reset(self) -> None:
        """Back to endless silence."""
        channels = self.place.channels
        self.state = Synthesis(
            wet=np.zeros((2, channels, self.frames.bins), np.float32),
            overlap=np.zeros((channels, self.frames.window_samples), np.float32),
            dry=np.zeros((channels, self.hop), np.float32),
            added=np.zeros((channels, self.hop), np.float32),
            response=np.zeros((2, self.place.rows, self.frames.bins), np.float32),
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
        """Nothing: each frame is played with its own gains."""

    def play(self, state: State) -> None:
        """The next hop of dry sound, and of what is added."""
        own, guarded = self.state, state.guard
        oldest = state.spectra[state.hops % state.spectra.shape[0]]
        if self.estimated.asked(state.floor.now, state.estimated.now):
            own.response[0] = state.gains
            play_turned(
                self.estimated.add(oldest, own.response, state.floor.now, state.estimated.now), own.overlap,
                self.frames.dual, state.plan, state.line, own.dry, own.added,
                state.hops * self.hop - self.latency, guarded.sections, guarded.pole, self.keep, self.most,
                guarded.filters, guarded.dc, guarded.powers, guarded.energy, guarded.gain, guarded.muted_samples,
                guarded.held_hops,
            )  # fmt: skip
            return
        add_by_gain(oldest, state.gains, own.wet)
        play(
            own.wet, own.overlap, self.frames.dual, state.plan, state.line, own.dry,
            own.added, state.hops * self.hop - self.latency, guarded.sections, guarded.pole, self.keep,
            guarded.filters, guarded.dc, guarded.powers, guarded.energy, guarded.gain, guarded.muted_samples,
            guarded.held_hops,
        )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def add_by_gain(spectrum, gains, wet):  # type: ignore[no-untyped-def]
    """What gains (rows, bins) add to a frame, (2, channels, bins)."""
    per_row = spectrum.shape[1] // gains.shape[0]
    for channel in range(spectrum.shape[1]):
        row = channel // per_row
        for k in range(spectrum.shape[2]):
            extra = gains[row, k] - np.float32(1)
            wet[0, channel, k] = spectrum[0, channel, k] * extra
            wet[1, channel, k] = spectrum[1, channel, k] * extra


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def hand_over(wet, overlap, dual, plan, line, dry, added, played):  # type: ignore[no-untyped-def]
    """Add the frame `wet`; write the next hop of dry sound, and of what is added."""
    synthesise(wet, overlap, added, dual, plan)
    for channel in range(line.shape[0]):
        for n in range(dry.shape[1]):
            dry[channel, n] = line[channel, n]
            if played + n < 0:
                added[channel, n] = np.float32(0)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play_turned(  # type: ignore[no-untyped-def]
    wet, overlap, dual, plan, line, dry, added, played, sections, pole, keep, most, filters, dc,
    powers, energy, gain, muted_samples, held_hops,
):  # fmt: skip
    """As `play`, where what is added has a phase of its own: half of it may be too quiet, and all of it not."""
    hand_over(wet, overlap, dual, plan, line, dry, added, played)
    powers[0] = 0.0
    for channel in range(line.shape[0]):
        weigh(dry[channel], added[channel], sections, pole, filters[channel], dc[channel], powers[0], muted_samples)
    start = gain[0]
    judge(powers[0], dry.shape[1], keep, most, filters, dc, energy, gain, held_hops)
    swell(added, start, gain[0], max(1, dry.shape[1] // 8))


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play(  # type: ignore[no-untyped-def]
    wet, overlap, dual, plan, line, dry, added, played, sections, pole, keep, filters, dc, powers,
    energy, guard_gain, muted_samples, held_hops,
):  # fmt: skip
    """Add the frame `wet`: the next hop of dry sound, and of what is added, behind the guard.

    `played` is the place in the signal of the first sample of that hop: nothing sounds before sample 0.
    """
    hand_over(wet, overlap, dual, plan, line, dry, added, played)
    guard(dry, added, sections, pole, keep, filters, dc, powers, energy, guard_gain, muted_samples, held_hops)
