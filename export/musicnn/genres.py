"""The model `genres`: musicnn and a head of ours, one classifier in one file.

    train_genres(published_wheel(), "shared/data/genres", "genres.onnx")

Both musicnn networks listen, the one trained on MagnaTagATune and the one trained on the Million Song Dataset; they are
wrong about different songs. How good the head is, is asked by cross-validation over recordings; what is written is
fitted to all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.inputs import Mel, features, frames_of
from dreampedal.export.compile.classifier import Training, export_classifier
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.metrics.scores import Scores, score
from dreampedal.export.musicnn.halves import rounded, store_halves
from dreampedal.export.musicnn.heads import SECONDS, Headed, cross_validated, fit_head, hidden_of, temperature
from dreampedal.export.musicnn.published import NOTICE, TRAINED_ON, load

TAGGERS = ("mtt_musicnn", "msd_musicnn")
SEEDS = 5


def train_genres(
    wheel: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    column: str = "genre",
    classes: Sequence[str] | None = None,
    name: str = "genres",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit a head to a labelled set, judge it on recordings that it has not heard, and write the classifier.

    Args:
        wheel: of musicnn 0.1.0 (`wheel.published_wheel`).
        folder: the set; `column` of its table has the classes, and `classes`, if given, are those to tell apart.
        out: the ONNX file.
        name: of the model.
        seed: of the first of five cross-validations.

    Returns:
        A report: clips, recordings, accuracy by clip and by recording with the spread over seeds and an interval over
        recordings, and each class's recall.

    Raises:
        CheckpointError: for another wheel.
        ValueError: for a set with fewer than two classes, or with too few recordings of one to cross-validate.
    """
    chosen = chosen_classes(open_set(folder, column), classes)
    taggers = [rounded(load(wheel, tagger)) for tagger in TAGGERS]
    hidden = hidden_of(taggers, clips_of(chosen, progress), progress=progress)
    groups = np.unique(np.array(chosen.groups), return_inverse=True)[1].astype(np.int64)
    found = judged(hidden, chosen.labels, groups, chosen.classes, seed)
    head = fit_head(hidden, chosen.labels).sharpened(temperature(hidden, chosen.labels, groups, seed))
    report = _report(found, chosen.classes)
    export_classifier(
        Headed(name, taggers, head.linear(), chosen.classes),
        out,
        name=name,
        training=Training(
            data=f"networks: {'; '.join(TRAINED_ON.values())}. Head: {len(chosen)} clips of {len(set(groups))} songs "
            "that Debian ships in its games, by their authors under free licences",
            licence=f"musicnn: {NOTICE}",
            seed=seed,
            notes="published musicnn networks (Pons and Serra 2019), frozen, their weights rounded to 16 bits; a "
            "linear head of ours; accuracy cross-validated by recording",
        ),
        accuracy={f"unheard_{by}": round(report[by]["accuracy"], 4) for by in ("clips", "recordings")},
    )
    store_halves(out)
    return {"model": os.fspath(out)} | report


def chosen_classes(labelled: LabelledSet, classes: Sequence[str] | None) -> LabelledSet:
    """The recordings of some classes only; a ValueError for one that the set does not have."""
    if classes is None:
        return labelled
    if unknown := set(classes) - set(labelled.classes):
        raise ValueError(f"class {min(unknown)!r} is not in the set: expected some of {', '.join(labelled.classes)}")
    kept = tuple(one for one in labelled.recordings if one.label in classes)
    return LabelledSet(tuple(sorted(classes)), kept)


def clips_of(labelled: LabelledSet, progress: Progress | None = None) -> NDArray[np.float16]:
    """The first 5 s of every recording as mel bands, what is shorter repeated: float16 (n, 96, frames)."""
    heard = Mel.musicnn()
    frames = frames_of(heard, SECONDS, 44_100)
    found = np.zeros((len(labelled), heard.rows, frames), np.float16)
    for number, recording in enumerate(labelled.recordings):
        audio, rate = recording.read()
        mel = features(heard, audio[:, : round(SECONDS * rate)], rate)
        found[number] = np.take(mel, range(frames), axis=1, mode="wrap")
        if progress:
            progress("reading", number + 1, len(labelled))
    return found


def judged(
    hidden: NDArray[np.floating],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    classes: Sequence[str],
    seed: int = 0,
) -> list[Scores]:
    """Figures of heads on recordings that they have not heard, for five ways to split the recordings."""
    seeds = range(seed, seed + SEEDS)
    return [score(cross_validated(hidden, labels, groups, one), labels, groups, classes, seed=one) for one in seeds]


def _report(found: Sequence[Scores], classes: Sequence[str]) -> dict[str, Any]:
    report: dict[str, Any] = {"classes": list(classes)}
    for by, measures in (
        ("clips", [one.by_clip for one in found]),
        ("recordings", [one.by_recording for one in found]),
    ):
        accuracies = [one.accuracy for one in measures]
        report[f"count_{by}"] = measures[0].count
        report[by] = {
            "accuracy": float(np.mean(accuracies)),
            "spread_over_seeds": float(np.std(accuracies)),
            "interval": [float(np.mean([one.accuracy_interval[end] for one in measures])) for end in (0, 1)],
            "recall": {name: float(np.mean([one.classes[name].recall for one in measures])) for name in classes},
            "calibration_error": float(np.mean([one.reliability.error for one in measures])),
        }
    return report
