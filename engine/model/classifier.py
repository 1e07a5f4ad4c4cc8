"""What a sound is: probabilities of a model's classes for clips drawn at random from it, and pooled.

    classifier = Classifier.load("genres.onnx")
    pooled = classifier.probabilities(audio, sample_rate).mean(0)

Any model with classes will do: one that names clips, and one that dreams on bands, which gets clips of three seconds
and counts their audible frames. No torch is needed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.model.clip_model import ClipModel, open_model
from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, ClipManifest
from dreampedal.engine.model.format.inputs import features, frames_of, own_rate, resampled
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.model import Model

Array = NDArray[np.float32]

CLIPS = 12
"""Clips that are drawn if nothing else is said."""

LEAST_SECONDS = 0.1
"""The shortest sound that is listened to."""

LEAST_HZ = 1000
"""The lowest rate: what says that it has a lower one has a wrong header."""

AUDIBLE_DB = 40.0
"""A clip counts where it is within this of the loudest, and a frame of it where its loudest band is."""

SILENT = 1e-4
"""Peak below which a sound is silence: -80 dB."""

USUAL_RATES = 44_100, 48_000
"""Rates in Hz at which a network with no rate of its own was trained."""

BANDS_SECONDS = 3.0
"""Clips of a model that runs on columns, which has no length of its own."""

SIDE_BY_SIDE = 16
"""Clips that a model on bands analyses at a time, as channels: memory is the same however many are drawn."""


class Classifier:
    """A model that classifies recordings."""

    def __init__(self, model: Model | ClipModel) -> None:
        self._model = model
        self.path, self.manifest = model.path, model.manifest
        if not self.manifest.classes:
            raise ModelError(self.path, "manifest.classes", "empty", "a model that names classes")

    def __repr__(self) -> str:
        return f"Classifier({self.manifest.name!r}, classes={list(self.classes)})"

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Classifier:
        """The model that `open_model` finds at `path`; a ModelError too for one that names no classes."""
        return cls(open_model(path, device))

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the probabilities, in order."""
        return self.manifest.classes

    def seconds(self, sample_rate: float) -> float:
        """Length of a clip at `sample_rate` Hz."""
        manifest = self.manifest
        if isinstance(manifest, Manifest):
            if manifest.runs_on == "columns":
                return BANDS_SECONDS
            return manifest.context_frames * at_rate(manifest.hop, sample_rate) / sample_rate
        found = frames_of(manifest.input, manifest.seconds, sample_rate)
        return manifest.seconds * max(1.0, manifest.shape[1] / max(found, 1))

    def logits(self, x: Array) -> Array:
        """Logits of clips that are encoded already, (n, rows, columns) to (n, classes); for models on clips."""
        if isinstance(self._model, Model):
            raise ModelError(self.path, "manifest.kind", self._model.manifest.kind, "classifier or waveform")
        return self._model.logits(x)

    def probabilities(self, audio: Array, sample_rate: float, clips: int = CLIPS, seed: int = 0) -> Array:
        """Probabilities of each class for clips drawn at random; their mean over clips is the recording's.

        Args:
            audio: float32, (samples,) or (channels, samples); channels are mixed by their mean.
            sample_rate: of `audio` in Hz.
            clips: to draw. A sound no longer than a clip gives one, repeated until it fills the clip; clips in which
                next to nothing is audible are left out where others are.
            seed: of the draw; the same gives the same clips.

        Returns:
            float32, (1 to `clips`, classes).

        Raises:
            ValueError: for a sound that is silent, too short, too loud, or no finite numbers.
        """
        if clips < 1:
            raise ValueError(f"clips = {clips}: expected at least 1")
        mono, sample_rate = self._at_its_rate(_mono(audio, sample_rate), sample_rate)
        drawn = _drawn(mono, max(1, round(self.seconds(sample_rate) * sample_rate)), clips, seed)
        if isinstance(self._model, Model):
            parts = (drawn[at : at + SIDE_BY_SIDE] for at in range(0, len(drawn), SIDE_BY_SIDE))
            return _finite(np.concatenate([_on_frames(self._model, np.stack(part), sample_rate) for part in parts]))
        manifest = self._model.manifest
        x = np.stack([_encoded(manifest, clip, sample_rate) for clip in drawn])
        by_itself = isinstance(manifest, ClassifierManifest) and manifest.probabilities == "sigmoid"
        logits = self.logits(x)
        return _finite(np.exp(-np.logaddexp(0, -logits)) if by_itself else softmax(logits))

    def _at_its_rate(self, mono: Array, sample_rate: float) -> tuple[Array, float]:
        """A sound for a network on clips at the host's rate: at 44.1 or 48 kHz, as in training."""
        manifest = self.manifest
        if isinstance(manifest, Manifest) or own_rate(manifest.input) or sample_rate in USUAL_RATES:
            return mono, sample_rate
        return resampled(mono, sample_rate, USUAL_RATES[0]).astype(np.float32), USUAL_RATES[0]


