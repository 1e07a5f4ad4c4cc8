"""What every estimator does around its own idea: take a magnitude in, hold it for the look-ahead, hand a frame out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import Row
from dreampedal.engine.dsp.phase.state import Given, Memory, Rows
from dreampedal.engine.runtime.jit import njit

NOTHING = 1e-30
"""The square of a length that has no direction."""

LOUDEST = 1e15
"""The largest magnitude accepted: squares and products of two stay finite in float32."""


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def within(values: NDArray[np.float32], low: float, high: float) -> bool:
    """Whether every value of a matrix is a number from `low` to `high`."""
    good = 0
    for row in range(values.shape[0]):
        for m in range(values.shape[1]):
            value = values[row, m]
            good += 1 if (value >= np.float32(low)) & (value <= np.float32(high)) else 0
    return good == values.size


@njit(cache=True, nogil=True, forceinline=True)
def shift(rows: Rows, newest: NDArray[np.float32]) -> None:
    """Drop the oldest frame of every channel and append the newest."""
    last = rows.shape[1] - 1
    for channel in range(rows.shape[0]):
        for row in range(last):
            for m in range(rows.shape[2]):
                rows[channel, row, m] = rows[channel, row + 1, m]
        for m in range(rows.shape[2]):
            rows[channel, last, m] = newest[channel, m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def lean(re: Row, im: Row, known_re: Row, known_im: Row, weight: Row) -> None:
    """Turn the directions in `re` and `im` towards those of a known frame, wholly at weight 0 and not at all at 1.

    Where the known frame is silent, or the two cancel, the estimate stays.
    """
    for m in range(re.size):
        length = np.sqrt(known_re[m] * known_re[m] + known_im[m] * known_im[m])
        share = (np.float32(1) - weight[m]) / max(length, np.float32(1e-18))
        x = weight[m] * re[m] + share * known_re[m]
        y = weight[m] * im[m] + share * known_im[m]
        size = np.sqrt(x * x + y * y)
        usable = size > np.float32(1e-6)
        scale = np.float32(1) / max(size, np.float32(1e-6))
        re[m] = x * scale if usable else re[m]
        im[m] = y * scale if usable else im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def keep_directions(re: Row, im: Row, turn_re: Row, turn_im: Row) -> None:
    """Write the directions of a frame to `turn`; where it is silent, `turn` keeps what it had."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = np.float32(1) / np.sqrt(max(square, np.float32(NOTHING)))
        directed = square > np.float32(NOTHING)
        turn_re[m] = re[m] * scale if directed else turn_re[m]
        turn_im[m] = im[m] * scale if directed else turn_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def acceptable(given: Given) -> bool:
    """Whether magnitudes, and where they count a known frame and its weights, are finite and in their ranges."""
    magnitude, known, weight, leans = given
    if not within(magnitude, 0, LOUDEST):
        return False
    if not leans:
        return True
    fit: bool = within(weight, 0, 1) and within(known[0], -LOUDEST, LOUDEST) and within(known[1], -LOUDEST, LOUDEST)
    return fit


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def taken(given: Given, memory: Memory) -> bool:
    """Take the newest magnitudes, and the known frame where it counts; False, and nothing done, if they are invalid."""
    if not acceptable(given):
        return False
    magnitude, known, weight, leans = given
    shift(memory.held, magnitude)
    if leans:
        shift(memory.knowns[0], known[0])
        shift(memory.knowns[1], known[1])
        shift(memory.knowns[2], weight)
    return True


@njit(cache=True, nogil=True, forceinline=True)
def give_back(re: Row, im: Row, known_re: Row, known_im: Row, weight: Row) -> None:
    """The known frame itself, to the bit, where its weight is 0."""
    for m in range(re.size):
        re[m] = known_re[m] if weight[m] == 0 else re[m]
        im[m] = known_im[m] if weight[m] == 0 else im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def hand_out(re: Row, im: Row, magnitude: Row, turn_re: Row, turn_im: Row) -> None:
    """Keep the directions in `turn`, at length 1 whatever rounding did, and scale them to the magnitudes."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = np.float32(1) / np.sqrt(max(square, np.float32(1e-12)))
        x, y = re[m] * scale, im[m] * scale
        turn_re[m], turn_im[m] = x, y
        re[m], im[m] = magnitude[m] * x, magnitude[m] * y


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def hand_out_leaning(  # type: ignore[no-untyped-def]
    re, im, magnitude, turn_re, turn_im, leans, known_re, known_im, weight
):
    """`hand_out`, with `leans` turned towards a known frame, and that frame itself where its weight is 0."""
    if leans:
        lean(re, im, known_re, known_im, weight)
    hand_out(re, im, magnitude, turn_re, turn_im)
    if leans:
        give_back(re, im, known_re, known_im, weight)
