"""Training of any network on encoded clips: seeded, repeatable, and the same after a kill as without one.

An epoch is one pass of `Batches`; after it the validation clips are judged, the course decides (best epoch, learning
rate, end), and a checkpoint is written whole. `fit` begins where the folder's checkpoint ends.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dreampedal.export.data.batches import Batches, Change
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit import checkpoints
from dreampedal.export.train.fit.equaliser import change_for
from dreampedal.export.train.fit.lock import alone
from dreampedal.export.train.fit.logs import Logs
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.processes import Processes, joined
from dreampedal.export.train.fit.schedule import ended, learning_rate
from dreampedal.export.train.fit.state import Training

Row = dict[str, float]
NORMALISED_BATCHES = 16
"""Batches from which a network's mean and spread are taken."""


class DivergenceError(ValueError):
    """A training whose loss is no number any more."""


@dataclass(frozen=True)
class Fitted:
    """What came of a training.

    Fields:
        net: the network as it was judged best, in evaluation mode, on the CPU.
        history: a row an epoch: epoch (from 1), learning_rate, train_loss and val_loss in nats, train_accuracy and
            val_accuracy from 0 to 1, seconds since the training began.
        best_epoch: from 1.
        seconds: of training, over all resumptions.
    """

    net: Net
    history: tuple[Row, ...]
    best_epoch: int
    seconds: float

    @property
    def best(self) -> Row:
        """The row of the best epoch."""
        return self.history[self.best_epoch - 1]


def fit(
    net: Net,
    train: Clips,
    val: Clips,
    plan: Plan | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    *,
    each_epoch: Callable[[Row], None] | None = None,
    change: Change | None = None,
    normalise: bool = True,
    device: str = "auto",
) -> Fitted:
    """Train a network; it is changed in place and becomes the best of its epochs.

    Args:
        net: features (n, rows, frames) to logits (n, classes), as `nets.table.build` gives it, with its first weights.
        train, val: clips of the same classes and input, no recording on both sides.
        folder: for the checkpoint and the logs (CSV, TensorBoard); it is made. A checkpoint there is gone on from.
        progress: told steps done, and how many there are.
        each_epoch: told each row of the history once it is safe on disk, those of a checkpoint again; what it raises
            ends the training.
        change: of each batch, as `Batches` takes it; what the plan wants if None.
        normalise: set the network's mean and spread from the training clips, where it has them.
        device: "auto" (CUDA where there is any), "cpu" or "cuda".

    Raises:
        ValueError: if clips, network and plan do not fit together, the checkpoint is damaged or another training's, or
            a training is running in the folder.
        DivergenceError: if the loss becomes infinite or no number.
        OSError: if the disk is full; the last whole checkpoint is kept.
    """
    plan, told = plan or Plan(), each_epoch or (lambda row: None)
    _check(net, train, val)
    made = change or change_for(plan, train.input)
    batches = Batches(train, plan.batch, plan.seed, balanced=plan.balanced, mixup=plan.mixup, change=made)
    place = Path(folder) if folder is not None else None
    with joined(device) as processes, _repeatable(plan, processes.device), _held(place, processes):
        begun = checkpoints.identity(net, train, val, plan, change, normalise)
        saved = place and checkpoints.read(place, begun)
        if place and saved:
            saved.check_fits(place / checkpoints.NAME, net, averaged=plan.averaging > 0, optimiser=plan.optimiser)
        elif normalise and hasattr(net, "normalise"):
            net.normalise(x for x, _ in itertools.islice(batches.epoch(0), NORMALISED_BATCHES))
        with processes.in_step(net):
            training = Training(net, plan, processes)
            if saved:
                training.restore(saved)
            if processes.agree(len(training.history)) != len(training.history):
                raise ValueError(f"{place}: processes find different checkpoints: expected a folder that all share")
            for row in training.history:
                told(row)
            with _folder(place, training, begun) as kept:
                for row in _epochs(training, batches, val, progress):
                    kept(row)
                    told(row)
    net.load_state_dict(training.best)
    net.to("cpu").eval()
    return Fitted(net, tuple(training.history), training.course.best_epoch, training.seconds)


