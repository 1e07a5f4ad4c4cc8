"""What a dream does to level: loudness, true peak and pumping. Sounds are float32, (channels, samples)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import k_weighting

Audio = NDArray[np.float32]

AUDIBLE_DB = 30.0
"""Stretches count where the dry sound is within this of its loudest one."""
RATE_HZ = 200.0
"""At which envelopes are looked at."""
SLOW_SECONDS = 0.5
"""Half of the time over which an envelope is levelled."""
PULSES_HZ = (4.0, 16.0)
FLOOR_DEPTH = 0.03
"""Of a modulation beneath which nothing is counted: 0.26 dB either way."""


def loudness_difference_db(dry: Audio, wet: Audio, sample_rate: float, seconds: float = 1.0) -> float:
    """By how much `wet` is louder (or less loud) than `dry` where it differs most, over any audible `seconds`.

    Loudness is the K-weighted mean square of ITU-R BS.1770-5, annex 1, equation 2, ungated, every tenth of a second.
    Stretches in which `dry` is 30 dB under its loudest do not count. A sound that is shorter counts as one stretch.
    """
    length = min(round(seconds * sample_rate), dry.shape[1])
    powers = []
    for sound in (dry, wet):
        total = np.concatenate([[0.0], np.cumsum(k_power(sound, sample_rate))])
        begins = np.arange(0, dry.shape[1] - length + 1, max(1, round(sample_rate / 10)))
        powers.append((total[begins + length] - total[begins]) / length)
    before, after = powers
    heard = before >= before.max() * 10 ** (-AUDIBLE_DB / 10)
    differences = 10 * np.log10((after[heard] + 1e-12) / (before[heard] + 1e-12))
    return float(differences[np.abs(differences).argmax()])


def true_peak_db(audio: Audio) -> float:
    """The peak at four times the rate (ITU-R BS.1770-5, annex 2), in dB of full scale; at least -200."""
    from scipy.signal import resample_poly

    return 20 * math.log10(max(float(np.abs(resample_poly(audio.astype(np.float64), 4, 1, axis=1)).max()), 1e-10))


def pumping_db(dry: Audio, wet: Audio, sample_rate: float) -> float:
    """Envelope modulation from 4 to 16 Hz of `wet` over that of `dry`, in dB of energy (`pulsing`)."""
    floor = FLOOR_DEPTH**2 / 2
    return 10 * math.log10((pulsing(wet, sample_rate) + floor) / (pulsing(dry, sample_rate) + floor))


def pulsing(audio: Audio, sample_rate: float) -> float:
    """Energy of the levelled envelope between 4 and 16 Hz: depth² / 2 for a tremolo within, whatever the level.

    The envelope is the root of the K-weighted power, averaged over Hann windows of 20 ms, looked at 200 times a second
    and divided by its own mean over Hann windows of a second. Where that mean is 40 dB under the loudest, silence is
    levelled no further. What is 30 dB under the loudest does not count.
    """
    from scipy.signal import butter, sosfiltfilt

    hop = round(sample_rate / RATE_HZ)
    power = _averaged(k_power(audio, sample_rate), hop, 2 * hop)
    if power.size < 2 * round(RATE_HZ / PULSES_HZ[0]):
        return 0.0
    envelope = np.sqrt(np.maximum(power, 0))
    slow = _averaged(envelope, 1, round(SLOW_SECONDS * RATE_HZ))
    loudest = float(slow.max())
    if loudest < 1e-7:
        return 0.0
    levelled = envelope / np.maximum(slow, 0.01 * loudest)
    sections = butter(4, [2 * hz / RATE_HZ for hz in PULSES_HZ], "bandpass", output="sos")
    pulses = sosfiltfilt(sections, levelled)
    heard = slow > loudest * 10 ** (-AUDIBLE_DB / 20)
    return float(np.mean(pulses[heard] ** 2))


def k_power(audio: Audio, sample_rate: float) -> NDArray[np.float64]:
    """The K-weighted square of each sample, summed over channels, (samples,)."""
    from scipy.signal import sosfilt

    sections = np.insert(k_weighting(sample_rate), 3, 1.0, axis=1)
    return np.asarray(np.sum(sosfilt(sections, np.asarray(audio, np.float64), axis=1) ** 2, axis=0))


def _averaged(x: NDArray[np.float64], hop: int, half: int) -> NDArray[np.float64]:
    """The mean of `x` under a Hann window of 2 `half` + 1 values around every `hop`-th; less is seen at the ends."""
    from scipy.signal import oaconvolve

    window = np.hanning(2 * half + 3)[1:-1]
    weight = oaconvolve(np.ones(x.size), window, "same") if x.size > window.size else None
    if weight is None:
        padded = np.pad(x, half)
        weight = np.convolve(np.pad(np.ones(x.size), half), window, "valid")
        return (np.convolve(padded, window, "valid") / weight)[::hop]
    return np.asarray((oaconvolve(x, window, "same") / weight)[::hop])
