"""Whatever names classes, judged alike: a checkpoint in torch, and a model of any kind in its ONNX file.

classifier = open_classifier(Path("styles.onnx"))
probabilities = classifier.classify(clips)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.classifier import frame_logits, softmax
from dreampedal.engine.model.clip_model import ClipModel, open_model
from dreampedal.engine.model.format.clip_manifest import ClassifierManifest
from dreampedal.engine.model.format.inputs import Input, LogBands
from dreampedal.engine.model.format.manifest import Training
from dreampedal.engine.model.model import Model
from dreampedal.export.metrics.scores import probabilities

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips
    from dreampedal.export.nets.net import Net

STREAMED_SECONDS = 5.0
"""Length of the clips that a model which runs column by column is judged on."""
STREAMS = 64
"""Clips read from the set at a time; those of a model that runs column by column are heard side by side."""


@dataclass(frozen=True)
class Classifier:
    """What names classes.

    Fields:
        name, classes, input, seconds: as its file says.
        classify: probabilities of clips, (n, classes), rows that sum to 1.
        net: the network in torch, where the file is a checkpoint.
        extra: what else a checkpoint keeps; of a model, the seed of its training and how its set was dealt, if it says.
    """

    name: str
    classes: tuple[str, ...]
    input: Input
    seconds: float
    classify: Callable[[Clips], NDArray[np.float32]]
    net: Net | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def open_classifier(path: Path) -> Classifier:
    """The network in a checkpoint (.safetensors) or a model (.onnx).

    Raises:
        ModelError: if the file cannot be used. A ValueError.
        ValueError: if it names no classes, or tags of which a clip may have several.
        OSError: if it cannot be read.
    """
    if path.suffix == ".safetensors":
        from dreampedal.export.nets.checkpoint import load
        from dreampedal.export.train.fit.kept import kept_in

        net = load(path)
        own = net.name, net.classes, net.input, net.seconds
        return Classifier(*own, lambda clips: probabilities(net, clips), net, kept_in(path))
    model = open_model(path, device="cpu")
    manifest = model.manifest
    if len(manifest.classes) < 2:
        raise ValueError(f"{path}: names {', '.join(manifest.classes) or 'nothing'}: expected two classes at least")
    if isinstance(manifest, ClassifierManifest) and manifest.probabilities == "sigmoid":
        raise ValueError(f"{path}: names tags that do not exclude each other: expected one class a clip")
    return _on_clips(model) if isinstance(model, ClipModel) else _streamed(model)


def _on_clips(model: ClipModel) -> Classifier:
    """A model that hears whole clips."""
    manifest = model.manifest

    def classify(clips: Clips) -> NDArray[np.float32]:
        return softmax(np.concatenate([model.logits(x) for x in _batches(clips, STREAMS)]))

    return Classifier(
        manifest.name, manifest.classes, manifest.input, manifest.seconds, classify, extra=_kept(manifest.training)
    )


def _streamed(model: Model) -> Classifier:
    """A model that runs column by column: its mean logits over the columns that depend on the clip alone."""
    manifest = model.manifest
    if manifest.runs_on != "columns":
        raise ValueError(f"{model.path}: runs on the window: expected a model that runs on columns, or its checkpoint")
    input = LogBands(bands=manifest.bands, window=manifest.window, hop=manifest.hop)

    history = sum(columns for columns, _ in manifest.states.values())

    def classify(clips: Clips) -> NDArray[np.float32]:
        # Of a clip that is shorter, the last column has heard the most.
        first = min(history, clips.x.shape[-1] - 1)
        return softmax(np.concatenate([frame_logits(model, x)[:, first:].mean(1) for x in _batches(clips, STREAMS)]))

    return Classifier(
        manifest.name, manifest.classes, input, STREAMED_SECONDS, classify, extra=_kept(manifest.training)
    )


def _kept(training: Training) -> dict[str, Any]:
    """What a model says of its set, as a checkpoint keeps it."""
    dealt = {} if training.dealt is None else training.dealt.model_dump()
    return {"seed": training.seed} | dealt


def _batches(clips: Clips, size: int) -> list[NDArray[np.float32]]:
    return [np.asarray(clips.x[at : at + size], np.float32) for at in range(0, len(clips), size)]
