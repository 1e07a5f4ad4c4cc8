"""The spectra behind `inputs`: mel bands, the small band image, and the envelope.

All are counted in float64, a stretch of frames at a time, so that a long recording needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 1 << 20
"""Samples of windowed frames that are held at once."""

Bank = tuple[int, int, int, float, float, Literal["slaney", "htk"]]
"""What mel bands depend on: sample rate in Hz, window in samples, bands, lowest and highest Hz, scale."""


def mel_spectrogram(mono: NDArray[np.float64], hop: int, frames: int, bank: Bank) -> NDArray[np.float64]:
    """Power in mel bands, shape (bands, frames): frame t is centred on sample t hop, with silence beyond the ends."""
    weights, window = mel_weights(*bank), bank[1]
    padded = np.pad(mono, (window // 2, window))
    power = np.empty((weights.shape[0], frames))
    hann = _hann(window)
    for part, spectrum in _spectra(padded, np.arange(frames) * hop, hann):
        power[:, part] = weights @ (spectrum.real**2 + spectrum.imag**2).T
    return power


def band_image(
    mono: NDArray[np.float64], window: float, hop: float, frames: int, edges: NDArray[np.float64], decibels: bool
) -> NDArray[np.float32]:
    """The largest magnitude in each band and frame, scaled to 0 to 1 over the image, shape (bands, frames).

    Args:
        window, hop: in samples; frame t starts at the sample nearest to t hop.
        edges: of the bands, in cycles a sample, shape (bands + 1,). A band that no bin lies in takes the bin nearest to
            its middle.
        decibels: whether the image shows levels, in dB from -100 dB below a full-scale sine, in place of amplitudes.
    """
    samples = round(window)
    hann = _hann(samples) * 4 / samples
    bins = np.arange(samples // 2 + 1) / samples
    image = np.zeros((len(edges) - 1, frames))
    edges_here = edges * (1 - 1e-9)  # a bin on an edge lies in the band above, however the edge was rounded
    first, last = np.searchsorted(bins, edges_here[:-1]), np.searchsorted(bins, edges_here[1:])
    nearest = np.rint(np.sqrt(edges[1:] * edges[:-1]) * samples).astype(int)
    first, last = np.where(first < last, first, nearest), np.where(first < last, last, nearest + 1)
    for part, spectrum in _spectra(mono, _starts(frames, hop), hann):
        magnitude = np.abs(spectrum)
        for band in np.flatnonzero(first < bins.size):
            image[band, part] = magnitude[:, first[band] : last[band]].max(axis=1)
    if decibels:
        image = 20 * np.log10(np.maximum(image, 1e-5))
    if frames:
        image -= image.min()
        image /= max(image.max(), 1e-12)
    return image.astype(np.float32)


def envelope(mono: NDArray[np.float64], window: float, hop: float, frames: int, floor_db: float) -> NDArray[np.float32]:
    """ln of the root mean square of each window, at least `floor_db`, shape (1, frames); `window`, `hop` in samples."""
    samples = max(1, round(window))
    starts = _starts(frames, hop)
    power = np.empty(frames)
    for part, frame in _frames(mono, starts, samples):
        power[part] = np.mean(frame**2, axis=1)
    least = 10 ** (floor_db / 10)
    return (0.5 * np.log(np.maximum(power, least)))[None].astype(np.float32)


@lru_cache(maxsize=16)
def mel_weights(
    sample_rate: int, window: int, bands: int, low_hz: float, high_hz: float, scale: Literal["slaney", "htk"]
) -> NDArray[np.float64]:
    """Triangles of area 1 over the bins' frequencies, with corners evenly spaced in mel; shape (bands, bins).

    >>> mel_weights(16_000, 512, 96, 0.0, 8000.0, "slaney").shape
    (96, 257)
    """
    hz = np.arange(window // 2 + 1) * sample_rate / window
    lowest, highest = _mel(np.array([low_hz, high_hz]), scale).tolist()
    corners = _hz(np.linspace(lowest, highest, bands + 2), scale)
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.clip(np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)), 0, None)
    return np.asarray(triangles * 2 / (high - low))


SLANEY_KNEE_HZ, SLANEY_HZ_A_MEL, SLANEY_STEP = 1000.0, 200 / 3, np.log(6.4) / 27
"""Linear below the knee, 27 mel for a factor of 6.4 above it (Slaney 1998, Auditory Toolbox)."""


def _mel(hz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + hz / 700))
    above = np.log(np.maximum(hz, SLANEY_KNEE_HZ) / SLANEY_KNEE_HZ) / SLANEY_STEP
    return np.asarray(np.minimum(hz, SLANEY_KNEE_HZ) / SLANEY_HZ_A_MEL + above)


def _hz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700 * (10 ** (mel / 2595) - 1))
    knee = SLANEY_KNEE_HZ / SLANEY_HZ_A_MEL
    return np.asarray(np.minimum(mel, knee) * SLANEY_HZ_A_MEL * np.exp(SLANEY_STEP * np.maximum(mel - knee, 0)))


@lru_cache(maxsize=16)
def _hann(samples: int) -> NDArray[np.float64]:
    """The periodic Hann window."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples))


def _starts(frames: int, hop: float) -> NDArray[np.intp]:
    """The sample at which each frame starts, shape (frames,): the nearest to t hop, the later one of two as near."""
    return np.asarray(np.floor(np.arange(frames) * hop + (0.5 + 1e-6)), np.intp)


def _spectra(
    line: NDArray[np.float64], starts: NDArray[np.intp], window: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.complex128]]]:
    """Spectra of the windowed frames that begin at `starts`, some at a time: which frames, and (frames, bins)."""
    from scipy.fft import rfft

    for part, frames in _frames(line, starts, window.size):
        yield part, np.asarray(rfft(frames * window, axis=1))


def _frames(
    line: NDArray[np.float64], starts: NDArray[np.intp], samples: int
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Frames of `samples` that begin at `starts`, some at a time: which frames, and (frames, samples)."""
    at_once = max(1, AT_ONCE // samples)
    if len(starts):
        every = np.lib.stride_tricks.sliding_window_view(line, samples)
    for first in range(0, len(starts), at_once):
        part = slice(first, first + at_once)
        yield part, every[np.minimum(starts[part], len(every) - 1)]
