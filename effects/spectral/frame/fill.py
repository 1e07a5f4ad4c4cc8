"""The kernels of `fill`: what is wanted of a frame, and how loud that would be (see `estimated`)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.kernels import power_of
from dreampedal.engine.dsp.bands import write_gains
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

OPEN = 0.5
"""Nepers of gain, up or down, from which on the floor is open and the phase is the estimated one."""


RISE, FALL = 0.35, 0.5
"""Time constants of the floor, in windows of the model's: 16 and 23 ms at 44.1 kHz. A dream that turns a band up for a
moment leaves a soft swell there, where a floor that jumped with it would leave a burst."""

HANGS_OVER = 4.0
"""A floor that falls behind its frame is at most so many times what the frame itself has: nothing outlasts silence."""

PINK_FROM = 44
"""The bin of the model's frames, near 1 kHz, from which on the floor falls by 3 dB an octave: equal bands of the
features have as much of it, and what is turned up above 9 kHz does not hiss over all else."""

NOISE = 0.2
"""How far the phase of what is filled in leans towards that of noise.

Where a fill begins there is nothing to go on with: bins that are estimated from one another would all begin in step,
which is a click, and would stay so, which is a train of them.
"""


def tilt(bins: int, pink_from: float) -> Array:
    """What the floor is multiplied by in each bin.

    >>> [round(float(x), 2) for x in tilt(177, 44.0)[[0, 43, 87, 175]]]
    [1.0, 1.0, 0.71, 0.5]
    """
    return np.asarray(np.sqrt(np.minimum(1, pink_from / np.arange(1, bins + 1))), np.float32)


def follow_of(hop_samples: int, window_samples: int) -> Array:
    """What a floor keeps of its past from one hop to the next: rising, and falling."""
    return np.exp(-hop_samples / (np.array([RISE, FALL]) * window_samples)).astype(np.float32)


def level_of(window: Array) -> float:
    """What the root of a frame's summed |X|² is multiplied by to be |X| of a sine as loud as the frame (Parseval).

    >>> n = np.arange(2048)
    >>> window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 2048)
    >>> magnitude = abs(np.fft.rfft(window * np.sin(2 * np.pi * n / 32)))
    >>> round(float(level_of(window) * np.sqrt(np.sum(magnitude**2)) / magnitude.max()), 3)
    1.0
    """
    squares = float(np.sum(np.square(window, dtype=np.float64)))
    return float(np.sum(window, dtype=np.float64)) / math.sqrt(window.size * squares)


def bandwidth_of(window: Array) -> float:
    """Root of a bin's bandwidth over the sample rate: a floor of the same density is higher in wider bins.

    >>> round(bandwidth_of(np.hanning(1025)[:-1]) / bandwidth_of(np.hanning(2049)[:-1]), 3)
    1.414
    """
    return float(np.sqrt(np.sum(np.square(window, dtype=np.float64)))) / float(np.sum(window, dtype=np.float64))


def makeup_of(window: Array, dual: Array, hop_samples: int) -> float:
    """What a floor is multiplied by to be there when the sound is analysed afresh.

    Bins side by side that each go on at their own frequency are no spectrogram of any signal. Overlap-add multiplies
    them by the sum of the synthesis windows, and the analysis keeps the mean square of its own window of them.

    >>> window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    >>> round(makeup_of(window, window / 1.5, 512) ** 2, 3)
    1.5
    """
    overlapped = float(np.sum(dual, dtype=np.float64)) / hop_samples
    return 1 / (overlapped * float(np.sqrt(np.mean(np.square(window, dtype=np.float64)))))


class Floors(NamedTuple):
    """What a floor is made of, on the frames that are played."""

    levels: Array
    """The magnitudes that a floor of 1 has in a frame whose summed |X|² is 1, (bins,)."""
    makeup: float
    """What a floor is multiplied by, see `makeup_of`."""
    keeps: Array
    """What it keeps of its past, rising and falling, (2,)."""
    noise: Array
    """A frame of noise, of which only the phase counts, (2, bins)."""


class Wanted(NamedTuple):
    """What is asked of the estimator in a frame."""

    known: Array
    """The frame with its gains, and what it lacks at the phase of noise, (2, channels, bins)."""
    magnitude: Array
    """(channels, bins)."""
    weight: Array
    """How much of the phase is estimated, (channels, bins)."""
    followed: Array
    """The floor with its gains, as it follows the frames, (channels, bins)."""

    @classmethod
    def silent(cls, channels: int, bins: int) -> Wanted:
        """After endless silence."""
        magnitude, weight, followed = np.zeros((3, channels, bins), np.float32)
        return cls(np.zeros((2, channels, bins), np.float32), magnitude, weight, followed)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def write_wanted(spectrum, gains, floor, estimated, floors, wanted):  # type: ignore[no-untyped-def]
    """Write what is `wanted` of a frame, and move the floor that follows it on.

    `gains` are complex, (2, rows, bins); `floor` and `estimated` are the settings, see `EstimatedPhase.add`.
    """
    levels, keeps, noise, followed = floors.levels, floors.keeps, floors.noise, wanted.followed
    per_row = spectrum.shape[1] // gains.shape[1]
    for channel in range(spectrum.shape[1]):
        row = channel // per_row
        level = np.float32(floor * np.sqrt(power_of(spectrum, channel)))
        for k in range(spectrum.shape[2]):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            a, b = gains[0, row, k], gains[1, row, k]
            gain, there = np.sqrt(a * a + b * b), np.sqrt(re * re + im * im)
            sane = gain < np.float32(1e12)  # a response that is not finite is no business of an estimator
            gain = gain if sane else np.float32(1)
            opened = np.log(max(gain, np.float32(1e-6))) / np.float32(OPEN)
            least, before = levels[k] * level, followed[channel, k]
            aim = least * gain * min(max(opened, np.float32(0)), np.float32(1))
            now = aim + (keeps[0] if aim > before else keeps[1]) * (before - aim)
            now = min(now, np.float32(HANGS_OVER) * least * max(gain, np.float32(1)))
            followed[channel, k] = now if now > np.float32(1e-12) else np.float32(0)
            lacks = np.float32(floors.makeup) * max(followed[channel, k] - there * gain, np.float32(0))
            total = there * gain + lacks
            sane = sane and total < np.float32(1e12)
            missing = lacks / max(total, np.float32(1e-30))
            kept = np.float32(1) - np.float32(estimated) * min(abs(opened), np.float32(1))
            share = np.float32(1) - kept * (np.float32(1) - missing)
            share *= np.float32(1) - np.float32(NOISE) * missing
            length = max(np.sqrt(noise[0, k] * noise[0, k] + noise[1, k] * noise[1, k]), np.float32(1e-12))
            stray = lacks / length
            wanted.known[0, channel, k] = re * a - im * b + stray * noise[0, k] if sane else re
            wanted.known[1, channel, k] = re * b + im * a + stray * noise[1, k] if sane else im
            wanted.magnitude[channel, k] = total if sane else np.float32(0)
            wanted.weight[channel, k] = min(max(share, np.float32(0)), np.float32(1)) if sane else np.float32(0)


ROUNDS = 6
"""Halvings of the way on which the loudness of a frame is matched: a floor opens with the gain that it then has."""


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def match_filled_loudness(spectrum, floor, level, bands, moving, played, limits):  # type: ignore[no-untyped-def]
    """As `match_loudness` ends, with what `floor` fills in: lower the offset until the frame is as loud as it was.

    A fill may be louder than all else; this way it takes its place in the balance that is wanted, within the loudness
    of the dry sound, and the guard has nothing to hold back. Lowering by as much as the frame is too loud is enough,
    and too much where it closes the floor: how far is found by halving. `level` is that of `level_of`.
    """
    below, toward, share, loudness = bands.below, bands.toward, bands.share, moving.bin_loudness
    rows = played.offset.shape[0]
    per_row = spectrum.shape[1] // rows
    for row in range(rows):
        if not np.any(played.offset[row]):
            continue  # nothing is turned up, and stays exactly so
        begin, end = row * per_row, (row + 1) * per_row
        wanted = np.float32(limits.amount * played.makeup_gain[0]) * played.gate[row]
        offset, gains = played.offset[row : row + 1], played.gains[row : row + 1]
        louder = louder_when_filled(spectrum, begin, end, gains[0], floor, level, loudness) - wanted
        low, high, lowered = min(louder, np.float32(0)), max(louder, np.float32(0)), np.float32(0)
        for _ in range(ROUNDS):
            middle = np.float32(0.5) * (low + high)
            for band in range(offset.shape[1]):
                offset[0, band] -= moving.mask[band] * (middle - lowered)
            lowered = middle
            write_gains(offset, below, toward, share, gains)
            louder = louder_when_filled(spectrum, begin, end, gains[0], floor, level, loudness) - wanted
            if louder > np.float32(0):
                low = middle
            else:
                high = middle
        for band in range(offset.shape[1]):
            offset[0, band] = min(max(offset[0, band], np.float32(-limits.most)), np.float32(limits.most))
        write_gains(offset, below, toward, share, gains)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def louder_when_filled(spectrum, begin, end, gains, floor, level, loudness):  # type: ignore[no-untyped-def]
    """As `louder_by`, with what `floor` adds to it in the end, where it opens and stays."""
    before = after = np.float32(1e-20)
    for channel in range(begin, end):
        least = np.float32(floor * level * np.sqrt(power_of(spectrum, channel)))
        for k in range(gains.size):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            there, gain = re * re + im * im, gains[k]
            opened = min(max(np.log(gain) / np.float32(OPEN), np.float32(0)), np.float32(1))
            opened *= least * np.sqrt(min(np.float32(1), np.float32(PINK_FROM) / np.float32(k + 1)))
            missing = max(opened * opened - there, np.float32(0))
            below, above = gains[max(k - 1, 0)], gains[min(k + 1, gains.size - 1)]
            smooth = (below + np.float32(4) * gain + above) / np.float32(6)
            before += loudness[k] * there
            after += loudness[k] * (there * smooth * smooth + missing * gain * gain)
    return np.float32(0.5) * np.log(after / before)
