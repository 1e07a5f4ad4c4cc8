"""The peaks of a frame, moved an octave or two, each whole and at a phase that goes on from frame to frame.

A partial at frequency f has phase φ at the place where the window is highest. An octave up it has the phase 2φ, which
is known from this frame alone, and lies in time where it lay, so that an attack stays one. An octave down it has φ/2,
or φ/2 + π: whichever is closer to the phase of the frame before, turned by half of what f turns in a hop. Nothing is
summed up, so that no error grows. Two octaves down is half of that once more.

A peak and the bins down to the valleys on both sides move together and by whole bins, as Laroche and Dolson (1999,
"New phase-vocoder techniques for pitch-shifting") do: their relative phases stay, and so does the shape of the window.
The half bin at most that this misses is in the phases from frame to frame, which are exact. What a peak weighs stays,
so that a carrier is as loud as the dry sound, less what comes to lie above half of the sample rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import cosine, sine
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

OCTAVES = ("below", "deep", "above")
"""Carriers that this module makes: one octave below, two below, and one above."""

SHIFTS = (-0.5, -0.75, 1.0)
"""How far each moves a peak, as a share of its frequency."""

LEAST = 1e-24
"""Of |X|², under which there is no peak."""


class OctaveTables(NamedTuple):
    """What moving peaks needs of the frames."""

    rotation: Array
    """Turns phases to the place where the window is highest: cosine and sine for each bin, (2, bins)."""
    hop: int
    """Samples between two frames."""

    @classmethod
    def of(cls, frames: Frames) -> OctaveTables:
        """Those of frames."""
        place = int(np.argmax(frames.window))
        angle = 2 * np.pi * (np.arange(frames.bins) * place % frames.window_samples) / frames.window_samples
        return cls(np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32), frames.hop_samples)


class Room(NamedTuple):
    """Memory that means nothing between two frames."""

    power: Array
    """(bins,)."""
    peaks: NDArray[np.int32]
    """(bins, 2)."""
    ways: Array
    """How a peak is turned in each of `OCTAVES`: cosine and sine, (3, 2)."""

    @classmethod
    def of(cls, bins: int) -> Room:
        """For frames of so many bins."""
        return cls(np.zeros(bins, np.float32), np.zeros((bins, 2), np.int32), np.zeros((3, 2), np.float32))


def fresh_turns(channels: int, bins: int) -> Array:
    """What is remembered of no sound: directions of what each bin's peak became, (2 octaves, 2, channels, bins)."""
    turns = np.zeros((2, 2, channels, bins), np.float32)
    turns[:, 0] = 1
    return turns


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def halved(x, y, before_x, before_y, turns):  # type: ignore[no-untyped-def]
    """Half of the angle of (x, y), of length 1: of the two, the one closer to `before`, turned by so many turns."""
    half_x = np.sqrt(max(np.float32(0.5) * (np.float32(1) + x), np.float32(0)))
    half_y = np.sqrt(max(np.float32(0.5) * (np.float32(1) - x), np.float32(0)))
    half_y = -half_y if y < np.float32(0) else half_y
    turns = turns - np.floor(turns + np.float32(0.5))
    c, s = cosine(turns), sine(turns)
    expected_x, expected_y = before_x * c - before_y * s, before_x * s + before_y * c
    away = half_x * expected_x + half_y * expected_y < np.float32(0)
    return (-half_x, -half_y) if away else (half_x, half_y)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def find_peaks(power, peaks):  # type: ignore[no-untyped-def]
    """Write each peak of `power` (bins,) and the first bin that is its own to `peaks`, (peaks, 2); returns how many.

    A peak is higher than the two bins on each side. Its bins end in the valley before the next one.
    """
    last, count, valley = power.size - 1, 0, 0
    for k in range(1, last):
        here = power[k]
        valley = k if here < power[valley] else valley
        if here < np.float32(LEAST) or here <= power[k - 1] or here < power[k + 1]:
            continue
        if here <= power[max(k - 2, 0)] or here < power[min(k + 2, last)]:
            continue
        peaks[count, 0], peaks[count, 1] = k, valley if count else 0
        count += 1
        valley = k
    return count


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def write_octaves(re, im, tables, asked, turns, room, carriers):  # type: ignore[no-untyped-def]
    """Add what a channel's frame (`re` and `im`, (bins,)) becomes in each of `OCTAVES` to `carriers`, (3, 2, bins).

    Only those that are `asked` (3 switches) are made. `turns` (2 octaves, 2, bins) is what is remembered. What would
    fall below 0 Hz is reflected there, as of any real signal.
    """
    power, peaks, ways = room.power, room.peaks, room.ways
    rotation, hop, bins = tables.rotation, tables.hop, re.size
    size = 2 * (bins - 1)
    for k in range(bins):
        power[k] = re[k] * re[k] + im[k] * im[k]
    count = find_peaks(power, peaks)
    for n in range(count):
        peak, low, high = peaks[n, 0], peaks[n, 1], peaks[n + 1, 1] if n + 1 < count else bins
        left, middle, right = np.sqrt(power[peak - 1]), np.sqrt(power[peak]), np.sqrt(power[peak + 1])
        curve = left - np.float32(2) * middle + right
        aside = np.float32(0.5) * (left - right) / curve if curve < np.float32(0) else np.float32(0)
        aside = max(np.float32(-0.5), min(np.float32(0.5), aside))
        c, s, scale = rotation[0, peak], rotation[1, peak], np.float32(1) / middle
        x, y = (re[peak] * c - im[peak] * s) * scale, (re[peak] * s + im[peak] * c) * scale
        ways[2, 0], ways[2, 1] = x, y
        half_x, half_y = x, y
        for octave in range(2):
            whole = (2 << octave) * size
            advance = (np.float32(peak * hop % whole) + aside * np.float32(hop)) / np.float32(whole)
            before_x, before_y = turns[octave, 0, peak], turns[octave, 1, peak]
            half_x, half_y = halved(half_x, half_y, before_x, before_y, advance)
            for k in range(low, high):
                turns[octave, 0, k], turns[octave, 1, k] = half_x, half_y
            ways[octave, 0], ways[octave, 1] = half_x * x + half_y * y, half_y * x - half_x * y
        for carrier in range(3):
            if asked[carrier]:
                away = (np.float32(peak) + aside) * np.float32(SHIFTS[carrier])
                by = int(np.floor(away + np.float32(0.5)))
                c, s = rotation[0, abs(by)], -rotation[1, abs(by)] if by > 0 else rotation[1, abs(by)]
                x, y = ways[carrier, 0] * c - ways[carrier, 1] * s, ways[carrier, 0] * s + ways[carrier, 1] * c
                for k in range(low, min(high, bins - by)):
                    a, b = re[k] * x - im[k] * y, re[k] * y + im[k] * x
                    carriers[carrier, 0, abs(k + by)] += a
                    carriers[carrier, 1, abs(k + by)] += b if k + by >= 0 else -b
