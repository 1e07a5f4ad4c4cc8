"""Frames made consistent with one another before they are played: RTISI-LA, GSRTISI-LA and the hybrid.

The frames that may still change, the newest `slots`, and those already played are overlap-added in one line. A frame is
analysed afresh from there, its magnitude is put back, and the difference is overlap-added: one transform each way.
RTISI-LA (Zhu, Beauregard and Wyse 2007) analyses all frames first and then changes all; the Gauss-Seidel form changes
each at once, the newest first. Momentum continues each analysis along the way it came (Perraudin, Balazs and Søndergaard 2013).

The newest frames miss the later ones that will overlap them. Each is therefore analysed through its window divided by
the sum of what is there (window times dual), which is the least-squares signal of the frames at hand.
A new frame starts with the phase of what the earlier frames left in its place; the hybrid adds to that the frame which
the gradient of the magnitudes predicts from the refined phase of the frame before.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..fft import FASTMATH, irfft_add, rfft
from ..stft import Planes
from .arithmetic import Bits, Row, logarithms
from .frame_kernels import LOUDEST, Rows, lean, shift, within
from .integration import turn_by_gradient

FACTORS = 6
"""Along time, along frequency, centre, tolerance, momentum, share of the prediction in a new frame."""

_NOTHING = 1e-30  # the square of a length that has no direction


def partial_windows(window: Row, dual: Row, hop_samples: int, slots: int) -> NDArray[np.float32]:
    """The windows to analyse frame 0 (the oldest) to `slots` - 1 with, and last the one that a new frame starts with.

    Shape (slots + 1, window). Frame j is overlapped by all earlier frames and by `slots` - 1 - j later ones. A new frame
    is overlapped by earlier ones only, and the division is by the square root of their sum: what few of them left is
    not trusted as far as what many agree on (by measurement 0.7 dB better than the whole or no division).
    """
    size = window.size
    share = window.astype(np.float64) * dual
    earlier = np.zeros(size)
    for later in range(hop_samples, size, hop_samples):
        earlier[: size - later] += share[later:]
    windows = []
    for slot in range(slots):
        there = earlier + share
        for start in range(hop_samples, min(hop_samples * (slots - slot), size), hop_samples):
            there[start:] += share[: size - start]
        windows.append(window / np.maximum(there, 1e-3))
    windows.append(window / np.sqrt(np.maximum(earlier, 0.05)))
    return np.array(windows, np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def _towards(re: Row, im: Row, length: Row, fallback_re: Row, fallback_im: Row) -> None:
    """Scale a frame to `length` in every bin; the fallback, of that length already, where it has no direction."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = length[m] / np.sqrt(max(square, np.float32(_NOTHING)))
        directed = square > np.float32(_NOTHING)
        re[m] = re[m] * scale if directed else fallback_re[m]
        im[m] = im[m] * scale if directed else fallback_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def _directions(re: Row, im: Row, turn_re: Row, turn_im: Row) -> None:
    """The directions of a frame; where it is silent, what `turn` had."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = np.float32(1) / np.sqrt(max(square, np.float32(_NOTHING)))
        directed = square > np.float32(_NOTHING)
        turn_re[m] = re[m] * scale if directed else turn_re[m]
        turn_im[m] = im[m] * scale if directed else turn_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def push_refined(
    magnitude: NDArray[np.float32],
    known: Planes,
    weight: NDArray[np.float32],
    leans: bool,
    logs: Rows,
    held: Rows,
    knowns: NDArray[np.float32],
    turn: Planes,
    line: NDArray[np.float32],
    frames: NDArray[np.float32],
    found: NDArray[np.float32],
    out: Planes,
    advance: Row,
    factors: Row,
    hop: int,
    iterations: int,
    at_once: bool,
    windows: NDArray[np.float32],
    dual: Row,
    work: NDArray[np.float32],
    origin: Bits,
    twiddle: Row,
    untangle: NDArray[np.float32],
    fft_work: NDArray[np.float32],
) -> bool:
    """Take the newest magnitudes and write the frame that may change no longer to `out`; False if they are invalid.

    `line` holds the overlap-added frames, (channels, window + (slots - 1)·hop); `frames` those that may change and
    `found` how they were found last, each (3, channels, slots, bins): the third planes are room for analyses. `at_once` is Jacobi's order. `held` has one row more than there are slots where the
    gradient looks one frame ahead. Other arguments are as in `push_gradient`.
    """
    if not within(magnitude, 0, LOUDEST):
        return False
    if leans and not (
        within(weight, 0, 1) and within(known[0], -LOUDEST, LOUDEST) and within(known[1], -LOUDEST, LOUDEST)
    ):
        return False
    slots = frames.shape[2]
    newest = slots - 1
    central = held.shape[1] > slots
    shift(held, magnitude)
    if leans:
        shift(knowns[0], known[0])
        shift(knowns[1], known[1])
        shift(knowns[2], weight)
    size = dual.size
    bins = advance.size
    rise, re, im = work[-1], work[-2], work[-3]
    momentum, share = factors[4], factors[5]
    for channel in range(magnitude.shape[0]):
        row = line[channel]
        for n in range(row.size - hop):
            row[n] = row[n + hop]
        row[row.size - hop :] = np.float32(0)
        turn_re, turn_im = turn[0, channel], turn[1, channel]
        _directions(frames[0, channel, newest], frames[1, channel, newest], turn_re, turn_im)
        for plane in range(2):
            for slot in range(newest):
                frames[plane, channel, slot, :] = frames[plane, channel, slot + 1]
                found[plane, channel, slot, :] = found[plane, channel, slot + 1]
        new_re, new_im, wanted = frames[0, channel, newest], frames[1, channel, newest], held[channel, newest]

        log = logs[channel]
        log[0, :] = log[1]
        log[1, :] = log[2]
        logarithms(magnitude[channel], log[2], rise)
        if central:
            for m in range(bins):
                rise[m] = log[2, m] - log[0, m]
            turn_by_gradient(
                log[0], log[1], rise, advance, factors[0], factors[1], int(factors[2]), factors[3],
                turn_re, turn_im, re, im, work, origin,
            )  # fmt: skip
        else:
            for m in range(bins):
                rise[m] = np.float32(3) * log[2, m] - np.float32(4) * log[1, m] + log[0, m]
            turn_by_gradient(
                log[1], log[2], rise, advance, factors[0], factors[1], int(factors[2]), factors[3],
                turn_re, turn_im, re, im, work, origin,
            )  # fmt: skip
        rfft(row[newest * hop :], windows[slots], new_re, new_im, twiddle, untangle, fft_work)
        for m in range(bins):
            re[m], im[m] = wanted[m] * re[m], wanted[m] * im[m]
            new_re[m] += share * re[m]
            new_im[m] += share * im[m]
        _towards(new_re, new_im, wanted, re, im)
        irfft_add(new_re, new_im, dual, row[newest * hop :], twiddle, untangle, fft_work)

        for iteration in range(iterations):
            for step in range(2 * slots):
                slot = newest - (step % slots if at_once else step // 2)
                analyses = step < slots if at_once else step % 2 == 0
                place = row[slot * hop : slot * hop + size]
                new_re, new_im = found[2, channel, slot], frames[2, channel, slot]
                if analyses:
                    rfft(place, windows[slot], new_re, new_im, twiddle, untangle, fft_work)
                    continue
                old_re, old_im, wanted = frames[0, channel, slot], frames[1, channel, slot], held[channel, slot]
                was_re, was_im = found[0, channel, slot], found[1, channel, slot]
                push = np.float32(0) if iteration == 0 and slot == newest else momentum
                for m in range(bins):
                    x, y = new_re[m], new_im[m]
                    re[m], im[m] = x + push * (x - was_re[m]), y + push * (y - was_im[m])
                    was_re[m], was_im[m] = x, y
                if leans:
                    ones = work[0]
                    ones[:] = np.float32(1)
                    _towards(re, im, ones, old_re, old_im)
                    lean(re, im, knowns[0, channel, slot], knowns[1, channel, slot], knowns[2, channel, slot])
                _towards(re, im, wanted, old_re, old_im)
                for m in range(bins):
                    x, y = re[m], im[m]
                    re[m], im[m] = x - old_re[m], y - old_im[m]
                    old_re[m], old_im[m] = x, y
                irfft_add(re, im, dual, place, twiddle, untangle, fft_work)
        for m in range(bins):
            out[0, channel, m] = frames[0, channel, 0, m]
            out[1, channel, m] = frames[1, channel, 0, m]
    return True
