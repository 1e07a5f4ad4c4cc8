"""RTPGHI as a step from one hop to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row, logarithms
from dreampedal.engine.dsp.phase.frame_kernels import hand_out_leaning, taken
from dreampedal.engine.dsp.phase.integration import find_roots, turn_from_roots
from dreampedal.engine.dsp.phase.state import Bare, Given, Gradient, Memory
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
def predict(  # type: ignore[no-untyped-def]
    log, magnitude, central, gradient, turn_re, turn_im, re, im, rows, root
):
    """Write the directions that the gradient predicts for the newest frame, or, if `central`, for the one before it.

    `log` are the log magnitudes of the newest three frames; `magnitude` becomes the newest of them. `turn` is the frame
    before.
    """
    rise = rows[-1]
    at = 0 if central else 1
    take_in(log, magnitude, rise)
    rise_of(log, central, rise)
    find_roots(log[at], log[at + 1], gradient.tolerance, rows, root)
    turn_from_roots(log[at], log[at + 1], rise, gradient, root, turn_re, turn_im, re, im, rows)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def push_gradient(given: Given, bare_memory: Bare, bare_gradient: Bare, rows: Row, root: Bits) -> bool:
    """Take the newest magnitudes and write the frame that they complete; False, and nothing done, if invalid.

    `rows` and `root` are working memory.
    """
    memory, gradient = Memory(*bare_memory), Gradient(*bare_gradient)
    if not taken(given, memory):
        return False
    magnitude, _, _, leans = given
    held, knowns, turn = memory.held, memory.knowns, memory.turn
    for channel in range(magnitude.shape[0]):
        re, im = memory.out[0, channel], memory.out[1, channel]
        predict(
            memory.logs[channel], magnitude[channel], held.shape[1] > 1, gradient,
            turn[0, channel], turn[1, channel], re, im, rows, root,
        )  # fmt: skip
        hand_out_leaning(
            re, im, held[channel, 0], turn[0, channel], turn[1, channel],
            leans, knowns[0, channel, 0], knowns[1, channel, 0], knowns[2, channel, 0],
        )  # fmt: skip
    return True
