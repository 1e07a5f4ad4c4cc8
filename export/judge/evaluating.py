"""A network judged on a folder of sounds, and pruned with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from dreampedal.export.data.places import name_of, place_of
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.splits import SHARES, set_hash, split
from dreampedal.export.data.store import encode
from dreampedal.export.judge.classifiers import Classifier, open_classifier
from dreampedal.export.judge.pictures import draw_pruning
from dreampedal.export.metrics.scores import Pooling, pool, score
from dreampedal.export.train.fit.settings import checked

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips
    from dreampedal.export.judge.prune.pruned import Pruned
    from dreampedal.export.judge.prune.settings import Pruning

PARTS = ("all", "training", "validation", "test")


@dataclass(frozen=True)
class Judged:
    """What a network is judged on.

    Fields:
        folder: a labelled set (`sets.recordings.open_set`).
        column: of its manifest, for labels; None: as the checkpoint says, or "genre".
        part: "all" of it; what `sets.splits.split` leaves for "training", "validation" or "test"; or what the manifest
            has in its column `split`. None: "test" where the checkpoint or the model says that it was trained on a set
            of this name, or on these recordings under another, else "all".
        seed: of the split; None: as the checkpoint or the model says, or 0.
        segments: how sounds are cut, where it differs from the network's own way or from whole clips in a row.
        jobs: threads that encode.
    """

    folder: Path
    column: str | None = None
    part: str | None = None
    seed: int | None = None
    segments: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1


def evaluate_on(
    model: Path,
    judged: Judged,
    pictures: Path | None = None,
    *,
    pooling: Pooling = "mean",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge a checkpoint or a model on a folder of sounds.

    Args:
        pictures: a folder to draw into; it is made.

    Returns:
        The scores (`scores.Scores.to_json`), with model, set, part, and "recordings": what each was taken for. With
        `pictures`, their paths.

    Raises:
        ValueError: if the model cannot be used, the folder has classes that it does not know, or a part is asked for of
            a set that has changed since the training.
        OSError: if a file cannot be read or written.
    """
    classifier = open_classifier(model)
    part = judged.part or _part(classifier, judged)
    clips = encoded(classifier, judged, (part,), progress)[0]
    probabilities = classifier.classify(clips)
    scores = score(probabilities, clips.labels, clips.groups, classifier.classes, pooling=pooling)
    report = {"model": str(model), "set": str(place_of(judged.folder)), "part": part} | scores.to_json()
    report["notes"] = (*scores.notes, *_doubts(classifier, judged.folder))
    report["recordings"] = _recordings(probabilities, clips, classifier.classes, pooling)
    if pictures is not None:
        from dreampedal.export.judge.drawing import draw_all

        where = f"{name_of(judged.folder)} ({part})"
        report["pictures"] = [str(path) for path in draw_all(classifier, clips, probabilities, scores, pictures, where)]
    return report


