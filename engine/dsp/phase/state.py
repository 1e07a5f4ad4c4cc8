"""What an estimator is set to, what it remembers, and where it works: NamedTuples, which kernels take as they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import Plan
from dreampedal.engine.dsp.phase.arithmetic import SMALLEST, Bits, Row
from dreampedal.engine.dsp.stft import Frames, Planes

Given = tuple[NDArray[np.float32], Planes, NDArray[np.float32], bool]
"""What is pushed: the newest magnitudes, a known frame, its weights, and whether these two count."""

Bare = tuple[Any, ...]
"""A NamedTuple as a plain tuple (see `bare`)."""

Rows = NDArray[np.float32]
"""Several frames of one kind, the oldest first: (channels, frames, bins)."""

TOLERANCE_DB = 120.0
"""Bins this far below the loudest of two frames hand no phase on."""

WORK_ROWS = 7
"""Rows that integration works in."""


class Gradient(NamedTuple):
    """How the phase follows from the gradient of the log magnitude (see `integration`)."""

    advance: Row
    """Turns of each bin over a hop."""
    along_time: np.float32
    """Turns along time for a slope along frequency."""
    along_frequency: np.float32
    tolerance: np.float32
    """`TOLERANCE_DB` as a natural logarithm."""
    centre: int
    """The window's centre in samples."""

    @classmethod
    def of(cls, frames: Frames, tolerance: float = TOLERANCE_DB * float(np.log(10)) / 20) -> Gradient:
        """That of magnitudes in these frames."""
        size, hop = frames.window_samples, frames.hop_samples
        return cls(
            advance=(np.arange(frames.bins) * hop % size / size).astype(np.float32),
            along_time=np.float32(hop * size / frames.gamma / (8 * np.pi)),
            along_frequency=np.float32(-frames.gamma / (hop * size) / (8 * np.pi)),
            tolerance=np.float32(tolerance),
            centre=round(frames.centre),
        )


class PhaseSettings(NamedTuple):
    """How `fitted` and `refinement` transform."""

    gradient: Gradient
    windows: NDArray[np.float32]
    """Of the analyses, (windows, samples)."""
    dual: Row
    """Of the synthesis."""
    hop: int


class Refining(NamedTuple):
    """How `refinement` iterates."""

    iterations: int
    momentum: np.float32
    share: np.float32
    """Of the prediction in a new frame."""
    at_once: bool
    """Whether all frames are analysed before any is changed."""
    predicts: bool
    """Whether a new frame starts from the gradient as well."""


class Work(NamedTuple):
    """Memory that means nothing between two hops."""

    rows: NDArray[np.float32]
    """(WORK_ROWS + 3, bins)."""
    plan: Plan


class Memory(NamedTuple):
    """What every method but `peaks` remembers: the first fields of `PhaseState`."""

    logs: Rows
    held: Rows
    knowns: NDArray[np.float32]
    turn: Planes
    out: Planes


class PhaseState(NamedTuple):
    """What an estimator keeps between two hops; a fresh one is `silent`."""

    logs: Rows
    """Log magnitudes of the newest three frames."""
    held: Rows
    """Magnitudes not yet handed out, the newest last; one row more than `frames` has where the gradient looks ahead."""
    knowns: NDArray[np.float32]
    """Known frames and their weights for the held magnitudes, (3, channels, 1 + look-ahead, bins)."""
    turn: Planes
    """Directions (of length 1) of the frame handed out last; of a click where the gradient is not asked."""
    out: Planes
    line: NDArray[np.float32]
    """The sound of the frames that may change, over that of those played, (channels, window + (slots - 1)·hop)."""
    frames: NDArray[np.float32]
    """Those that may change, the oldest first, and room for an analysis: (channels, 3, slots, bins)."""
    found: NDArray[np.float32]
    """How each was found last, before its magnitude was put back, and room: as `frames`."""
    roots: Bits
    """The bins that the gradient's phases of the newest frame are integrated from, (channels, bins)."""
    leans: NDArray[np.bool_]
    """Whether a known frame was ever pushed, (1,)."""

    @classmethod
    def silent(cls, channels: int, frames: Frames, lookahead_frames: int, slots: int) -> PhaseState:
        """The state after endless silence."""
        bins = frames.bins
        state = cls(
            logs=np.full((channels, 3, bins), np.log(SMALLEST), np.float32),
            held=np.zeros((channels, 1 + lookahead_frames, bins), np.float32),
            knowns=np.zeros((3, channels, 1 + lookahead_frames, bins), np.float32),
            turn=np.zeros((2, channels, bins), np.float32),
            out=np.zeros((2, channels, bins), np.float32),
            line=np.zeros((channels, frames.window_samples + (slots - 1) * frames.hop_samples), np.float32),
            frames=np.zeros((channels, 3, slots, bins), np.float32),
            found=np.zeros((channels, 3, slots, bins), np.float32),
            roots=np.tile(np.arange(bins, dtype=np.int32), (channels, 1)),
            leans=np.zeros(1, np.bool_),
        )
        state.turn[0] = 1
        state.knowns[2] = 1
        return state


def bare(given: Any) -> Any:
    """A NamedTuple, and those in it, as plain tuples, which kernels give their names back.

    numba looks up the class of each NamedTuple that it is passed, at half a microsecond a call.
    """
    return tuple(map(bare, given)) if isinstance(given, tuple) else given
