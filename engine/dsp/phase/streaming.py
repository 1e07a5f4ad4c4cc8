"""Phase for one magnitude frame a hop: magnitudes in, complex frames out after the look-ahead.

>>> from dreampedal.engine.dsp.stft import Frames
>>> estimator = Estimator(Frames(1024, 128), channels=1, method="rtpghi", lookahead_frames=1)
>>> played = [estimator.push(np.ones((1, 513), np.float32)).copy() for _ in range(3)]
>>> [float(np.abs(frame[0] + 1j * frame[1]).mean().round(3)) for frame in played]
[0.0, 1.0, 1.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import plan_for
from dreampedal.engine.dsp.phase.arithmetic import Bits
from dreampedal.engine.dsp.phase.fitted import fit_windows, push_fitted
from dreampedal.engine.dsp.phase.frame_kernels import LOUDEST
from dreampedal.engine.dsp.phase.gradient import push_gradient
from dreampedal.engine.dsp.phase.peaks import push_peaks
from dreampedal.engine.dsp.phase.refinement import partial_windows, push_refined
from dreampedal.engine.dsp.phase.state import (
    WORK_ROWS,
    Given,
    Gradient,
    PhaseSettings,
    PhaseState,
    Refining,
    Work,
    bare,
)
from dreampedal.engine.dsp.stft import MOST_CHANNELS, Frames, Planes
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.checks import is_real, is_whole, real_numbers
from dreampedal.engine.runtime.turns import Turn

METHODS = ("spsi", "rtpghi", "rtpghi_plain", "rtisi", "gsrtisi", "hybrid")
_LONGEST = {"spsi": 0, "rtpghi": 1, "rtpghi_plain": 1}
_SOME, _MORE, _HARDLY = 0.05, 0.3, 1e-4
"""Share of the predicted frame where a new one starts: in the hybrid without and with look-ahead; and just enough to
start in silence."""
MOST_ITERATIONS = 1000


class Estimator:
    """Phase for the magnitudes of `channels` channels, in real time, with a latency of `lookahead_frames`.

    Args:
        frames: window, hop and kind of window that the magnitudes were, or might have been, analysed with.
        channels: 1 to 65,536; they share the settings and nothing else.
        method: "spsi", "rtpghi" and "rtpghi_plain" estimate in one pass; "rtpghi_plain" is as published, "rtpghi" hears
            each frame once among those around it (see `fitted`), which is some dB better at twice the cost, with
            look-ahead some 20 µs a frame of 2,048; "rtisi", "gsrtisi" and "hybrid" make frames consistent by iteration,
            the first as published, the second better at the same cost, the last best where frames overlap by seven
            eighths or more.
        lookahead_frames: 0 for spsi, 0 or 1 for rtpghi and rtpghi_plain, 0 to window / hop for the others; each adds a
            hop of latency and several dB.
        iterations: of rtisi, gsrtisi and hybrid, a hop, 1 to 1000; each costs two transforms a frame of look-ahead, and
            one more.
        momentum: of these, 0 to below 1; by measurement 0.7 is best, and from 0.85 on they diverge.
    """

    def __init__(
        self,
        frames: Frames,
        channels: int,
        method: str = "hybrid",
        lookahead_frames: int = 0,
        iterations: int = 8,
        momentum: float = 0.7,
    ) -> None:
        if not isinstance(frames, Frames):
            raise ValueError(f"frames = {frames!r}: expected Frames(window_samples, hop_samples)")
        if method not in METHODS:
            raise ValueError(f"phase method {method!r}: expected one of {', '.join(METHODS)}")
        if not is_whole(channels, 1, MOST_CHANNELS):
            raise ValueError(f"{channels!r} channels: expected a whole number from 1 to {MOST_CHANNELS}")
        longest = _LONGEST.get(method, frames.window_samples // frames.hop_samples)
        if not is_whole(lookahead_frames, 0, longest):
            raise ValueError(f"look-ahead of {lookahead_frames!r} frames: expected 0 to {longest} for {method}")
        if not is_whole(iterations, 1, MOST_ITERATIONS):
            raise ValueError(f"{iterations!r} iterations: expected a whole number from 1 to {MOST_ITERATIONS}")
        if not is_real(momentum) or not 0 <= np.float32(momentum) < 1:
            raise ValueError(f"momentum of {momentum!r}: expected 0 to below 1")
        self.frames = frames
        self.channels = int(channels)
        self.method = method
        lookahead_frames = self.latency_frames = int(lookahead_frames)
        hop, share = frames.hop_samples, _HARDLY
        if method == "hybrid":
            share = _MORE if lookahead_frames else _SOME
        self._slots = max(1, lookahead_frames) if method == "hybrid" else 1 + lookahead_frames
        if method == "rtpghi":
            self._slots, windows = 1, fit_windows(frames.window, frames.dual, hop, lookahead_frames)
        else:
            windows = partial_windows(frames.window, frames.dual, hop, self._slots)
        self._settings = bare(PhaseSettings(Gradient.of(frames), windows, frames.dual, hop))
        self._refining = bare(
            Refining(
                iterations=int(iterations),
                momentum=np.float32(momentum),
                share=np.float32(share),
                at_once=method == "rtisi",
                predicts=method == "hybrid",
            )
        )
        self._work = Work(np.zeros((WORK_ROWS + 3, frames.bins), np.float32), plan_for(frames.window_samples))
        self._origin: Bits = np.zeros((2, frames.bins), np.int32)
        self._sound = np.zeros(frames.window_samples + hop, np.float32)
        self._unknown = np.zeros((2, channels, frames.bins), np.float32)
        self._estimated = np.ones((channels, frames.bins), np.float32)
        kernels = {"spsi": push_peaks, "rtpghi_plain": push_gradient, "rtpghi": push_fitted}
        self._push = Bound(kernels.get(method, push_refined))
        self._turn = Turn("a phase estimator")
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        with self._turn:
            state = self.state = PhaseState.silent(self.channels, self.frames, self.latency_frames, self._slots)
            if self.method in ("rtisi", "gsrtisi"):
                size = self.frames.window_samples
                click = np.exp(-2j * np.pi * (np.arange(self.frames.bins) * round(self.frames.centre) % size) / size)
                state.turn[0], state.turn[1] = click.real, click.imag

    def push(
        self, magnitude: NDArray[np.float32], known: Planes | None = None, weight: NDArray[np.float32] | None = None
    ) -> Planes:
        """Take the magnitudes of the newest frame, return the frame `latency_frames` earlier, a view of the state.

        `magnitude` has shape (channels, bins), values from 0 to 1e15. With `known`, a complex frame that belongs to it,
        (2, channels, bins), bins of `weight` 0 (channels, bins) come back as `known` to the bit, those of weight 1 take
        the estimate, and in between the directions blend; estimation goes on from what was handed out. Frames pushed
        without `known` take the estimate. The first `latency_frames` outputs are silence. A ValueError, and no change
        of state, for another shape, magnitudes that are NaN, infinite, negative or above 1e15, a known frame that is
        not finite and weights outside 0 to 1. An OverlapError while another thread pushes a frame.
        """
        shape = (self.channels, self.frames.bins)
        magnitude = real_numbers("magnitudes", magnitude)
        if magnitude.shape != shape:
            raise ValueError(f"magnitudes of shape {magnitude.shape}: expected (channels, bins) = {shape}")
        if (known is None) != (weight is None):
            raise ValueError("a known frame and its weights: expected both or neither")
        leaning = known is not None
        if known is not None and weight is not None:
            known, weight = real_numbers("a known frame", known), real_numbers("weights", weight, "fiub")
            if known.shape != (2, *shape) or weight.shape != shape:
                raise ValueError(
                    f"a known frame of shape {known.shape} with weights of shape {weight.shape}: "
                    f"expected {(2, *shape)} and {shape}"
                )
        else:
            known, weight = self._unknown, self._estimated
        with self._turn:
            state = self.state
            leans = leaning or bool(state.leans[0])
            if not self._step((magnitude, known, weight, leans)):
                raise ValueError(
                    f"magnitudes: expected numbers from 0 to {LOUDEST:g}"
                    + (", a finite known frame and weights from 0 to 1" if leaning else "")
                )
            state.leans[0] = leans
            return state.out

    def _step(self, given: Given) -> bool:
        """One hop of the method, into `state.out`; False if the numbers are invalid."""
        state, settings, rows = self.state, self._settings, self._work.rows
        if self.method == "spsi":
            own = state.turn, state.out, settings[0], self.frames.hop_samples, rows[0], self._origin
            return bool(self._push(given, *own))
        memory = state[:5]
        if self.method == "rtpghi_plain":
            return bool(self._push(given, memory, settings[0], rows, self._origin[0]))
        # The plan is made bare anew: in a copy of it for another process it has other addresses.
        work = rows, tuple(self._work.plan)
        if self.method == "rtpghi":
            return bool(self._push(given, memory, state.line, state.roots, settings, self._sound, work))
        overlap = state.line, state.frames, state.found
        return bool(self._push(given, memory, overlap, settings, self._refining, self._origin[0], work))
