"""Mode `studio`: the newest offset on the model's own symmetric frames, at the latency of one window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.estimated import EstimatedPhase
from dreampedal.effects.spectral.frame.guard import guard_hop, guard_rephased
from dreampedal.effects.spectral.frame.kernels import pass_on
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.effects.spectral.frame.tables import Transform
from dreampedal.effects.spectral.modes.renderer import Renderer
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.rates import studio_latency
from dreampedal.engine.dsp.stft import synthesise
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]


class StudioState(NamedTuple):
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


class Studio(Renderer):
    """Plays a frame when it is whole, and those waited for have come."""

    name, label, how = "studio", "window", "on the model's frames"
    usual_latency = 2048

    def __init__(self, spec: StreamSpec) -> None:
        super().__init__(spec)
        frames = spec.frames
        self.waited_samples = (spec.lookahead_frames + spec.phase_lookahead_frames) * self.hop
        self.transform = Transform.of(frames.window, frames.dual)
        self.estimated = EstimatedPhase(frames, frames, spec.channels, spec.phase_lookahead_frames)
        self.held = np.zeros((1 + spec.phase_lookahead_frames, 2, spec.channels, frames.bins), np.float32)
        """What carriers add, while frames wait for their phase: a ring."""
        self.pass_on, self.play, self.play_rephased = Bound(pass_on), Bound(play), Bound(play_rephased)
        self.complete_hop, self.guard_moved = Bound(complete_hop), Bound(guard_rephased)
        self.reset()

    @classmethod
    def hop_of(cls, spec: StreamSpec) -> int:
        """That of the analysis."""
        return spec.frames.hop_samples

    @classmethod
    def latency_of(cls, spec: StreamSpec) -> int:
        """One window, and a hop for each frame of look-ahead."""
        frames, waited = spec.frames, spec.lookahead_frames + spec.phase_lookahead_frames
        return studio_latency(frames.window_samples, frames.hop_samples, waited)

    def reset(self) -> None:
        """Back to endless silence."""
        channels, frames = self.spec.channels, self.spec.frames
        self.state = StudioState(
            wet=np.zeros((2, channels, frames.bins), np.float32),
            overlap=np.zeros((channels, frames.window_samples), np.float32),
            dry=np.zeros((channels, self.hop), np.float32),
            added=np.zeros((channels, self.hop), np.float32),
            response=np.zeros((2, self.spec.rows, frames.bins), np.float32),
        )
        self.estimated.reset()
        self.held[:] = 0
        if self.carrying is not None:
            self.carrying.reset()

    def render(self, block: Block, done: int, out: Block, state: SpectralState) -> int:
        """Up to the end of the hop."""
        return int(self.pass_on(block, done, out, state.io, self.state.dry, self.state.added, state.position))

    def advance(self, state: SpectralState) -> None:
        """The next hop of dry sound, and of what is added."""
        own, begin = self.state, state.hops * self.hop - self.latency
        rephased, wet = self.estimated.asked(state.floor.now, state.estimated.now), own.wet
        if rephased:
            own.response[0] = state.played.gains
            wet = self.estimated.add(state.oldest, own.response, state.floor.now, state.estimated.now)
        else:
            add_by_gain(state.oldest, state.played.gains, wet)
        rephased |= self._carry(wet, state.hops)
        if self.motion.asked:
            self.complete_hop(wet, own, self.transform, state.io.line, begin)
            self.motion.move(own.dry, own.added)
            self.guard_moved(own.dry, own.added, state.guard, max(1, self.hop // 8))
        else:
            play = self.play_rephased if rephased else self.play
            play(wet, own, self.transform, state.io.line, begin, state.guard)

    def _carry(self, wet: Array, number: int) -> bool:
        """Add carriers to the frame that is added; returns whether there are any."""
        if self.carrying is None or not (self.carrying.frames.sounds or self.held.any()):
            return False
        newest = self.held[number % len(self.held)]
        newest[:] = 0
        self.carrying.frames.add(newest)
        wet += self.held[(number + 1) % len(self.held)]
        return True


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
def complete_hop(wet, own, transform, line, begin):  # type: ignore[no-untyped-def]
    """Add the frame `wet`; write the next hop of dry sound, and of what is added."""
    synthesise(wet, own.overlap, own.added, transform.synthesis, transform.plan)
    for channel in range(line.shape[0]):
        for n in range(own.dry.shape[1]):
            own.dry[channel, n] = line[channel, n]
            if begin + n < 0:
                own.added[channel, n] = np.float32(0)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play_rephased(wet, own, transform, line, begin, guard):  # type: ignore[no-untyped-def]
    """As `play`, where the phase of what is added is estimated."""
    complete_hop(wet, own, transform, line, begin)
    guard_rephased(own.dry, own.added, guard, max(1, own.dry.shape[1] // 8))


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def play(wet, own, transform, line, begin, guard):  # type: ignore[no-untyped-def]
    """Add the frame `wet`: the next hop of dry sound, and of what is added, behind the guard.

    `begin` is the place in the signal of the first sample of that hop: nothing sounds before sample 0.
    """
    complete_hop(wet, own, transform, line, begin)
    guard_hop(own.dry, own.added, guard)
