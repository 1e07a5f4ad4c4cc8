"""Measure a fill on the audio that comes out, analysed afresh: of what gain leaves short, how much is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from .bands import lay
from .filling import OPEN, level_of
from .spectral import SpectralEffect
from .stft import Frames, FrameState

LASTING_FRAMES = 4
"""For so long a band must be short: a whole window. What is shorter no spectrogram can have."""


@dataclass(frozen=True)
class Filled:
    """What became of the bands that gain alone leaves with less than half of the energy that is wanted."""

    wet: NDArray[np.float32]
    """What came out, (1, samples), latency compensated."""
    short: float
    """The share of all bands and frames that they are."""
    by_gain: float
    """Of the energy that is wanted of them, what gain alone gives."""
    there: float
    """Of that energy, what the output has."""


def filled(effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float) -> Filled:
    """Play one channel, (1, samples), through an effect that fills, and look for what it was to fill in.

    What is wanted of a bin is max(|X|, floor) · gain, with the gains that were played (see `playing_estimated`).
    """
    frames = effect.frames_at(sample_rate)
    wet, played = _played(effect, audio, sample_rate, frames.hop_samples)
    dry, out = magnitudes(frames, audio), magnitudes(frames, wet)
    gains = played[effect.lookahead_frames :][: dry.shape[0]]
    level = level_of(frames.window) * np.sqrt(np.square(dry).sum(axis=1, keepdims=True))
    floor = level * effect.fill * 10 ** (-effect.fill_floor_db / 20) * np.clip(np.log(gains) / OPEN, 0, 1)
    bands = lay(effect.layout, sample_rate, frames.window_samples)
    spans = [span for span in zip(bands.first, bands.start[:-1], bands.start[1:], strict=True) if span[2] > span[1]]

    def energy(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = [np.square(magnitude[:, a : a + end - begin]) @ bands.weights[begin:end] for a, begin, end in spans]
        return np.array(rows, np.float64)

    wanted, by_gain, there = energy(np.maximum(dry, floor) * gains), energy(dry * gains), energy(out)
    short = binary_opening(by_gain < 0.5 * wanted, np.ones((1, LASTING_FRAMES), np.bool_))
    whole = max(float(wanted[short].sum()), 1e-30)
    return Filled(wet, float(short.mean()), float(by_gain[short].sum()) / whole, float(there[short].sum()) / whole)


def magnitudes(frames: Frames, audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of every frame of one channel (1, samples): (frames, bins)."""
    state, hop = FrameState.silent(frames, 1), frames.hop_samples
    found = np.zeros((audio.shape[1] // hop, frames.bins))
    for t in range(found.shape[0]):
        spectrum = frames.analyse(np.ascontiguousarray(audio[:, t * hop : (t + 1) * hop]), state)
        found[t] = np.hypot(spectrum[0, 0], spectrum[1, 0])
    return found


def _played(
    effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float, hop: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What comes out, and the gains of every frame, (frames, bins)."""
    stream = effect.stream(sample_rate, 1, hop)
    hops = -(-(audio.shape[1] + stream.latency) // hop)
    padded = np.pad(audio, ((0, 0), (0, hops * hop - audio.shape[1])))
    out, gains = [], []
    for t in range(hops):
        out.append(stream.process(np.ascontiguousarray(padded[:, t * hop : (t + 1) * hop])).copy())
        gains.append(stream.state.gains[0].astype(np.float64))
    wet = np.concatenate(out, axis=1)[:, stream.latency : stream.latency + audio.shape[1]]
    return np.asarray(wet, np.float32), np.stack(gains)
