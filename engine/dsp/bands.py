"""Bands: what a network sees of a frame, and how its offset reaches the frame again.

A band is a triangle on a logarithmic frequency axis, given in Hz, so that one layout serves every sample rate. Its
feature is the natural logarithm of the amplitude in it: 0 for a full-scale sine, the layout's floor for silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames, FrameState, Planes, analyse
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

NARROWEST_HZ = 24.0
"""Half-width of the narrowest triangle: a bin of 2,048 samples at 48 kHz, whatever the rate."""

FADE_OCTAVES = 1 / 3
"""Beyond the outermost bands the offset fades to nothing within this."""


@dataclass(frozen=True)
class BandLayout:
    """Bands with centres spaced evenly in log frequency from `low_hz` to `high_hz`.

    >>> layout = BandLayout()
    >>> layout.centres_hz[[0, -1]].round().tolist(), round(layout.floor, 3)
    ([50.0, 16000.0], -11.513)
    """

    count: int = 96
    low_hz: float = 50.0
    high_hz: float = 16_000.0
    floor_db: float = -100.0

    @cached_property
    def centres_hz(self) -> NDArray[np.float64]:
        """Centre of each band in Hz, shape (bands,)."""
        return np.asarray(np.geomspace(self.low_hz, self.high_hz, self.count))

    @property
    def floor(self) -> float:
        """The least feature: `floor_db` as the natural logarithm of an amplitude."""
        return float(self.floor_db * np.log(10) / 20)


@dataclass(frozen=True)
class LaidBands:
    """A layout laid over the bins of frames of `window_samples` at `sample_rate`."""

    layout: BandLayout
    first: NDArray[np.int32]
    """First bin of each band, shape (bands,)."""
    start: NDArray[np.int32]
    """Where a band's weights start in `weights`, shape (bands + 1,); equal starts mean a band above Nyquist."""
    weights: Array
    """Weights on |X|², the scale to amplitude included."""
    below: NDArray[np.int32]
    """The band at or below each bin, shape (bins,)."""
    toward: Array
    """How far a bin lies from that band toward the next, 0 to 1, shape (bins,)."""
    reach: Array
    """How much of the offset a bin takes: 1 within the bands, fading to 0 beyond them, shape (bins,)."""

    @property
    def audible(self) -> NDArray[np.bool_]:
        """Whether a band lies below Nyquist, shape (bands,)."""
        return np.diff(self.start) > 0


@lru_cache(maxsize=64)
def lay(layout: BandLayout, sample_rate: float, window_samples: int) -> LaidBands:
    """The bands of `layout` on frames of a Hann window of `window_samples` at `sample_rate` Hz."""
    hz = np.arange(window_samples // 2 + 1) * sample_rate / window_samples
    centres = layout.centres_hz
    step = centres[1] / centres[0]
    rise = np.minimum(centres / step, centres - NARROWEST_HZ)
    fall = np.maximum(centres * step, centres + NARROWEST_HZ)
    first, start, weights = [], [0], []
    full_scale = (2 / (window_samples / 2)) ** 2
    for centre, low, high in zip(centres, rise, fall, strict=True):
        row = np.clip(np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)), 0, None)
        used = np.flatnonzero(row) if centre < sample_rate / 2 else np.zeros(0, int)
        first.append(used[0] if used.size else 0)
        weights.extend(row[used] * full_scale)
        start.append(len(weights))
    place = np.interp(np.log(np.maximum(hz, 1e-3)), np.log(centres), np.arange(layout.count))
    below = np.minimum(place.astype(np.int32), layout.count - 2)
    octaves_beyond = np.log2(np.maximum(hz, 1e-3) / np.clip(hz, centres[0], centres[-1]))
    return LaidBands(
        layout=layout,
        first=np.array(first, np.int32),
        start=np.array(start, np.int32),
        weights=np.array(weights, np.float32),
        below=below,
        toward=(place - below).astype(np.float32),
        reach=np.clip(1 - np.abs(octaves_beyond) / FADE_OCTAVES, 0, 1).astype(np.float32),
    )


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def write_features(
    spectrum: Planes, first: NDArray[np.int32], start: NDArray[np.int32], weights: Array, floor: float, features: Array
) -> None:
    """Features of a frame: (2, channels, bins) to (channels or 1, bands). One row means all channels together (RMS)."""
    channels = spectrum.shape[1]
    per_row = channels // features.shape[0]
    least = np.float32(np.exp(2 * floor))
    for row in range(features.shape[0]):
        for band in range(first.size):
            power = np.float32(0)
            for channel in range(row * per_row, (row + 1) * per_row):
                for n in range(start[band + 1] - start[band]):
                    k = first[band] + n
                    re, im = spectrum[0, channel, k], spectrum[1, channel, k]
                    power += weights[start[band] + n] * (re * re + im * im)
            features[row, band] = np.float32(0.5) * np.log(max(power / np.float32(per_row), least))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def write_gains(offset: Array, below: NDArray[np.int32], toward: Array, reach: Array, gains: Array) -> None:
    """Linear gain of each bin from an offset in nepers a band: (rows, bands) to (rows, bins)."""
    for row in range(offset.shape[0]):
        for k in range(below.size):
            here, there = offset[row, below[k]], offset[row, below[k] + 1]
            gains[row, k] = np.exp((here + toward[k] * (there - here)) * reach[k])


def log_band_features(
    audio: Array, sample_rate: float, layout: BandLayout | None = None, window: int = 2048, hop: int = 512
) -> Array:
    """Features of a whole recording, the same numbers as the streaming engine sees.

    Args:
        audio: float32, shape (channels, samples).
        sample_rate: in Hz.
        layout: of the bands; the default layout if None.
        window: in samples at 44.1 and 48 kHz, scaled an octave away.
        hop: likewise.

    Returns:
        float32, shape (channels, bands, frames), frames = samples // hop.
    """
    layout = layout or BandLayout()
    frames = Frames(at_rate(window, sample_rate), at_rate(hop, sample_rate))
    bands = lay(layout, sample_rate, frames.window_samples)
    audio = np.require(audio, np.float32, ["C", "W"])
    state = FrameState.silent(frames, audio.shape[0])
    features = np.zeros((audio.shape[1] // frames.hop_samples, audio.shape[0], layout.count), np.float32)
    tables = bands.first, bands.start, bands.weights
    _all_features(
        audio, state.line, state.spectrum, frames.window, state.plan, tables, layout.floor, frames.hop_samples, features
    )
    return np.ascontiguousarray(features.transpose(1, 2, 0))


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _all_features(audio, line, spectrum, window, plan, tables, floor, hop, features):  # type: ignore[no-untyped-def]
    first, start, weights = tables
    for t in range(features.shape[0]):
        analyse(audio[:, t * hop : (t + 1) * hop], line, spectrum, window, plan)
        write_features(spectrum, first, start, weights, floor, features[t])
