"""What the file of a checkpoint holds, checked before a training goes on with it.

The file is read without running anything in it; but whoever wrote it, its values may be of any type and any size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, model_validator
from torch import Tensor, nn

from dreampedal.export.train.fit.schedule import Course

FORMAT = 2
"""Raised whenever a file of another form, or of another meaning, is written."""

COLUMNS = (
    "epoch", "learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds",
)  # fmt: skip
"""Of a row of the history."""

MEMORIES: dict[str, tuple[set[str], ...]] = {
    "sgd": (set(), {"momentum_buffer"}), "adamw": ({"step", "exp_avg", "exp_avg_sq"},),
}  # fmt: skip
"""What an optimiser remembers of each weight."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Weights = dict[str, Tensor]


class Saved(BaseModel):
    """Where a training stood.

    Fields:
        identity: of the training (`checkpoints.identity`); epoch: the last one, from 1; history: a row of `COLUMNS` for
            each epoch.
        network, mean, best: weights by name: as they are trained, their running mean (None where there is none), and
            those of the best epoch.
        memory: what the optimiser remembers, by the number of the weight.
        course: what the schedule remembers; steps: taken so far; seconds: spent so far.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    format: Literal[2] = 2
    identity: Json[dict[str, Any]]
    epoch: Annotated[int, Field(ge=1)]
    history: list[dict[str, int | Finite]]
    network: Weights
    mean: Weights | None
    best: Weights
    memory: dict[int, dict[str, Tensor | None]]
    course: Course
    steps: Annotated[int, Field(ge=0)]
    seconds: Annotated[Finite, Field(ge=0)]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Saved:
        if [row.get("epoch") for row in self.history] != list(range(1, self.epoch + 1)):
            raise ValueError(f"a history of the epochs 1 to {self.epoch}")
        if any(set(row) != set(COLUMNS) for row in self.history):
            raise ValueError(f"a history with the columns {', '.join(COLUMNS)}")
        course = self.course
        if not 1 <= course.best_epoch <= self.epoch or min(course.cuts, course.waited, course.idle) < 0:
            raise ValueError(f"a course with a best epoch from 1 to {self.epoch}, and counts from 0")
        return self

    def check_fits(self, file: Path, net: nn.Module, averaged: bool, optimiser: str) -> None:
        """A ValueError for the first number that is missing, too many, of another kind, or not finite."""
        expected = net.state_dict()
        for what, found in (("network", self.network), ("mean", self.mean), ("best", self.best)):
            if (found is None) != (what == "mean" and not averaged):
                raise _damaged(file, what, "missing" if found is None else "there", "as the plan has it")
            for name in (*expected, *found) if found is not None else ():
                _check_tensor(file, f"{what}.{name}", (found or {}).get(name), expected.get(name))
        weights = [weight for weight in net.parameters() if weight.requires_grad]
        for place, remembered in self.memory.items():
            if not 0 <= place < len(weights) or set(remembered) not in MEMORIES[optimiser]:
                names = ", ".join(sorted(remembered)) or "empty"
                raise _damaged(file, f"memory.{place}", names, f"what {optimiser} remembers of a weight")
            for name, tensor in remembered.items():
                if tensor is not None or name != "momentum_buffer":
                    like = torch.zeros(()) if name == "step" else weights[place]
                    _check_tensor(file, f"memory.{place}.{name}", tensor, like)


def saved_in(file: Path, state: Any) -> Saved:
    """The contents of a checkpoint's file.

    Raises:
        ValueError: if they are something else, or of another version's format.
    """
    if not isinstance(state, dict) or "format" not in state:
        raise ValueError(f"{file} is no checkpoint of a training: give another folder")
    if not isinstance(state["format"], int) or state["format"] != FORMAT:
        found = f"{state['format']!r:.40}"
        raise ValueError(f"{file}: format is {found}: expected {FORMAT}; give another folder, to begin anew")
    try:
        return Saved.model_validate(state)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "what it holds"
        found = "missing" if first["type"] == "missing" else type(first["input"]).__name__
        raise _damaged(file, field, found, first["msg"].removeprefix("Value error, ")) from None


def _check_tensor(file: Path, name: str, found: Tensor | None, expected: Tensor | None) -> None:
    if found is None or expected is None or (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise _damaged(file, name, _kind(found), _kind(expected))
    if not _dense(found):
        raise _damaged(file, name, "not a number at each of its places", _kind(expected))
    if found.is_floating_point() and not bool(found.isfinite().all()):
        raise _damaged(file, name, "NaN or infinite somewhere", "finite numbers")


def _dense(tensor: Tensor) -> bool:
    """Whether each place has a number of its own: none is left out, none shared, and they are there at all."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        return False
    return all(step or length < 2 for length, step in zip(tensor.shape, tensor.stride(), strict=True))


def _kind(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _damaged(file: Path, name: str, found: str, expected: str) -> ValueError:
    said = " ".join(f"{file} is damaged: {name} is {found}: expected {expected}".split())
    return ValueError(f"{said}; give another folder, or remove the file to begin anew")