def softmax(logits: Array) -> Array:
    """Probabilities of classes that exclude each other, over the last axis.

    >>> softmax(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True), np.float32)


def frame_logits(model: Model, features: Array) -> Array:
    """Class logits of a model on columns at every frame, (streams, bands, frames) to (streams, frames, classes)."""
    ascent = model.ascent(channels=features.shape[0], steps=0)
    logits = np.empty((features.shape[0], features.shape[2], len(model.manifest.classes)), np.float32)
    for frame in range(features.shape[2]):
        ascent.features[..., 0] = features[..., frame]
        ascent.run()
        ascent.commit()
        logits[:, frame] = ascent.logits
    return logits


def audible(features: Array, floor: float) -> NDArray[np.bool_]:
    """Frames whose loudest band is within 40 dB of the recording's loudest, (bands, frames) to (frames,)."""
    level = features.max(0)
    return np.asarray(level > max(level.max(initial=-np.inf) - AUDIBLE_DB * np.log(10) / 20, floor))


def _on_frames(model: Model, clips: Array, sample_rate: float) -> Array:
    """Probabilities of a model on bands: of the whole window, or the mean over the audible frames of each clip."""
    manifest = model.manifest
    layout = BandLayout(**manifest.bands.model_dump())
    bands = log_band_features(clips, sample_rate, layout, manifest.window, manifest.hop)
    if manifest.runs_on == "window":
        ascent = model.ascent(channels=len(clips), steps=0)
        ascent.features[:] = bands[:, :, -manifest.context_frames :]
        ascent.run()
        return softmax(ascent.logits)
    shares = softmax(frame_logits(model, bands))
    here = [frames if frames.any() else ~frames for frames in (audible(one, layout.floor) for one in bands)]
    return np.stack([share[frames].mean(0) for share, frames in zip(shares, here, strict=True)])


def _mono(audio: Array, sample_rate: float) -> Array:
    """The sound as one channel; a ValueError for what cannot be classified."""
    mono = np.asarray(audio, np.float32)
    mono = mono.mean(0) if mono.ndim == 2 else mono
    if mono.ndim != 1:
        raise ValueError(f"audio of shape {np.shape(audio)}: expected (samples,) or (channels, samples)")
    if not np.isfinite(mono).all():
        raise ValueError("audio holds NaN or infinity: expected finite samples")
    if sample_rate < LEAST_HZ:
        raise ValueError(f"a rate of {sample_rate:g} Hz: expected {LEAST_HZ} Hz at least")
    if mono.size < LEAST_SECONDS * sample_rate:
        raise ValueError(f"too short: {mono.size / sample_rate:.3g} s of sound; expected at least {LEAST_SECONDS:g} s")
    if np.abs(mono).max() < SILENT:
        raise ValueError("silent: nothing in it reaches -80 dBFS; expected a sound")
    return mono


def _finite(probabilities: Array) -> Array:
    """Probabilities, where they are numbers; a sound so loud that a network overflows has none."""
    if not np.isfinite(probabilities).all():
        raise ValueError("too loud, or the model is broken: probabilities are no numbers; expected samples of about 1")
    return probabilities


def _drawn(mono: Array, length: int, clips: int, seed: int) -> list[Array]:
    """Clips of `length` samples, in the order of their draw; the audible ones of four times as many draws.

    Where every draw fell into silence, it is the one around the loudest sample.
    """
    if mono.size <= length:
        return [np.tile(mono, -(-length // mono.size))[:length]]
    starts = np.random.default_rng(seed).integers(0, mono.size - length + 1, 4 * clips)
    loudest = min(max(0, int(np.abs(mono).argmax()) - length // 2), mono.size - length)
    *level, there = (np.sqrt(np.mean(np.square(mono[at : at + length], dtype=np.float64))) for at in (*starts, loudest))
    audible_share = 10 ** (-AUDIBLE_DB / 20)
    if max(level) <= there * audible_share:
        return [mono[loudest : loudest + length]]
    loud = starts[np.array(level) > max(level) * audible_share]
    return [mono[at : at + length] for at in loud[:clips]]


def _encoded(manifest: ClipManifest, clip: Array, sample_rate: float) -> Array:
    """A clip as the network gets it, cut to its columns; a column that rounding took away is the last once more."""
    encoded = features(manifest.input, clip, sample_rate)[:, : manifest.shape[1]]
    missing = manifest.shape[1] - encoded.shape[1]
    return np.pad(encoded, ((0, 0), (0, missing)), mode="edge") if missing else encoded