def _epochs(training: Training, batches: Batches, val: Clips, progress: Progress | None) -> Iterator[Row]:
    """Train and judge epoch by epoch; each row is given once the training stands after it."""
    plan, agree = training.plan, training.processes.agree
    began = time.monotonic() - training.seconds

    def share() -> float:
        """Of the minutes that there are, how much is spent, those before a resumption included."""
        return agree(time.monotonic() - began) / (60 * plan.minutes) if plan.minutes else 0.0

    while len(training.history) < plan.epochs and not ended(training.course, plan):
        if training.history and share() >= 1:
            return
        epoch = len(training.history) + 1
        _seed(plan, epoch, training.processes.rank)
        loss, accuracy, rate = _train_epoch(training, batches, epoch, share, progress)
        val_loss, val_accuracy = training.judge(val)
        for name, value in (("training", loss), ("validation", val_loss)):
            if not math.isfinite(value):
                raise DivergenceError(
                    f"the loss of {name} is {value} at epoch {epoch}: lower learning_rate or clip_norm"
                )
        training.seconds = agree(time.monotonic() - began)
        row = {
            "epoch": epoch, "learning_rate": rate, "train_loss": loss, "train_accuracy": accuracy,
            "val_loss": val_loss, "val_accuracy": val_accuracy, "seconds": round(training.seconds, 3),
        }  # fmt: skip
        training.record(row)
        yield row


def _train_epoch(
    training: Training, batches: Batches, epoch: int, spent: Callable[[], float], progress: Progress | None
) -> tuple[float, float, float]:
    """One pass of the batches: mean loss, accuracy, and the last learning rate."""
    plan, count = training.plan, training.processes.count
    sums, steps, rate = torch.zeros(3, dtype=torch.double), len(batches), 0.0
    training.net.train()
    for step, (x, targets) in enumerate(batches.epoch(epoch), 1):
        # A batch norm needs two clips at least.
        if len(x) < 2 * count:
            continue
        gone = epoch - 1 + step / steps
        share = max(gone / plan.epochs, spent())
        rate = learning_rate(plan, training.course, gone, share)
        sums += training.step(x, targets, rate)
        if progress:
            progress("training", (epoch - 1) * steps + step, plan.epochs * steps)
        if share >= 1 and gone < plan.epochs:
            break
    loss, right, clips = training.processes.total(sums).tolist()
    if not clips:
        raise ValueError(f"an epoch without a step: {steps} batches, too small for {count} processes")
    return loss / clips, right / clips, rate


@contextmanager
def _held(place: Path | None, processes: Processes) -> Iterator[None]:
    """The folder of a training, made and held by the process that writes to it."""
    if place is None or not processes.first:
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    with alone(place, "training"):
        yield


@contextmanager
def _folder(place: Path | None, training: Training, begun: dict[str, Any]) -> Iterator[Callable[[Row], None]]:
    """The folder of a training, open: a function that puts an epoch on disk, checkpoint first."""
    if place is None or not training.processes.first:
        yield lambda row: None
        return
    checkpoints.remove_parts(place)
    with Logs(place, training.history) as logs:

        def keep(row: Row) -> None:
            checkpoints.write(place, training.state(begun))
            try:
                logs.add(row)
            except OSError as error:
                kept = f"{error.strerror} (logs; the checkpoint of epoch {row['epoch']} is whole)"
                raise OSError(error.errno, kept, str(place)) from None

        yield keep


def _seed(plan: Plan, epoch: int, rank: int) -> None:
    """Begin an epoch's random numbers: dropout and the starts of attacks."""
    torch.manual_seed(int(np.random.SeedSequence([plan.seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1))


@contextmanager
def _repeatable(plan: Plan, device: torch.device) -> Iterator[None]:
    """The plan's number of threads, and a generator of our own; on CUDA, operations that repeat themselves.

    All is as it was afterwards, but for CUBLAS_WORKSPACE_CONFIG, which cuBLAS reads once.
    """
    cuda, threads = device.type == "cuda", torch.get_num_threads()
    strict, warning = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.set_num_threads(plan.threads)
    if cuda and not strict:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # A warning names each operation that has no such form.
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng([device] if cuda else []):
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warning)
        torch.set_num_threads(threads)


def _check(net: Net, train: Clips, val: Clips) -> None:
    """A ValueError for what cannot be trained."""
    for name, clips in (("training", train), ("validation", val)):
        if not len(clips):
            raise ValueError(f"no {name} clips: expected at least one")
        if tuple(clips.classes) != tuple(net.classes):
            raise ValueError(
                f"the {name} clips have the classes {', '.join(clips.classes)}: "
                f"expected the network's, {', '.join(net.classes)}"
            )
    if train.input != val.input:
        raise ValueError(f"validation clips of another input than training clips: {val.input!r}, {train.input!r}")
    if getattr(net, "input", train.input) != train.input:
        raise ValueError(f"clips of {train.input!r}: the network hears {net.input!r}")
    if len(train) < 2:
        raise ValueError("one training clip: expected two at least")
