"""Measure a dream on the audio that comes out, analysed afresh: the objective, the offset, the loudness.

Nothing here trusts what an effect meant to do. The objective of an effect is what its network hears in a recording:
the mean over frames of its target, with the same model, bands and normalisation that the effect plays with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.frame.guard import k_weighting
from dreampedal.effects.spectral.frame.state import Played
from dreampedal.engine.dsp.bands import lay, log_band_features, write_gains
from dreampedal.engine.dsp.stft import Frames, FrameState
from dreampedal.engine.model import targets
from dreampedal.engine.model.student import StudentModel


@dataclass(frozen=True)
class Trace:
    """What an effect did to a recording."""

    wet: NDArray[np.float32]
    """What came out, (channels, samples), latency compensated."""
    offset: NDArray[np.float32]
    """What was added to the features, in nepers, (rows, bands, frames); frame t ends at sample (t + 1)·hop."""


def trace(effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float) -> Trace:
    """Play `audio` (channels, samples) and keep the offset of every frame."""
    wet, offsets = play(effect, audio, sample_rate, lambda played: played.offset)
    first, count = effect.lookahead_frames, audio.shape[1] // effect.frames_at(sample_rate).hop_samples
    return Trace(wet, np.stack(offsets, axis=2)[:, :, first : first + count])


def play(
    effect: SpectralEffect,
    audio: NDArray[np.float32],
    sample_rate: float,
    kept: Callable[[Played], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """What comes out, latency compensated, and what is `kept` of each frame as it was played, waited for or not."""
    hop = effect.frames_at(sample_rate).hop_samples
    stream = effect.stream(sample_rate, audio.shape[0], hop)
    hops = -(-(audio.shape[1] + stream.latency) // hop)
    padded = np.pad(audio, ((0, 0), (0, hops * hop - audio.shape[1])))
    wet, found = [], []
    for t in range(hops):
        wet.append(stream.process(np.ascontiguousarray(padded[:, t * hop : (t + 1) * hop])).copy())
        found.append(kept(stream.state.played).copy())
    return np.concatenate(wet, axis=1)[:, stream.latency : stream.latency + audio.shape[1]], found


def features_of(effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float) -> NDArray[np.float32]:
    """What the effect's model sees of `audio`: (rows, bands, frames), one row if the effect's channels are linked."""
    manifest = effect.loaded_model().manifest
    features = log_band_features(audio, sample_rate, effect.layout, manifest.window, manifest.hop)
    if not effect.link:
        return features
    together = 0.5 * np.log(np.mean(np.exp(2 * features), axis=0, keepdims=True))
    return np.asarray(np.maximum(together, effect.layout.floor), np.float32)


def objective(effect: SpectralEffect, features: NDArray[np.float32]) -> float:
    """The effect's target in `features` (rows, bands, frames), averaged over rows and frames.

    A ValueError where the model is a student: it answers, and nothing in it hears how well.
    """
    model = effect.loaded_model()
    if isinstance(model, StudentModel):
        raise ValueError(
            f"model {effect.model!r} is a student, which does not hear its target: expected a judge that does"
        )
    listener = model.ascent(features.shape[0], 0, 1)
    listener.features[:] = effect.layout.floor
    wanted = effect.injections(model)
    total = 0.0
    for t in range(features.shape[2]):
        listener.features[:, :, :-1] = listener.features[:, :, 1:]
        listener.features[:, :, -1] = features[:, :, t]
        listener.offset[:] = 0
        listener.run(0)
        for row in range(features.shape[0]):
            layers = {name: y[row] for name, y in listener.activations.items()}
            total += targets.value(layers, listener.logits[row], wanted)
        listener.commit()
    return float(total / (features.shape[0] * max(1, features.shape[2])))


def heard(effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float) -> float:
    """The effect's target in a recording."""
    return objective(effect, features_of(effect, audio, sample_rate))


def with_offset(
    effect: SpectralEffect, audio: NDArray[np.float32], sample_rate: float, offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`audio` with any offset (rows, bands, frames) as gain on its frames: what an effect plays, without its guard."""
    frames: Frames = effect.frames_at(sample_rate)
    bands = lay(effect.layout, sample_rate, frames.window_samples)
    hop, delay = frames.hop_samples, frames.window_samples - frames.hop_samples
    state = FrameState.silent(frames, audio.shape[0])
    padded = np.pad(audio, ((0, 0), (0, frames.window_samples + hop)))
    gains = np.ones((offset.shape[0], frames.bins), np.float32)
    played = []
    for t in range(padded.shape[1] // hop):
        spectrum = frames.analyse(np.ascontiguousarray(padded[:, t * hop : (t + 1) * hop]), state)
        if t < offset.shape[2]:
            write_gains(np.ascontiguousarray(offset[:, :, t]), bands.below, bands.toward, bands.reach, gains)
        played.append(frames.synthesise(spectrum * gains, state).copy())
    return np.concatenate(played, axis=1)[:, delay : delay + audio.shape[1]]


def loudness_db(audio: NDArray[np.float32], sample_rate: float) -> float:
    """Ungated K-weighted loudness of `audio` (channels, samples) in LUFS (ITU-R BS.1770-5, annex 1, equation 2)."""
    from scipy.signal import sosfilt

    sections = np.insert(k_weighting(sample_rate), 3, 1.0, axis=1)
    weighted = sosfilt(sections, np.asarray(audio, np.float64), axis=1)
    return float(-0.691 + 10 * np.log10(max(float(np.sum(np.mean(weighted**2, axis=1))), 1e-12)))


def matched(audio: NDArray[np.float32], reference: NDArray[np.float32], sample_rate: float) -> NDArray[np.float32]:
    """`audio` at the loudness of `reference`."""
    gain_db = loudness_db(reference, sample_rate) - loudness_db(audio, sample_rate)
    return np.asarray(audio * 10 ** (gain_db / 20), np.float32)
