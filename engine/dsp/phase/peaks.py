"""SPSI: every peak of the magnitudes is one partial, and turns at its own interpolated frequency.

Single-pass spectrogram inversion (Beauregard, Harish and Wyse 2015): the frequency of a peak comes from a parabola
through its magnitude and those beside it; the bins down to the valleys on both sides share its phase.
"""

from __future__ import annotations

import numpy as np

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row, cosine, sine
from dreampedal.engine.dsp.phase.frame_kernels import acceptable, hand_out_leaning
from dreampedal.engine.dsp.phase.state import Bare, Given, Gradient
from dreampedal.engine.dsp.stft import Planes
from dreampedal.engine.runtime.jit import njit


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def owners(magnitude: Row, origin: Bits) -> None:
    """Write to `origin[0]` the peak that each bin belongs to: uphill, and at a valley the louder side."""
    bins = magnitude.size
    last = bins - 1
    below, above = origin[0], origin[1]
    peak = 0
    for m in range(bins):
        # Uphill towards higher bins: the peak is known once the way down is walked.
        falls = m > 0 and magnitude[m] < magnitude[m - 1]
        peak = peak if falls else m
        below[m] = peak
    peak = last
    for n in range(bins):
        m = last - n
        falls = m < last and magnitude[m] <= magnitude[m + 1]
        peak = peak if falls else m
        above[m] = peak
    for m in range(bins):
        low, high = below[m], above[m]
        below[m] = low if magnitude[low] >= magnitude[high] else high


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def push_peaks(
    given: Given, turn: Planes, out: Planes, bare_gradient: Bare, hop: int, turns: Row, origin: Bits
) -> bool:
    """Take the newest magnitudes and write their frame to `out`; False, and nothing done, if they are invalid.

    Other arguments are as in `push_gradient`.
    """
    magnitude, known, weight, leans = given
    if not acceptable(given):
        return False
    gradient = Gradient(*bare_gradient)
    advance, centre = gradient.advance, np.int32(gradient.centre)
    bins = advance.size
    last = bins - 1
    mask = np.int32(2 * last - 1)
    per_sample = np.float32(1) / np.float32(2 * last)
    half = np.float32(0.5)
    for channel in range(magnitude.shape[0]):
        values = magnitude[channel]
        owners(values, origin)
        for m in range(bins):
            at = min(max(origin[0, m], 1), last - 1)
            left, middle, right = values[at - 1], values[at], values[at + 1]
            curve = left - np.float32(2) * middle + right
            offset = half * (left - right) / curve if curve < np.float32(-1e-30) else np.float32(0)
            offset = max(-half, min(half, offset))
            angle = advance[origin[0, m]] + offset * np.float32(hop) * per_sample
            angle -= np.float32(((np.int32(m) - origin[0, m]) * centre) & mask) * per_sample
            turns[m] = angle - np.floor(angle + half)
        re, im = out[0, channel], out[1, channel]
        for m in range(bins):
            c, s, root = cosine(turns[m]), sine(turns[m]), origin[0, m]
            re[m] = turn[0, channel, root] * c - turn[1, channel, root] * s
            im[m] = turn[0, channel, root] * s + turn[1, channel, root] * c
        hand_out_leaning(
            re, im, values, turn[0, channel], turn[1, channel],
            leans, known[0, channel], known[1, channel], weight[channel],
        )  # fmt: skip
    return True
