"""One trial of a search: a network built and trained as the search chose, and all of it on disk.

A trial's folder holds what `fit` writes, `trial.json` and, where it ended, `checkpoint.safetensors`. A trial that was
killed goes on in its own folder, and comes to the same end.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
import optuna
import torch
from optuna.trial import Trial, TrialState
from pydantic import BaseModel, Field, JsonValue, ValidationError

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.clips import Clips, Rows
from dreampedal.export.nets.checkpoint import save
from dreampedal.export.nets.costs import parameters
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build
from dreampedal.export.train.fit.fitting import Row, fit
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.settings import first_fault
from dreampedal.export.train.search.space import Space, suggested

CHECKPOINT, RECORD = "checkpoint.safetensors", "trial.json"
WARM_TRIALS = 8
"""Drawn at random before the search begins to model what is good."""
DRAWN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
PLACE, REASON = "place", "reason"
"""Names under which a trial's folder, and why it was given up, stand in the study."""


@dataclass(frozen=True)
class Task:
    """What all trials of a search have in common."""

    network: str
    train: Clips
    val: Clips
    folder: Path
    space: Space
    plan: Plan
    settings: dict[str, Any]
    sample_rate: int
    seed: int
    device: str = "auto"

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: clips that lie on disk go by the name of their file."""
        return vars(self) | {"train": _sent(self.train), "val": _sent(self.val)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {name: _received(*state[name]) for name in ("train", "val")})

    def study(self) -> optuna.Study:
        """The study on disk, made where it is not there; its next trial is chosen by the seed and what came before."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # what failed is said by us
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.folder.resolve() / 'study.sqlite'}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        study = optuna.create_study(
            storage=storage, study_name=self.network, direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, self.plan.epochs // 10)),
        )  # fmt: skip
        drawn = len(study.get_trials(deepcopy=False, states=DRAWN))
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=WARM_TRIALS, seed=self.seed + drawn)
        return study

    def record(self, place: str) -> dict[str, Any]:
        """What a trial's folder says of it; empty where it says nothing. A ValueError if what it says is no record."""
        file = self.folder / "trials" / place / RECORD
        if not file.exists():
            return {}
        try:
            return dict(Record.model_validate_json(file.read_bytes()))
        except ValidationError as error:
            raise ValueError(f"{file} is no record of a trial: {first_fault(error, Record)}; remove it") from None


class Record(BaseModel):
    """What `trial.json` says; it says more, for people."""

    state: Literal["running", "complete", "pruned", "failed"]
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    settings: dict[str, JsonValue] | None = None
    plan: dict[str, JsonValue] | None = None
    parameters: Annotated[int, Field(ge=0)] | None = None
    checkpoint: Literal["checkpoint.safetensors"] | None = None


def _sent(clips: Clips) -> tuple[dict[str, Any], str | None]:
    """Fields of clips, and the file that holds `x` where it is one on disk."""
    fields = {one.name: getattr(clips, one.name) for one in dataclasses.fields(clips)}
    x = fields["x"]
    base, places = (x.base, x.places) if isinstance(x, Rows) else (x, None)
    if not isinstance(base, np.memmap):
        return fields, None
    return fields | {"x": places}, str(base.filename)


def _received(fields: dict[str, Any], file: str | None) -> Clips:
    if file is not None:
        base = np.load(file, mmap_mode="r")
        fields = fields | {"x": base if fields["x"] is None else Rows(base, fields["x"])}
    return Clips(**fields)


def run_trial(task: Task) -> None:
    """Run the study's next trial to its end.

    Raises:
        OSError: if the disk is full, or the study cannot be read or written. Whatever else goes wrong, that trial alone
            is given up, and its record says why.
    """
    task.study().optimize(lambda trial: _score(task, trial), n_trials=1)


def _score(task: Task, trial: Trial) -> float:
    """Train as the trial says: the accuracy on validation clips, 0 to 1."""
    place = task.folder / "trials" / trial.user_attrs.get(PLACE, f"{trial.number:04d}")
    trial.set_user_attr(PLACE, place.name)
    place.mkdir(parents=True, exist_ok=True)
    settings, changes = suggested(task.space, trial)
    record: dict[str, Any] = {"number": trial.number, "network": task.network, "state": "running", "history": []}
    try:
        plan = task.plan.changed(**changes)
        net = _built(task, plan, settings)
        record |= {
            "settings": net.settings.model_dump(mode="json"), "plan": plan.model_dump(mode="json"),
            "parameters": parameters(net), "architecture": {name: repr(part) for name, part in net.layers().items()},
        }  # fmt: skip
        fitted = fit(
            net, task.train, task.val, plan, place, device=task.device,
            each_epoch=lambda row: _report(trial, record, row),
        )  # fmt: skip
        score = fitted.best["val_accuracy"]
        save(net, place / CHECKPOINT, history=list(fitted.history), plan=record["plan"])
    except optuna.TrialPruned:
        _write(place, record | {"state": "pruned", "score": _best(record["history"])})
        raise
    except (OSError, optuna.exceptions.StorageInternalError):
        raise
    except Exception as error:  # whatever a choice of settings leads to, no memory for it included, ends that one alone
        _give_up(trial, place, record, error)
    _write(place, record | {"state": "complete", "score": score, "checkpoint": CHECKPOINT, "seconds": fitted.seconds})
    return score


def _built(task: Task, plan: Plan, settings: dict[str, Any]) -> Net:
    """The trial's network, its first weights drawn from the plan's seed."""
    clips = task.train
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        return build(
            task.network, clips.classes, clips.input, clips.seconds, task.settings | settings, task.sample_rate
        )


def _report(trial: Trial, record: dict[str, Any], row: Row) -> None:
    """Tell the study of an epoch; it may give the trial up."""
    record["history"].append(row)
    with _whole():
        trial.report(_best(record["history"]), int(row["epoch"]))
        if trial.should_prune():
            trial.set_user_attr(REASON, f"below the median at epoch {row['epoch']}")
            raise optuna.TrialPruned


@contextmanager
def _whole() -> Iterator[None]:
    """Ctrl-C waits for the end of what is within: it would leave a transaction open, and the study locked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    usual = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if pressed:
            raise KeyboardInterrupt


def _best(history: list[Row]) -> float:
    return max((row["val_accuracy"] for row in history), default=0.0)


def _give_up(trial: Trial, place: Path, record: dict[str, Any], error: Exception) -> NoReturn:
    """End a trial that cannot be trained, and keep why; the search goes on."""
    reason = said(error)
    trial.set_user_attr(REASON, reason)
    failed = {"state": "failed", "reason": reason}
    if not isinstance(error, ValueError):
        failed["traceback"] = "".join(traceback.format_exception(error))
    _write(place, record | failed)
    raise optuna.TrialPruned from error


def said(error: BaseException) -> str:
    """An error in one line: what was foreseen in its own words, anything else by its kind too."""
    text = " ".join(str(error).split())[:300]
    return text if text and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {text}"


def _write(place: Path, record: dict[str, Any]) -> None:
    with written_whole(place / RECORD) as part:
        part.write_text(json.dumps(record, indent=2), encoding="utf-8")
