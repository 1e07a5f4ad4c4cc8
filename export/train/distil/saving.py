"""The checkpoint of a student under training: what it is worth to go on from, whole or not there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from dreampedal.engine.runtime.files import written_whole

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
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, about)


def read(file: Path, identity: str, student: nn.Module, optimiser: torch.optim.Adam) -> Kept | None:
    """What was written last, put into the student and the optimiser; None where there is nothing.

    Raises:
        ValueError: if it is another training's, or damaged.
    """
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(file, "pt") as stream:
            about = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{file}: damaged ({error}): remove it to begin anew") from None
    if about.get("identity") != identity:
        raise ValueError(f"{file}: is another training's: expected an empty folder, or the same settings")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ValueError(f"{file}: holds NaN or infinity: remove it to begin anew")
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
