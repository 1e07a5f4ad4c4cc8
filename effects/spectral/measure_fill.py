"""Measure a fill on the audio that comes out, analysed afresh: of what gain leaves short, how much is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.frame.fill import HANGS_OVER, OPEN, PINK_FROM, follow_of, level_of, tilt
from dreampedal.effects.spectral.measure import play
from dreampedal.engine.dsp.bands import lay
from dreampedal.engine.dsp.stft import Frames, FrameState

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
    at_once: float
    """Of the energy that would be wanted of such bands if the floor jumped with the dream, what the output has."""
    moves_db: float
    """By how much the output's energy in such a band moves from one frame to the next, RMS: its flicker."""


def filled(effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float) -> Filled:
    """Play one channel, (1, samples), through an effect that fills, and look for what it was to fill in.

    What is wanted of a bin is max(|X| · gain, floor), with the gains that were played and the floor as it follows them
    (see `estimated`).
    """
    frames = effect.frames_at(sample_rate)
    wet, played = play(effect, audio, sample_rate, lambda played: played.gains[0])
    dry, out = magnitudes(frames, audio), magnitudes(frames, wet)
    gains = np.stack(played[effect.lookahead_frames :][: dry.shape[0]]).astype(np.float64)
    # A mode that plays only the end of a frame plays its gains later than at the frame's own middle.
    own_latency = effect.latency_parts(sample_rate)[0][1]
    late = round((frames.window_samples - own_latency) / 2 / frames.hop_samples)
    gains = np.concatenate([np.ones_like(gains[:late]), gains[: gains.shape[0] - late]])
    level = level_of(frames.window) * np.sqrt(np.square(dry).sum(axis=1, keepdims=True))
    least = level * effect.fill * 10 ** (-effect.fill_floor_db / 20) * tilt(frames.bins, PINK_FROM)
    aim = least * gains * np.clip(np.log(gains) / OPEN, 0, 1)
    floor = _followed(
        aim, HANGS_OVER * least * np.maximum(gains, 1), *follow_of(frames.hop_samples, frames.window_samples)
    )
    bands = lay(effect.layout, sample_rate, frames.window_samples)
    spans = [span for span in zip(bands.first, bands.start[:-1], bands.start[1:], strict=True) if span[2] > span[1]]

    def energy(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = [np.square(magnitude[:, a : a + end - begin]) @ bands.weights[begin:end] for a, begin, end in spans]
        return np.array(rows, np.float64)

    by_gain, there = energy(dry * gains), energy(out)
    wanted, at_once = energy(np.maximum(dry * gains, floor)), energy(np.maximum(dry * gains, aim))
    short, jumping = (
        binary_opening(by_gain < 0.5 * whole, np.ones((1, LASTING_FRAMES), np.bool_)) for whole in (wanted, at_once)
    )

    def share(part: NDArray[np.float64], whole: NDArray[np.float64], cells: NDArray[np.bool_]) -> float:
        return float(part[cells].sum()) / max(float(whole[cells].sum()), 1e-30)

    return Filled(
        wet, float(short.mean()), share(by_gain, wanted, short), share(there, wanted, short),
        share(there, at_once, jumping), _moves_db(there, jumping),
    )  # fmt: skip


def _followed(
    aim: NDArray[np.float64], most: NDArray[np.float64], rising: float, falling: float
) -> NDArray[np.float64]:
    """A floor that follows `aim` and stays under `most`, each (frames, bins)."""
    floor, now = np.zeros_like(aim), np.zeros(aim.shape[1])
    for t in range(aim.shape[0]):
        now = np.minimum(aim[t] + np.where(aim[t] > now, rising, falling) * (now - aim[t]), most[t])
        floor[t] = now
    return floor


def _moves_db(there: NDArray[np.float64], cells: NDArray[np.bool_]) -> float:
    """The RMS step of energies (bands, frames) from one of these cells to the next one in time."""
    steps = np.diff(10 * np.log10(np.maximum(there, 1e-20)), axis=1)[cells[:, 1:] & cells[:, :-1]]
    return float(np.sqrt(np.mean(np.square(steps)))) if steps.size else 0.0


def magnitudes(frames: Frames, audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of every frame of one channel (1, samples): (frames, bins)."""
    state, hop = FrameState.silent(frames, 1), frames.hop_samples
    found = np.zeros((audio.shape[1] // hop, frames.bins))
    for t in range(found.shape[0]):
        spectrum = frames.analyse(np.ascontiguousarray(audio[:, t * hop : (t + 1) * hop]), state)
        found[t] = np.hypot(spectrum[0, 0], spectrum[1, 0])
    return found
