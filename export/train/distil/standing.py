"""Where a training of so many steps stands, kept so that a kill at any moment costs a few steps and changes no bit.

The two last whole states lie in a folder. One that cannot be used (cut short, or with NaN in it) is passed over with a
warning: the training goes on from the one before, and comes to the same end.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Generator, Tensor, nn

from dreampedal.engine.runtime.files import written_whole

NEWEST, BEFORE = "training", "before"
MOST_SKIPPED = 20
"""Steps in a row whose loss is no number, at which a training gives up."""


@dataclass
class Standing:
    """All that the next step depends on.

    Fields:
        nets: by name; optimiser: over their weights.
        random, rng: from which the training draws; torch's own generator, that dropout draws from, is kept too.
        steps: taken so far; skipped: the last so many had a loss that is no number.
    """

    nets: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    random: Generator
    rng: np.random.Generator
    steps: int = 0
    skipped: int = 0

    def down(self, loss: Tensor, rate: float, clip_norm: float) -> bool:
        """One step down the gradient of a loss at a learning rate; counted, and False, where it is no number.

        Such a step leaves all weights as they were, and a warning says so.

        Raises:
            ValueError: after `MOST_SKIPPED` of them in a row.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(weights, clip_norm)
        self.steps += 1
        if sound := math.isfinite(float(loss.detach())) and math.isfinite(float(norm)):
            self.optimiser.step()
            self.skipped = 0
            return sound
        self.skipped += 1
        if self.skipped == MOST_SKIPPED:
            raise ValueError(
                f"the loss is no number in {MOST_SKIPPED} steps in a row, up to step {self.steps}: "
                "remove sounds that are silent or damaged, or take another seed"
            )
        warnings.warn(f"the loss of step {self.steps} is no number: it changes nothing, training goes on", stacklevel=2)
        return sound

    def write(self, folder: Path, name: str, identity: str) -> None:
        """Keep it as the newest state, and what was the newest as the one before.

        Raises:
            OSError: if it cannot be written, as on a full disk; both states before are still there.
        """
        about = {
            "identity": identity, "steps": str(self.steps), "skipped": str(self.skipped),
            "rng": json.dumps(self.rng.bit_generator.state),
        }  # fmt: skip
        newest = _file(folder, name, NEWEST)
        try:
            with written_whole(newest) as part:
                part.write_bytes(safetensors.torch.save(dict(self._tensors()), about))
                if newest.exists():
                    os.replace(newest, _file(folder, name, BEFORE))
        except OSError as error:
            kept = "the state before is kept" if _file(folder, name, BEFORE).exists() or newest.exists() else "none yet"
            raise OSError(error.errno, f"{error.strerror} (step {self.steps}; {kept})", str(newest)) from None

    def resume(self, folder: Path, name: str, identity: str) -> bool:
        """Go on from the newest state that is whole; False where there is none.

        Raises:
            ValueError: if what lies there is another training's.
        """
        for place in (NEWEST, BEFORE):
            file = _file(folder, name, place)
            if not file.exists():
                continue
            try:
                self._restore(file, identity)
            except UnusableError as error:
                warnings.warn(f"{file} {error}: training goes on from its last whole state", stacklevel=2)
                continue
            return True
        return False

    def _restore(self, file: Path, identity: str) -> None:
        about, found = read(file)
        if about.get("identity") != identity:
            raise another(file)
        expected = dict(self._tensors())
        memory = {name: found.pop(name) for name in list(found) if name.startswith("optimiser.")}
        wanted = {name: value for name, value in expected.items() if not name.startswith("optimiser.")}
        if {n: (v.shape, v.dtype) for n, v in found.items()} != {n: (v.shape, v.dtype) for n, v in wanted.items()}:
            raise UnusableError("holds other weights than this training has")
        state = self.optimiser.state_dict()
        state["state"] = _remembered(memory)
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        for number, of_weight in state["state"].items():
            for value in of_weight.values():
                if number >= len(weights) or value.shape not in (torch.Size([]), weights[number].shape):
                    raise UnusableError("holds another optimiser's memory")
        try:
            self.rng.bit_generator.state = json.loads(about["rng"])
            steps, skipped = int(about["steps"]), int(about["skipped"])
        except (KeyError, TypeError, ValueError):
            raise UnusableError("does not say where it stood") from None
        for place, net in self.nets.items():
            net.load_state_dict({name: found[f"{place}.{name}"] for name in net.state_dict()})
        self.optimiser.load_state_dict(state)
        self.random.set_state(found["random.own"])
        torch.set_rng_state(found["random.torch"])
        self.steps, self.skipped = steps, skipped

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for place, net in self.nets.items():
            for name, value in net.state_dict().items():
                yield f"{place}.{name}", value.detach().contiguous()
        for number, memory in self.optimiser.state_dict()["state"].items():
            for name, value in memory.items():
                yield f"optimiser.{number}.{name}", torch.as_tensor(value).contiguous()
        yield "random.own", self.random.get_state()
        yield "random.torch", torch.get_rng_state()


class UnusableError(ValueError):
    """Why a state cannot be gone on from, as the end of a sentence that begins with its file."""


def remove(folder: Path, name: str) -> None:
    """Both states, and what a kill left half written: the training has come to its end."""
    for place in (NEWEST, BEFORE):
        _file(folder, name, place).unlink(missing_ok=True)
    for part in folder.glob(f".{name}.*.part*"):
        part.unlink(missing_ok=True)


def another(file: Path) -> ValueError:
    """What to say of a file of another training."""
    return ValueError(f"{file}: is another training's: expected an empty folder, or the same settings")


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises `UnusableError` for weights that are no numbers."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise UnusableError(f"holds NaN or infinity in {name}")


def read(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What a file of weights says of itself, and the weights; `UnusableError` if it is damaged or holds NaN."""
    try:
        with safetensors.safe_open(file, "pt") as stream:
            found = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            about = dict(stream.metadata() or {})
    except safetensors.SafetensorError as error:
        raise UnusableError(f"is cut short or damaged ({error})") from None
    require_finite(found)
    return about, found


def _remembered(memory: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for key, value in memory.items():
        _, number, name = key.split(".", 2)
        found.setdefault(int(number), {})[name] = value
    return found


def _file(folder: Path, name: str, place: str) -> Path:
    return folder / f"{name}.{place}.safetensors"
