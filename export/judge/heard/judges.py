"""Judges: networks that took no part in a dream, and say which family they hear in what came out.

They are models of kind `classifier` that hear about a second at a time, and need no torch. A sound is cut into windows
every half of that, and what they say of the audible ones is averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.clip_model import ClipModel, open_model
from dreampedal.engine.model.format.clip_manifest import ClassifierManifest
from dreampedal.engine.model.format.inputs import LogBands, features
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.library import library

Audio = NDArray[np.float32]

SHIPPED = "judge_image", "judge_cepstra"
"""Names of those that ship, in the library."""
PEAK = 0.5
"""To which every sound is brought before it is heard, so that level decides nothing."""
AUDIBLE_DB = 40.0
SILENT = 1e-4
LEAST_SECONDS = 0.5
"""The shortest sound that is judged."""
SEVEN = "string", "brass", "flute", "organ", "vocal", "guitar", "reed"
"""Families that gain alone can reach from most sounds; "all" are these and the others."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of a sound.

    Fields:
        shares: the probability of each class, in order, (classes,); classes: their names.
    """

    shares: NDArray[np.float64]
    classes: tuple[str, ...]

    @property
    def named(self) -> list[str]:
        """All classes, the likeliest first."""
        return [self.classes[place] for place in np.argsort(-self.shares, kind="stable")]

    def rank(self, wanted: str) -> int:
        """The place of a class, 1 for what is named first."""
        return self.named.index(wanted) + 1


def shipped() -> list[Path]:
    """The files of those judges of `SHIPPED` that are there; a ValueError where there is none."""
    there = library.names("model")
    found = [there[name] for name in SHIPPED if name in there]
    if not found:
        raise ValueError(
            f"no judge is there: expected the models {' and '.join(SHIPPED)}; make train-judges makes them"
        )
    return found


class Judge:
    """One judge.

    Args:
        path: of its model.

    Raises:
        ModelError: if the model is no classifier whose classes exclude each other.
    """

    def __init__(self, path: Path) -> None:
        model = open_model(path, device="cpu")
        manifest = model.manifest
        if not isinstance(model, ClipModel) or not isinstance(manifest, ClassifierManifest):
            raise ModelError(path, "manifest.kind", manifest.kind, "classifier, the kind of a judge")
        if manifest.probabilities != "softmax":
            raise ModelError(path, "manifest.probabilities", manifest.probabilities, "softmax, of one class a sound")
        self._model, self._manifest = model, manifest
        self.name, self.classes, self.content_hash = manifest.name, manifest.classes, manifest.content_hash

    def hear(self, sounds: Sequence[tuple[Audio, float]]) -> list[Verdict]:
        """What is heard in each sound, (channels, samples) with its rate in Hz; all of them in one batch.

        Raises:
            ValueError: for a sound that is shorter than half a second, silent, or no finite numbers.
        """
        clips = [self._windows(audio, rate) for audio, rate in sounds]
        logits = self._model.logits(np.concatenate(clips)).astype(np.float64)
        logs = logits - logits.max(1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(1, keepdims=True))
        ends = np.cumsum([len(some) for some in clips])[:-1]
        means = (np.exp(some.mean(0)) for some in np.split(logs, ends))
        return [Verdict(mean / mean.sum(), self.classes) for mean in means]

    def _windows(self, audio: Audio, rate: float) -> NDArray[np.float32]:
        """(windows, rows, columns): those of which the sound is within 40 dB of its loudest window."""
        mono, input, columns = levelled(audio, rate), self._manifest.input, self._manifest.shape[1]
        # A causal input begins with frames that reach into silence before the sound: they are heard by nobody.
        first = -(-input.window // input.hop) if isinstance(input, LogBands) else 0
        length = math.ceil(self._manifest.seconds * rate) + (2 * input.window if isinstance(input, LogBands) else 0)
        if mono.size < length:
            mono = np.tile(mono, -(-length // mono.size))[:length]
        heard = features(input, mono, rate)[:, first:]
        if heard.shape[1] < columns:
            heard = np.pad(heard, ((0, 0), (0, columns - heard.shape[1])), mode="edge")
        step = max(1, columns // 2)
        begins = [*range(0, heard.shape[1] - columns, step), heard.shape[1] - columns]
        power = [_power(mono, begin / heard.shape[1], columns / heard.shape[1]) for begin in begins]
        kept = [at for at, one in zip(begins, power, strict=True) if one >= max(power) * 10 ** (-AUDIBLE_DB / 10)]
        return np.stack([heard[:, at : at + columns] for at in kept])


def levelled(audio: Audio, rate: float) -> Audio:
    """The mean of all channels at a peak of 0.5, (samples,); a ValueError for what cannot be judged."""
    mono = np.asarray(audio, np.float32)
    mono = mono.mean(0) if mono.ndim == 2 else mono
    if not np.isfinite(mono).all():
        raise ValueError("holds NaN or infinity: expected finite samples")
    if mono.size < LEAST_SECONDS * rate:
        raise ValueError(f"too short: {mono.size / rate:.3g} s of sound; expected at least {LEAST_SECONDS:g} s")
    if (peak := float(np.abs(mono).max())) < SILENT:
        raise ValueError("silent: nothing in it reaches -80 dBFS; expected a sound")
    return np.asarray(mono * (PEAK / peak), np.float32)


def _power(mono: Audio, begin: float, length: float) -> float:
    part = mono[round(begin * mono.size) : max(round((begin + length) * mono.size), 1)]
    return float(np.mean(np.square(part, dtype=np.float64))) if part.size else 0.0
