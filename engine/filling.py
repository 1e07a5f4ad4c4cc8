"""The kernels of `fill`: what is wanted of a frame, and how loud that would be (see `playing_estimated`)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .bands import write_gains
from .fft import FASTMATH

OPEN = 0.5
"""Nepers of gain, up or down, from which on the floor is open and the phase is the estimated one."""


def level_of(window: NDArray[np.float32]) -> float:
    """What the root of a frame's summed |X|² is multiplied by to be |X| of a sine as loud as the frame (Parseval).

    >>> n = np.arange(2048)
    >>> window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 2048)
    >>> magnitude = abs(np.fft.rfft(window * np.sin(2 * np.pi * n / 32)))
    >>> round(float(level_of(window) * np.sqrt(np.sum(magnitude**2)) / magnitude.max()), 3)
    1.0
    """
    squares = float(np.sum(np.square(window, dtype=np.float64)))
    return float(np.sum(window, dtype=np.float64)) / math.sqrt(window.size * squares)


def bandwidth_of(window: NDArray[np.float32]) -> float:
    """Root of a bin's bandwidth over the sample rate: a floor of the same density is higher in wider bins.

    >>> round(bandwidth_of(np.hanning(1025)[:-1]) / bandwidth_of(np.hanning(2049)[:-1]), 3)
    1.414
    """
    return float(np.sqrt(np.sum(np.square(window, dtype=np.float64)))) / float(np.sum(window, dtype=np.float64))


def makeup_of(window: NDArray[np.float32], dual: NDArray[np.float32], hop_samples: int) -> float:
    """What a floor is multiplied by to be there when the sound is analysed afresh.

    Bins side by side that each go on at their own frequency are no spectrogram of any signal. Overlap-add multiplies
    them by the sum of the synthesis windows, and the analysis keeps the mean square of its own window of them.

    >>> window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    >>> round(makeup_of(window, window / 1.5, 512) ** 2, 3)
    1.5
    """
    overlapped = float(np.sum(dual, dtype=np.float64)) / hop_samples
    return 1 / (overlapped * float(np.sqrt(np.mean(np.square(window, dtype=np.float64)))))


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def want(spectrum, gains, level, floor, estimated, makeup, known, magnitude, weight):  # type: ignore[no-untyped-def]
    """Write what is wanted of a frame: `known`, `magnitude` and `weight`, as `Wanted` has them."""
    per_row = spectrum.shape[1] // gains.shape[1]
    for channel in range(spectrum.shape[1]):
        row = channel // per_row
        power = 0.0
        for k in range(spectrum.shape[2]):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power += np.float64(re * re + im * im)
        least = np.float32(floor * level * np.sqrt(power))
        for k in range(spectrum.shape[2]):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            a, b = gains[0, row, k], gains[1, row, k]
            gain, there = np.sqrt(a * a + b * b), np.sqrt(re * re + im * im)
            opened = np.log(max(gain, np.float32(1e-6))) / np.float32(OPEN)
            enough = max(there, least * min(max(opened, np.float32(0)), np.float32(1)))
            lacks = np.float32(makeup) * (enough - there) * gain
            wanted = there * gain + lacks
            missing = lacks / max(wanted, np.float32(1e-30))
            kept = np.float32(1) - np.float32(estimated) * min(abs(opened), np.float32(1))
            share = np.float32(1) - kept * (np.float32(1) - missing)
            sane = wanted < np.float32(1e12)  # a response that is not finite is no business of an estimator
            known[0, channel, k], known[1, channel, k] = re * a - im * b, re * b + im * a
            magnitude[channel, k] = wanted if sane else np.float32(0)
            weight[channel, k] = min(max(share, np.float32(0)), np.float32(1)) if sane else np.float32(0)
            if not sane:
                known[0, channel, k], known[1, channel, k] = re, im


ROUNDS = 6
"""Halvings of the way on which the loudness of a frame is settled: a floor opens with the gain that it then has."""


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def settle_filled(  # type: ignore[no-untyped-def]
    spectrum, mask, loudness, amount, most, gate, lift, floor, level, scaled, below, toward, reach, gains
):
    """As `settle` ends, with what `floor` fills in: lower the offset until the frame is as loud as it was.

    A fill may be louder than all else; this way it takes its place in the balance that is wanted, within the loudness
    of the dry sound, and the guard has nothing to hold back. Lowering by as much as the frame is too loud is enough,
    and too much where it closes the floor: how far is found by halving.
    """
    rows, bands = scaled.shape
    per_row = spectrum.shape[1] // rows
    for row in range(rows):
        if not np.any(scaled[row]):
            continue  # nothing is turned up, and stays exactly so
        begin, end, wanted = row * per_row, (row + 1) * per_row, np.float32(amount * lift[0]) * gate[row]
        own, own_gains = scaled[row : row + 1], gains[row : row + 1]
        louder = louder_when_filled(spectrum, begin, end, gains[row], floor, level, loudness) - wanted
        low, high, lowered = min(louder, np.float32(0)), max(louder, np.float32(0)), np.float32(0)
        for _ in range(ROUNDS):
            middle = np.float32(0.5) * (low + high)
            for band in range(bands):
                own[0, band] -= mask[band] * (middle - lowered)
            lowered = middle
            write_gains(own, below, toward, reach, own_gains)
            louder = louder_when_filled(spectrum, begin, end, gains[row], floor, level, loudness) - wanted
            if louder > np.float32(0):
                low = middle
            else:
                high = middle
        for band in range(bands):
            own[0, band] = min(max(own[0, band], np.float32(-most)), np.float32(most))
        write_gains(own, below, toward, reach, own_gains)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def louder_when_filled(spectrum, begin, end, gains, floor, level, loudness):  # type: ignore[no-untyped-def]
    """As `louder_by`, with what `floor` adds to it."""
    before = after = np.float32(1e-20)
    for channel in range(begin, end):
        power = 0.0
        for k in range(gains.size):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power += np.float64(re * re + im * im)
        least = np.float32(floor * level * np.sqrt(power))
        for k in range(gains.size):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            there, gain = re * re + im * im, gains[k]
            opened = min(max(np.log(gain) / np.float32(OPEN), np.float32(0)), np.float32(1))
            missing = max((least * opened) * (least * opened) - there, np.float32(0))
            below, above = gains[max(k - 1, 0)], gains[min(k + 1, gains.size - 1)]
            smooth = (below + np.float32(4) * gain + above) / np.float32(6)
            before += loudness[k] * there
            after += loudness[k] * (there * smooth * smooth + missing * gain * gain)
    return np.float32(0.5) * np.log(after / before)