def prune_on(
    model: Path,
    judged: Judged,
    out: Path,
    settings: Pruning,
    pictures: Path | None = None,
    *,
    tuning_epochs: int = 5,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Prune a checkpoint with the parts of the set that it was trained on, and write the smaller network.

    Args:
        out: a checkpoint (.safetensors), or a model (.onnx) of the kind that `write.checkpoints` makes of one.
        tuning_epochs: of each of `settings.tunings` (`pruning.rewound`).

    Returns:
        What `pruning.Pruned.to_json` says, with model, set and out.
    """
    from dreampedal.export.judge.prune.pruning import prune

    if out.suffix not in (".safetensors", ".onnx"):
        raise ValueError(f"{out}: expected a name that ends in .safetensors or .onnx")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; create it first")
    if out.is_dir():
        raise ValueError(f"{out} is a folder: expected the name of a file")
    classifier = open_classifier(model)
    if classifier.net is None:
        raise ValueError(f"{model}: expected a checkpoint (.safetensors); a model in ONNX cannot be pruned")
    train, val, test = encoded(classifier, judged, ("training", "validation", "test"), progress, to_learn=True)
    tune = _tuning(classifier, train, val, tuning_epochs) if settings.tunings else None
    pruned = prune(classifier.net, train, val, test, settings, tune=tune, progress=progress)
    report = {"model": str(model), "set": str(place_of(judged.folder)), "out": str(out)} | pruned.to_json()
    _write(pruned, out, classifier.extra, settings)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        draw_pruning(pruned, settings.limit, pictures / "pruning.png")
        report["pictures"] = [str(pictures / "pruning.png")]
    return report


def _write(pruned: Pruned, out: Path, extra: Mapping[str, Any], settings: Pruning) -> None:
    """Write the smaller network with what its checkpoint kept, its new accuracy, and what became of its kernels."""
    from dreampedal.export.nets.checkpoint import save
    from dreampedal.export.train.model_files import export_checkpoint

    report = pruned.to_json()
    kept = {name: report[name] for name in ("before", "after", "validation", "gone")}
    assert pruned.test_after is not None
    test = {"by_clip": pruned.test_after.by_clip, "by_recording": pruned.test_after.by_recording}
    accuracy = {name: round(measures.accuracy, 4) for name, measures in test.items()}
    changed = {"pruning": kept | {"settings": settings.model_dump()}, "accuracy": accuracy}
    changed["scores"] = {"test": report["test_after"]}
    if out.suffix == ".safetensors":
        save(pruned.net, out, **(dict(extra) | changed))
        return
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "pruned.safetensors"
        save(pruned.net, checkpoint, **(dict(extra) | changed))
        export_checkpoint(checkpoint, out)


def encoded(
    classifier: Classifier,
    judged: Judged,
    parts: Sequence[str],
    progress: Progress | None = None,
    *,
    to_learn: bool = False,
) -> list[Clips]:
    """Clips of some parts of a set, as the network hears them, with labels in the order of its classes.

    Args:
        to_learn: the part "training" has the changed copies that the network was trained with.

    Raises:
        ValueError: if the set has classes that the network does not know, sounds are cut to another length, or a part
            is asked for of a set that has changed since the training.
    """
    extra = classifier.extra
    column = judged.column or extra.get("column", "genre")
    own = set(parts) <= set(PARTS)
    labelled = open_set(judged.folder, column, None if own else parts[0])
    places = _places(labelled, classifier)
    seed = judged.seed if judged.seed is not None else int(extra.get("seed", 0))
    whole = {"seconds": classifier.seconds}
    segmenting = checked(Segmenting, whole | dict(extra.get("segmenting", {})) | dict(judged.segments), "segments")
    shares = tuple(extra.get("shares", SHARES))
    chosen = {"all": labelled, parts[0]: labelled}
    if own and set(parts) - {"all"}:
        _check_as_trained(labelled, classifier, judged.folder)
        chosen |= dict(zip(PARTS[1:], split(labelled, seed=seed, shares=shares), strict=True))
    found = []
    for part in parts:
        copies = int(extra.get("copies", 0)) if to_learn and part == "training" else 0
        clips = encode(
            chosen[part],
            classifier.input,
            segmenting,
            copies=copies,
            seed=seed,
            jobs=judged.jobs,
            progress=_naming(progress, part),
        )
        found.append(replace(clips, labels=places[np.asarray(clips.labels)], classes=classifier.classes))
    return found


def _naming(progress: Progress | None, part: str) -> Progress | None:
    return progress and (lambda _what, done, total: progress(f"encoding {part}", done, total))


def _places(labelled: LabelledSet, classifier: Classifier) -> np.ndarray:
    """Of each class of the set, its place among the network's."""
    unknown = [name for name in labelled.classes if name not in classifier.classes]
    if unknown:
        raise ValueError(
            f"the set has {', '.join(unknown)}, which {classifier.name} does not know: expected only "
            f"{', '.join(classifier.classes)}"
        )
    return np.array([classifier.classes.index(name) for name in labelled.classes])


def _part(classifier: Classifier, judged: Judged) -> str:
    """What training left aside, where the network was trained on a set of this name or of these recordings."""
    extra = classifier.extra
    if extra.get("set") == name_of(judged.folder):
        return "test"
    if not extra.get("set_hash"):
        return "all"
    found = open_set(judged.folder, judged.column or extra.get("column", "genre"))
    return "test" if set_hash(found) == extra["set_hash"] else "all"


def _doubts(classifier: Classifier, folder: Path) -> tuple[str, ...]:
    """What a reader must know where nothing tells which set the network was trained on."""
    extra = classifier.extra
    if extra.get("set_hash") or extra.get("set") == name_of(folder):
        return ()
    return ("the set may hold recordings that it was trained on",)


def _check_as_trained(labelled: LabelledSet, classifier: Classifier, folder: Path) -> None:
    """A ValueError where the network was trained on this set when it had other recordings: its parts were others."""
    extra = classifier.extra
    if extra.get("set") == name_of(folder) and extra.get("set_hash") not in (None, "", set_hash(labelled)):
        raise ValueError(
            f"{folder}: other recordings than {classifier.name} was trained on, or other groups: expected the same, or "
            "some of what it learned from would be judged; restore the set, or judge new recordings in a folder of "
            "their own"
        )


def _recordings(
    probabilities: np.ndarray, clips: Clips, classes: Sequence[str], pooling: Pooling
) -> list[dict[str, Any]]:
    """A row a recording: its name, what it is, what it is taken for, how surely, and its clips."""
    there, groups = np.unique(np.asarray(clips.groups), return_inverse=True)
    pooled, labels = pool(probabilities.astype(np.float64), np.asarray(clips.labels), groups, pooling)
    sizes = np.bincount(groups)
    return [
        {
            "name": clips.group_names[group], "is": classes[label], "heard": classes[int(row.argmax())],
            "probability": float(row.max()), "clips": int(size),
        }
        for group, label, row, size in zip(there, labels, pooled, sizes, strict=True)
    ]  # fmt: skip


def _tuning(classifier: Classifier, train: Clips, val: Clips, epochs: int) -> Callable[[Any], Any]:
    """Training a little more, by the network's own plan."""
    from dreampedal.export.judge.prune.settings import rewound
    from dreampedal.export.train.fit.fitting import fit
    from dreampedal.export.train.fit.plan import Plan, plan_for

    plan = Plan(**classifier.extra["plan"]) if "plan" in classifier.extra else plan_for(classifier.name)
    plan = rewound(plan, len(train), epochs)
    return lambda net: fit(net, train, val, plan, normalise=False).net
