"""The checkpoint of a student under training: what it is worth to go on from, whole or not there.

The two last are kept. One that is damaged or holds NaN is passed over with a warning: the training goes on from the one
before, and comes to the same end.
"""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.train.distil import standing

MEMORY = 0.98
"""Of the running means that are reported."""


@dataclass
class Kept:
    """Where a training stands: steps taken, the running mean of the weights, and running means of what is reported."""

    steps: int
    mean: dict[str, Tensor]
    reported: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def begun(cls, student: nn.Module) -> Kept:
        """Before the first step."""
        return cls(0, {name: tensor.clone() for name, tensor in student.state_dict().items()})

    @torch.no_grad()
    def follow(self, student: nn.Module, averaging: float, told: dict[str, float]) -> None:
        """One step further."""
        for name, tensor in student.state_dict().items():
            self.mean[name].lerp_(tensor, 1 - averaging)
        for name, value in told.items():
            self.reported[name] = MEMORY * self.reported.get(name, value) + (1 - MEMORY) * value
        self.steps += 1


def write(file: Path, identity: str, student: nn.Module, optimiser: torch.optim.Adam, kept: Kept) -> None:
    """Everything, in one file of safetensors."""
    kept.history.append({"step": kept.steps} | {name: round(value, 4) for name, value in kept.reported.items()})
    tensors = {f"now.{name}": tensor for name, tensor in student.state_dict().items()}
    tensors |= {f"mean.{name}": tensor for name, tensor in kept.mean.items()}
    for number, memory in optimiser.state_dict()["state"].items():
        tensors |= {f"memory.{number}.{name}": torch.as_tensor(value) for name, value in memory.items()}
    about = {
        "identity": identity, "steps": str(kept.steps), "reported": json.dumps(kept.reported),
        "history": json.dumps(kept.history),
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as part:
        part.write_bytes(safetensors.torch.save({name: one.contiguous() for name, one in tensors.items()}, about))
        if file.exists():
            os.replace(file, before(file))


def before(file: Path) -> Path:
    """Where the checkpoint before the newest lies."""
    return file.with_name(f"{file.stem}.before{file.suffix}")


def read(file: Path, identity: str, student: nn.Module, optimiser: torch.optim.Adam) -> Kept | None:
    """The last whole state, put into the student and the optimiser; None where there is none.

    Raises:
        ValueError: if it is another training's.
    """
    for place in (file, before(file)):
        if place.exists():
            try:
                about, tensors = standing.read(place)
            except standing.UnusableError as error:
                warnings.warn(f"{place} {error}: training goes on from its last whole state", stacklevel=3)
                continue
            if about.get("identity") != identity:
                raise standing.another(place)
            return _restored(about, tensors, student, optimiser)
    return None


def _restored(
    about: dict[str, str], tensors: dict[str, Tensor], student: nn.Module, optimiser: torch.optim.Adam
) -> Kept:
    student.load_state_dict(_under("now.", tensors))
    memory: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("memory.", tensors).items():
        number, _, what = name.partition(".")
        memory.setdefault(int(number), {})[what] = tensor
    optimiser.load_state_dict({"state": memory, "param_groups": optimiser.state_dict()["param_groups"]})
    return Kept(
        int(about["steps"]), _under("mean.", tensors), json.loads(about["reported"]), json.loads(about["history"])
    )


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
