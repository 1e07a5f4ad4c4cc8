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

from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add, rfft
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row
from dreampedal.engine.dsp.phase.frame_kernels import NOTHING, give_back, keep_directions, lean, taken
from dreampedal.engine.dsp.phase.gradient import predict
from dreampedal.engine.dsp.phase.state import Bare, Given, Gradient, Memory, PhaseSettings, Refining, Rows, Work
from dreampedal.engine.runtime.jit import njit


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
        scale = length[m] / np.sqrt(max(square, np.float32(NOTHING)))
        directed = square > np.float32(NOTHING)
        re[m] = re[m] * scale if directed else fallback_re[m]
        im[m] = im[m] * scale if directed else fallback_im[m]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def _lean_towards(re: Row, im: Row, fallback_re: Row, fallback_im: Row, known: NDArray[np.float32], ones: Row) -> None:
    """Make a frame one of directions, turned towards `known`: real and imaginary parts and weights, (3, bins)."""
    for m in range(ones.size):
        ones[m] = np.float32(1)
    _towards(re, im, ones, fallback_re, fallback_im)
    lean(re, im, known[0], known[1], known[2])


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
def _iterate(  # type: ignore[no-untyped-def]
    row, frames, found, held, knowns, leans, settings, refining, work
):
    """Iterate over the frames of one channel, (3, slots, bins)."""
    slots, windows, dual = frames.shape[1], settings.windows, settings.dual
    newest = slots - 1
    re, im = work.rows[-2], work.rows[-3]
    for iteration in range(refining.iterations):
        for step in range(2 * slots):
            slot = newest - (step % slots if refining.at_once else step // 2)
            analyses = step < slots if refining.at_once else step % 2 == 0
            place = row[slot * settings.hop : slot * settings.hop + dual.size]
            new_re, new_im = found[2, slot], frames[2, slot]
            if analyses:
                rfft(place, windows[slot], new_re, new_im, work.plan)
                continue
            old_re, old_im, was_re, was_im = frames[0, slot], frames[1, slot], found[0, slot], found[1, slot]
            push = np.float32(0) if iteration == 0 and slot == newest else refining.momentum
            for m in range(re.size):
                x, y = new_re[m], new_im[m]
                re[m], im[m] = x + push * (x - was_re[m]), y + push * (y - was_im[m])
                was_re[m], was_im[m] = x, y
            if leans:
                _lean_towards(re, im, old_re, old_im, knowns[:, slot], work.rows[0])
            _towards(re, im, held[slot], old_re, old_im)
            for m in range(re.size):
                x, y = re[m], im[m]
                re[m], im[m] = x - old_re[m], y - old_im[m]
                old_re[m], old_im[m] = x, y
            irfft_add(re, im, dual, place, work.plan)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def push_refined(
    given: Given,
    bare_memory: Bare,
    overlap: tuple[Row, Row, Row],
    bare_settings: Bare,
    bare_refining: Bare,
    root: Bits,
    bare_work: Bare,
) -> bool:
    """Take the newest magnitudes and write the frame that may change no longer; False, and nothing done, if invalid.

    `overlap` is the state's line, frames, and frames as they were found. A new frame starts from the gradient as well,
    or else from a trace of what `turn` holds. Nothing is iterated while all weights are 0. Other arguments are as in
    `push_gradient`.
    """
    memory = Memory(*bare_memory)
    if not taken(given, memory):
        return False
    magnitude, _, _, leans = given
    bare_gradient, windows, dual, hop = bare_settings
    settings = PhaseSettings(Gradient(*bare_gradient), windows, dual, hop)
    refining, work, (line, frames, found) = Refining(*bare_refining), Work(*bare_work), overlap
    newest = frames.shape[2] - 1
    re, im, share = work.rows[-2], work.rows[-3], refining.share
    for channel in range(magnitude.shape[0]):
        row, own, last = line[channel], frames[channel], found[channel]
        held, lent = memory.held[channel], memory.knowns[:, channel]
        out_re, out_im = memory.out[0, channel], memory.out[1, channel]
        turn_re, turn_im = memory.turn[0, channel], memory.turn[1, channel]
        for m in range(re.size):
            re[m], im[m] = turn_re[m], turn_im[m]
        if refining.predicts:
            keep_directions(own[0, newest], own[1, newest], turn_re, turn_im)
            predict(
                memory.logs[channel], magnitude[channel], held.shape[0] > newest + 1, settings.gradient,
                turn_re, turn_im, re, im, work.rows, root,
            )  # fmt: skip
        _make_room(row, hop, own, last)
        new_re, new_im, wanted, place = own[0, newest], own[1, newest], held[newest], row[newest * hop :]
        rfft(place, windows[newest + 1], new_re, new_im, work.plan)
        for m in range(re.size):
            re[m], im[m] = wanted[m] * re[m], wanted[m] * im[m]
            new_re[m] += share * re[m]
            new_im[m] += share * im[m]
        if leans:
            _lean_towards(new_re, new_im, re, im, lent[:, newest], work.rows[0])
        _towards(new_re, new_im, wanted, re, im)
        for m in range(re.size):
            last[0, newest, m], last[1, newest, m] = new_re[m], new_im[m]
        irfft_add(new_re, new_im, dual, place, work.plan)

        undecided = np.float32(0)
        for slot in range(newest + 1):
            for m in range(re.size):
                undecided += lent[2, slot, m]
        if not leans or undecided != 0:
            _iterate(row, own, last, held, lent, leans, settings, refining, work)
        for m in range(re.size):
            out_re[m], out_im[m] = own[0, 0, m], own[1, 0, m]
        if leans:
            give_back(out_re, out_im, lent[0, 0], lent[1, 0], lent[2, 0])
    return True
