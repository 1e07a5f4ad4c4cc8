"""RTPGHI as a step from one hop to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row, logarithms
from dreampedal.engine.dsp.phase.frame_kernels import Rows, acceptable, give_back, hand_out, lean, shift
from dreampedal.engine.dsp.phase.integration import find_roots, turn_from_roots
from dreampedal.engine.dsp.stft import Planes
from dreampedal.engine.runtime.jit import njit


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def take_in(log: NDArray[np.float32], magnitude: Row, work: Row) -> None:
    """Shift the log magnitudes of three frames by one, and append those of the newest."""
    for m in range(magnitude.size):
        log[0, m] = log[1, m]
        log[1, m] = log[2, m]
    logarithms(magnitude, log[2], work)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def rise_of(log: NDArray[np.float32], central: bool, rise: Row) -> None:
    """Write twice the derivative along time of the last but one of three log magnitudes, or else of the last, per hop.

    The former is central, the latter one-sided and of second order (Průša and Søndergaard 2016, equation 12).
    """
    if central:
        for m in range(rise.size):
            rise[m] = log[2, m] - log[0, m]
    else:
        for m in range(rise.size):
            rise[m] = np.float32(3) * log[2, m] - np.float32(4) * log[1, m] + log[0, m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def predict(
    log: NDArray[np.float32],
    magnitude: Row,
    central: bool,
    advance: Row,
    factors: Row,
    turn_re: Row,
    turn_im: Row,
    re: Row,
    im: Row,
    work: NDArray[np.float32],
    root: Bits,
) -> None:
    """Write the directions that the gradient predicts for the newest frame, or, if `central`, for the one before it.

    `log` are the log magnitudes of the newest three frames; `magnitude` becomes the newest of them. `factors` are those
    along time and frequency, the window's centre in samples and the tolerance. `turn` is the frame before.
    """
    rise = work[-1]
    at = 0 if central else 1
    take_in(log, magnitude, rise)
    rise_of(log, central, rise)
    find_roots(log[at], log[at + 1], factors[3], work, root)
    turn_from_roots(
        log[at], log[at + 1], rise, advance, factors[0], factors[1], int(factors[2]), root,
        turn_re, turn_im, re, im, work,
    )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
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
    (3, channels, 1 + look-ahead, bins), the known frames and their weights, used with `leans`; `turn` the directions of
    the frame handed out last. With one frame of look-ahead `held` has two rows. For `factors` see `predict`.
    """
    if not acceptable(magnitude, known, weight, leans):
        return False
    ahead = held.shape[1] - 1
    shift(held, magnitude)
    if leans:
        shift(knowns[0], known[0])
        shift(knowns[1], known[1])
        shift(knowns[2], weight)
    for channel in range(magnitude.shape[0]):
        re, im = out[0, channel], out[1, channel]
        predict(
            logs[channel], magnitude[channel], ahead > 0, advance, factors,
            turn[0, channel], turn[1, channel], re, im, work, origin[0],
        )  # fmt: skip
        if leans:
            lean(re, im, knowns[0, channel, 0], knowns[1, channel, 0], knowns[2, channel, 0])
        hand_out(re, im, held[channel, 0], turn[0, channel], turn[1, channel])
        if leans:
            give_back(re, im, knowns[0, channel, 0], knowns[1, channel, 0], knowns[2, channel, 0])
    return True
