"""RTPGHI as a step from one hop to the next."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..fft import FASTMATH
from ..stft import Planes
from .arithmetic import Bits, logarithms
from .frame_kernels import LOUDEST, Rows, hand_out, lean, shift, within
from .integration import turn_by_gradient


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def push_gradient(
    magnitude: NDArray[np.float32],
    known: Planes,
    weight: NDArray[np.float32],
    leans: bool,
    logs: Rows,
    held: Rows,
    knowns: NDArray[np.float32],
    turn: Planes,
    out: Planes,
    advance: NDArray[np.float32],
    factors: NDArray[np.float32],
    work: NDArray[np.float32],
    origin: Bits,
) -> bool:
    """Take the newest magnitudes and write the frame that they complete to `out`; False, and nothing done, if invalid.

    `logs` are the log magnitudes of the newest three frames; `held` the magnitudes not yet handed out; `knowns`, shape
    (3, channels, 1 + look-ahead, bins), the known frames and their weights; `factors` along time and frequency, the
    window's centre in samples and the tolerance. With one frame of look-ahead `held` has two rows, and the frame in the
    middle of `logs` is handed out with a central derivative along time; with none the newest, with the one-sided
    derivative of second order (Průša and Søndergaard 2016, equation 12).
    """
    if not within(magnitude, 0, LOUDEST):
        return False
    if leans and not (
        within(weight, 0, 1) and within(known[0], -LOUDEST, LOUDEST) and within(known[1], -LOUDEST, LOUDEST)
    ):
        return False
    ahead = held.shape[1] - 1
    shift(held, magnitude)
    if leans:
        shift(knowns[0], known[0])
        shift(knowns[1], known[1])
        shift(knowns[2], weight)
    rise = work[-1]
    for channel in range(magnitude.shape[0]):
        log = logs[channel]
        log[0, :] = log[1]
        log[1, :] = log[2]
        logarithms(magnitude[channel], log[2], rise)
        if ahead:
            for m in range(rise.size):
                rise[m] = log[2, m] - log[0, m]
        else:
            for m in range(rise.size):
                rise[m] = np.float32(3) * log[2, m] - np.float32(4) * log[1, m] + log[0, m]
        re, im = out[0, channel], out[1, channel]
        turn_by_gradient(
            log[1 - ahead], log[2 - ahead], rise, advance, factors[0], factors[1], int(factors[2]), factors[3],
            turn[0, channel], turn[1, channel], re, im, work, origin,
        )  # fmt: skip
        if leans:
            lean(re, im, knowns[0, channel, 0], knowns[1, channel, 0], knowns[2, channel, 0])
        hand_out(re, im, held[channel, 0], turn[0, channel], turn[1, channel])
    return True
