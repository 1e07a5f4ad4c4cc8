"""Whether notes still begin when they began: onsets by spectral flux, and how many of them two sounds share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.dsp.rates import at_rate

Audio = NDArray[np.float32]

WINDOW, HOP = 1024, 256
"""Of the frames, in samples at 44.1 and 48 kHz."""
LAYOUT = BandLayout(count=48, low_hz=60.0, high_hz=14_000.0)
RANGE_DB = 60.0
"""Bands are looked at so far down from the loudest one."""
LAG_SECONDS = 0.02
"""Over which a band has to rise."""
NEAR_SECONDS, AROUND_SECONDS = 0.03, 0.12
"""A peak stands out against the first, and above the mean of the second, before and after it."""
RISE_DB, RISE_SHARE = 1.0, 0.1
"""Mean rise over all bands above that mean which makes an onset, at least, and as a share of the steepest one."""
TOLERANCE_SECONDS = 0.05


def onsets(audio: Audio, sample_rate: float) -> NDArray[np.float64]:
    """Times of onsets in seconds, in order: peaks of how much the bands rise (Dixon 2006, section 2.1, in dB).

    Args:
        audio: float32, (channels, samples); channels are mixed by their mean.
    """
    window, hop = at_rate(WINDOW, sample_rate), at_rate(HOP, sample_rate)
    if audio.shape[1] <= window:
        return np.zeros(0)
    mono = np.asarray(audio.mean(0, keepdims=True), np.float32)
    bands = log_band_features(mono, sample_rate, LAYOUT, WINDOW, HOP)[0] * (20 / np.log(10))
    # Frames that lie within the recording: that it begins is no onset.
    first = window // hop
    bands = bands[:, first - 1 :]
    if bands.max() <= LAYOUT.floor_db + 1:
        return np.zeros(0)
    bands = np.maximum(bands, bands.max() - RANGE_DB)
    frame_seconds = hop / sample_rate
    lag = max(1, round(LAG_SECONDS / frame_seconds))
    before = np.pad(bands, ((0, 0), (lag, 0)), mode="edge")[:, : bands.shape[1]]
    rise = np.maximum(bands - before, 0).mean(0)
    near, around = (round(seconds / frame_seconds) for seconds in (NEAR_SECONDS, AROUND_SECONDS))
    padded = np.pad(rise, around)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
    highest = windows[:, around - near : around + near + 1].max(1)
    found = np.flatnonzero((rise >= highest) & (rise > windows.mean(1) + max(RISE_DB, RISE_SHARE * rise.max())))
    found = found[np.diff(found, prepend=-2 * near) > near]
    # What rises in a frame lies half a window before its end, and half a lag before that.
    return np.asarray(np.maximum((found + first) * frame_seconds - window / 2 / sample_rate - LAG_SECONDS / 2, 0))


def shared(reference: NDArray[np.float64], found: NDArray[np.float64], tolerance: float = TOLERANCE_SECONDS) -> int:
    """Most pairs of a time of each list, both in order, that lie within `tolerance` seconds, each used once."""
    count, at = 0, 0
    for time in reference:
        while at < len(found) and found[at] < time - tolerance:
            at += 1
        if at < len(found) and found[at] <= time + tolerance:
            count, at = count + 1, at + 1
    return count


def onsets_f(dry: Audio, wet: Audio, sample_rate: float) -> float | None:
    """F measure of the onsets of `wet` against those of `dry`, within 50 ms; None where neither has one."""
    reference, found = onsets(dry, sample_rate), onsets(wet, sample_rate)
    if not len(reference) + len(found):
        return None
    return 2 * shared(reference, found) / (len(reference) + len(found))
