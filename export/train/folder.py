"""From a folder of sounds to a network that was measured: what `train folder` and `search` do.

The folder is split by recording, so that no recording is heard in training and judged on; what was chosen (seed,
shares, segments) is kept in the checkpoint, so that whoever judges it later leaves out the same recordings.
"""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dreampedal.engine.model.format.inputs import Input
from dreampedal.engine.model.format.manifest import Strict
from dreampedal.engine.runtime.names import suggestion
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.places import name_of
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.splits import SHARES, check_apart, set_hash, split
from dreampedal.export.data.store import encode
from dreampedal.export.metrics.scores import probabilities, score
from dreampedal.export.nets.checkpoint import save
from dreampedal.export.nets.costs import parameters
from dreampedal.export.nets.inception import InceptionV3
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.pretrained import check_published, load_weights
from dreampedal.export.nets.table import NETWORKS, Builder, build
from dreampedal.export.nets.vgg19 import Vgg19
from dreampedal.export.train.fit.fitting import Fitted, fit
from dreampedal.export.train.fit.plan import Plan, plan_for
from dreampedal.export.train.fit.processes import own_rank
from dreampedal.export.train.fit.settings import checked, listed
from dreampedal.export.train.model_files import check_out, export_checkpoint
from dreampedal.export.train.search.search import search
from dreampedal.export.train.search.space import check_names, read_space, space_for
from dreampedal.export.train.search.trials import Task

KINDS: tuple[type[Strict], ...] = typing.get_args(typing.get_args(Input)[0])
"""Types of input."""


@dataclass(frozen=True)
class Order:
    """What is wanted of a folder.

    Fields:
        folder: of folders of sounds, or with a manifest (`data.recordings.open_set`); column: of the manifest, for
            labels.
        network: in `nets.table.NETWORKS`; settings: of it, that differ from the defaults.
        plan: that differ from the plan of the network (`plan_for`).
        segments: of the sounds, fields of `Segmenting`; "seconds" is the network's own unless given.
        input: of the network, fields that differ from its own; with another "kind", all that differ from its
            defaults.
        copies: changed copies of each training clip.
        weights: a file of published weights to begin with, for networks that have some (`nets.pretrained`).
        seed: of the split, the first weights and the plan.
        jobs: threads that encode.
    """

    folder: Path
    network: str
    column: str = "genre"
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, Any] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    copies: int = 0
    seed: int = 0
    jobs: int = 1
    weights: Path | None = None

    @property
    def builder(self) -> Builder:
        """The network's row of the table; a ValueError where there is none."""
        if self.network not in NETWORKS:
            close = suggestion(self.network, NETWORKS)
            raise ValueError(f"no network named {self.network!r}{close}; there are: {', '.join(NETWORKS)}")
        return NETWORKS[self.network]

    def chosen_settings(self) -> dict[str, Any]:
        """The network's settings that differ from its defaults, checked."""
        kind = self.builder.settings
        checked(kind, dict(self.settings), self.network)
        return listed(kind, self.settings)

    def chosen_plan(self) -> Plan:
        """The plan, checked."""
        return plan_for(self.network).changed(**({"seed": self.seed} | dict(self.plan)))

    def chosen_input(self) -> Any:
        """The input, checked."""
        own = self.builder.input
        changes = dict(self.input)
        kind = changes.pop("kind", own.kind)
        if kind == own.kind:
            return checked(type(own), own.model_dump() | changes, "input")
        kinds = {one.model_fields["kind"].default: one for one in KINDS}
        if str(kind) not in kinds:
            raise ValueError(f"input: no kind {kind!r}{suggestion(str(kind), kinds)}; there are: {', '.join(kinds)}")
        return checked(kinds[str(kind)], changes, "input")

    def segmenting(self) -> Segmenting:
        """How sounds are cut, checked."""
        return checked(Segmenting, {"seconds": self.builder.seconds} | dict(self.segments), "segments")


@dataclass(frozen=True)
class Parts:
    """A folder's clips: for training, for validation, and for the test; `set_hash` is of the whole (`data.splits`)."""

    train: Clips
    val: Clips
    test: Clips
    set_hash: str


def parts_of(order: Order, progress: Progress | None = None) -> Parts:
    """Open, split and encode a folder.

    Raises:
        ValueError: where something in the folder or the order does not fit.
        OSError: if a file cannot be read, or the cache cannot be written.
    """
    order.chosen_settings()
    if order.weights is not None:
        check_published(order.network)
    input, segmenting = order.chosen_input(), order.segmenting()
    order.chosen_plan()
    labelled = open_set(order.folder, column=order.column)
    train, val, test = _apart(*split(labelled, seed=order.seed, shares=SHARES))

    def clips(part: LabelledSet, name: str, copies: int = 0) -> Clips:
        told = progress and (lambda _what, done, total: progress(f"encoding {name}", done, total))
        return encode(part, input, segmenting, copies=copies, seed=order.seed, jobs=order.jobs, progress=told or None)

    encoded = clips(train, "training", order.copies), clips(val, "validation"), clips(test, "test")
    return Parts(*encoded, set_hash(labelled))


