"""Frames made consistent with one another before they are played: RTISI-LA, GSRTISI-LA and the hybrid.

The frames that may still change, the newest `slots`, and those already played are overlap-added in one line. A frame is
analysed afresh from there, its magnitude is put back, and the difference is overlap-added: one transform each way.
RTISI-LA (Zhu, Beauregard and Wyse 2007) analyses all frames first and then changes all; the Gauss-Seidel form changes
each at once, the newest first. Momentum continues each analysis along the way it came (Perraudin, Balazs and
Søndergaard 2013).

The newest frames miss the later ones that will overlap them. Each is therefore analysed through its window divided by
the sum of what is there (window times dual), which is the least-squares signal of the frames at hand.
A new frame starts with the phase of what the earlier frames left in its place; the hybrid adds to that the frame which
the gradient of the magnitudes predicts from the refined phase of the frame before, the others a trace of a click in the
middle of the window, for where nothing was left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH, Plan, irfft_add, rfft
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row
from dreampedal.engine.dsp.phase.frame_kernels import Rows, acceptable, give_back, lean, shift
from dreampedal.engine.dsp.phase.gradient import predict
from dreampedal.engine.dsp.stft import Planes
from dreampedal.engine.runtime.jit import njit

FACTORS = 6
"""Along time, along frequency, centre, tolerance, momentum, share of the prediction in a new frame."""

_NOTHING = 1e-30  # the square of a length that has no direction


def partial_windows(window: Row, dual: Row, hop_samples: int, slots: int) -> NDArray[np.float32]:
    """The windows to analyse frame 0 (the oldest) to `slots` - 1 with, and last the one that a new frame starts with.

    Shape (slots + 1, window). Frame j is overlapped by all earlier frames and by `slots` - 1 - j later ones. A new
    frame is overlapped by earlier ones only. Where few frames overlap, what one of them left alone is not trusted as
    far as what several agree on: the division is then by their sum to the power of ¾, by measurement the best of ½,
    ¾, 1 and 1¼. With seven eighths of overlap or more, and later frames to mend it, the full division is better.
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
    power, least = (1.0, 0.02) if slots > 1 and size >= 8 * hop_samples else (0.75, 0.05)
    windows.append(window / np.maximum(earlier, least) ** power)
    return np.array(windows, np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _towards(re: Row, im: Row, length: Row, fallback_re: Row, fallback_im: Row) -> None:
    """Scale a frame to `length` in every bin; the fallback, of that length already, where it has no direction."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = length[m] / np.sqrt(max(square, np.float32(_NOTHING)))
        directed = square > np.float32(_NOTHING)
        re[m] = re[m] * scale if directed else fallback_re[m]
        im[m] = im[m] * scale if directed else fallback_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _lean_towards(re: Row, im: Row, fallback_re: Row, fallback_im: Row, known: NDArray[np.float32], ones: Row) -> None:
    """Make a frame one of directions, turned towards `known`: real and imaginary parts and weights, (3, bins)."""
    ones[:] = np.float32(1)
    _towards(re, im, ones, fallback_re, fallback_im)
    lean(re, im, known[0], known[1], known[2])


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _directions(re: Row, im: Row, turn_re: Row, turn_im: Row) -> None:
    """The directions of a frame; where it is silent, what `turn` had."""
    for m in range(re.size):
        square = re[m] * re[m] + im[m] * im[m]
        scale = np.float32(1) / np.sqrt(max(square, np.float32(_NOTHING)))
        directed = square > np.float32(_NOTHING)
        turn_re[m] = re[m] * scale if directed else turn_re[m]
        turn_im[m] = im[m] * scale if directed else turn_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _make_room(row: Row, hop: int, frames: Rows, found: Rows) -> None:
    """Shift a channel's line by a hop and its frames, (3, slots, bins), by one."""
    newest = frames.shape[1] - 1
    for n in range(row.size - hop):
        row[n] = row[n + hop]
    row[row.size - hop :] = np.float32(0)
    for plane in range(2):
        for slot in range(newest):
            for m in range(frames.shape[2]):
                frames[plane, slot, m] = frames[plane, slot + 1, m]
                found[plane, slot, m] = found[plane, slot + 1, m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _settle(
    row: Row,
    hop: int,
    iterations: int,
    at_once: bool,
    momentum: np.float32,
    frames: Rows,
    found: Rows,
    held: NDArray[np.float32],
    knowns: NDArray[np.float32],
    leans: bool,
    windows: NDArray[np.float32],
    dual: Row,
    work: NDArray[np.float32],
    plan: Plan,
) -> None:
    """Iterate over the frames of one channel, (3, slots, bins)."""
    slots = frames.shape[1]
    newest = slots - 1
    re, im = work[-2], work[-3]
    for iteration in range(iterations):
        for step in range(2 * slots):
            slot = newest - (step % slots if at_once else step // 2)
            analyses = step < slots if at_once else step % 2 == 0
            place = row[slot * hop : slot * hop + dual.size]
            new_re, new_im = found[2, slot], frames[2, slot]
            if analyses:
                rfft(place, windows[slot], new_re, new_im, plan)
                continue
            old_re, old_im, was_re, was_im = frames[0, slot], frames[1, slot], found[0, slot], found[1, slot]
            push = np.float32(0) if iteration == 0 and slot == newest else momentum
            for m in range(re.size):
                x, y = new_re[m], new_im[m]
                re[m], im[m] = x + push * (x - was_re[m]), y + push * (y - was_im[m])
                was_re[m], was_im[m] = x, y
            if leans:
                _lean_towards(re, im, old_re, old_im, knowns[:, slot], work[0])
            _towards(re, im, held[slot], old_re, old_im)
            for m in range(re.size):
                x, y = re[m], im[m]
                re[m], im[m] = x - old_re[m], y - old_im[m]
                old_re[m], old_im[m] = x, y
            irfft_add(re, im, dual, place, plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
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
    predicts: bool,
    windows: NDArray[np.float32],
    dual: Row,
    work: NDArray[np.float32],
    origin: Bits,
    plan: Plan,
) -> bool:
    """Take the newest magnitudes and write the frame that may change no longer to `out`; False if they are invalid.

    `line` holds the overlap-added frames, (channels, window + (slots - 1)·hop); `frames` those that may change and
    `found` how they were found last, each (channels, 3, slots, bins): the third planes are room for analyses. `at_once`
    is Jacobi's order. With `predicts` a new frame starts from the gradient as well, else from a trace of `turn`. `held`
    has one row more than there are slots where the gradient looks one frame ahead. Nothing is iterated while all
    weights are 0. Other arguments are as in `push_gradient`.
    """
    if not acceptable(magnitude, known, weight, leans):
        return False
    newest = frames.shape[2] - 1
    shift(held, magnitude)
    if leans:
        shift(knowns[0], known[0])
        shift(knowns[1], known[1])
        shift(knowns[2], weight)
    re, im, share = work[-2], work[-3], factors[5]
    for channel in range(magnitude.shape[0]):
        row, own, last, lent = line[channel], frames[channel], found[channel], knowns[:, channel]
        turn_re, turn_im = turn[0, channel], turn[1, channel]
        re[:], im[:] = turn_re, turn_im
        if predicts:
            _directions(own[0, newest], own[1, newest], turn_re, turn_im)
            predict(
                logs[channel], magnitude[channel], held.shape[1] > newest + 1, advance, factors,
                turn_re, turn_im, re, im, work, origin[0],
            )  # fmt: skip
        _make_room(row, hop, own, last)
        new_re, new_im, wanted, place = own[0, newest], own[1, newest], held[channel, newest], row[newest * hop :]
        rfft(place, windows[newest + 1], new_re, new_im, plan)
        for m in range(re.size):
            re[m], im[m] = wanted[m] * re[m], wanted[m] * im[m]
            new_re[m] += share * re[m]
            new_im[m] += share * im[m]
        if leans:
            _lean_towards(new_re, new_im, re, im, lent[:, newest], work[0])
        _towards(new_re, new_im, wanted, re, im)
        for m in range(re.size):
            last[0, newest, m], last[1, newest, m] = new_re[m], new_im[m]
        irfft_add(new_re, new_im, dual, place, plan)

        undecided = np.float32(0)
        for slot in range(newest + 1):
            for m in range(re.size):
                undecided += lent[2, slot, m]
        _settle(
            row, hop, 0 if leans and undecided == 0 else iterations, at_once, factors[4], own, last, held[channel],
            lent, leans, windows, dual, work, plan,
        )  # fmt: skip
        for m in range(re.size):
            out[0, channel, m], out[1, channel, m] = own[0, 0, m], own[1, 0, m]
        if leans:
            give_back(out[0, channel], out[1, channel], lent[0, 0], lent[1, 0], lent[2, 0])
    return True