def built(order: Order, clips: Clips) -> Net:
    """The network, its first weights drawn from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(order.seed)
        net = build(order.network, clips.classes, clips.input, clips.seconds, order.chosen_settings())
        if order.weights is not None and isinstance(net, Vgg19 | InceptionV3):
            load_weights(net, order.weights)
        return net


def train_folder(
    order: Order, out: Path, run: Path | None = None, progress: Progress | None = None, device: str = "auto"
) -> dict[str, Any]:
    """Train a network on a folder of sounds, judge it, and write it.

    Args:
        out: the checkpoint (.safetensors) or the model (.onnx).
        run: folder of the training, with its logs; a training there is gone on with. None: beside `out`.
        progress: told what is going on, how much of it is done, and how much there is.

    Returns:
        A report (empty in all but the first of torchrun's processes): network, model, run, classes, parameters, clips
        and recordings of each part, epochs, best_epoch, seconds, and the scores on "validation" and "test".

    Raises:
        ValueError: where something does not fit; OSError: if a disk is full or a file cannot be read.
    """
    check_out(out, ".safetensors", ".onnx")
    run = run or out.with_name(f"{out.stem}_run")
    _check_places(out.resolve(), run.resolve())
    parts = parts_of(order, progress)
    net = built(order, parts.train)
    plan = order.chosen_plan()
    fitted = fit(net, parts.train, parts.val, plan, run, progress, device=device)
    if own_rank():
        return {}
    scores = {"validation": _scores(net, parts.val), "test": _scores(net, parts.test)}
    accuracy = {name: round(scores["test"][name]["accuracy"], 4) for name in ("by_clip", "by_recording")}
    checkpoint = out if out.suffix == ".safetensors" else run / "checkpoint.safetensors"
    save(net, checkpoint, **kept(order, plan, fitted), set_hash=parts.set_hash, scores=scores, accuracy=accuracy)
    if out.suffix == ".onnx":
        export_checkpoint(checkpoint, out)
    return {
        "network": order.network, "model": str(out), "run": str(run), "classes": list(net.classes),
        "parameters": parameters(net), "clips": _counts(parts, len), "recordings": _counts(parts, _recordings),
        "epochs": len(fitted.history), "best_epoch": fitted.best_epoch, "seconds": round(fitted.seconds, 1), **scores,
    }  # fmt: skip


def search_folder(
    order: Order,
    run: Path,
    vary: Sequence[str] = (),
    trials: int = 20,
    workers: int = 1,
    progress: Progress | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Search for settings of a network on a folder of sounds, as `search.search` does.

    Args:
        run: folder of the search; one that is there is gone on with.
        vary: what may be chosen, as `space.read_space` reads it; where nothing is said, `space.space_for`.
    """
    settings, plan = order.builder.settings, order.chosen_plan()
    space = read_space(vary) or space_for(settings, plan, [*order.settings, *(f"plan.{name}" for name in order.plan)])
    check_names(space, settings)
    parts = parts_of(order, progress)
    rate = built(order, parts.train).task.sample_rate
    task = Task(
        order.network, parts.train, parts.val, run, space, plan, order.chosen_settings(), rate, order.seed, device
    )
    return search(task, trials, workers, progress)


def kept(order: Order, plan: Plan, fitted: Fitted) -> dict[str, Any]:
    """What a checkpoint keeps of how it came about (`kept.Kept`)."""
    name, licence, notes = name_of(order.folder), "as the recordings that it was trained on", "dreampedal train folder"
    if order.weights is not None:
        licence += f", and as the weights in {order.weights.name} that it began with"
        notes += f", begun with {order.weights.name}, SHA-256 {_hash(order.weights)}"
    return {
        "seed": order.seed, "shares": list(SHARES), "segmenting": order.segmenting().model_dump(mode="json"),
        "column": order.column, "set": name, "copies": order.copies, "data": name, "licence": licence,
        "notes": f"{notes}, {order.network}", "plan": plan.model_dump(mode="json"), "history": list(fitted.history),
        "best_epoch": fitted.best_epoch,
    }  # fmt: skip


def _check_places(out: Path, run: Path) -> None:
    """A ValueError, before hours of work, unless a file can be written at `out` and a training kept at `run`."""
    if out == run or out in run.parents:
        raise ValueError(f"{out} is the training's folder {run}, or holds it: expected a place of its own for the file")
    if run.exists() and not run.is_dir():
        raise ValueError(f"{run} is a file: expected a folder for the training")


def _hash(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _apart(train: LabelledSet, val: LabelledSet, test: LabelledSet) -> tuple[LabelledSet, ...]:
    """The three parts, once every class is in each, and no sound in two of them, under whatever name."""
    for place, name in enumerate(train.classes):
        if not all((part.labels == place).any() for part in (train, val, test)):
            found = {group for part in (train, val, test) for group in np.array(part.groups)[part.labels == place]}
            raise ValueError(
                f"class {name!r} has recordings of {len(found)} groups: expected three or more, "
                f"one each to train, to validate and to test on"
            )
    check_apart(train, LabelledSet(train.classes, val.recordings + test.recordings))
    check_apart(val, test)
    return train, val, test


def _scores(net: Net, clips: Clips) -> dict[str, Any]:
    return score(probabilities(net, clips), clips.labels, clips.groups, clips.classes).to_json()


def _counts(parts: Parts, count: Callable[[Clips], int]) -> dict[str, int]:
    return {"training": count(parts.train), "validation": count(parts.val), "test": count(parts.test)}


def _recordings(clips: Clips) -> int:
    return len(np.unique(clips.groups))
