"""Checkpoints of a training: everything that the next epoch depends on, in one file, replaced whole.

A kill at any moment leaves the last whole checkpoint; going on from it gives the weights, bit for bit, that an
uninterrupted training would have given. What is random in an epoch is drawn from the plan's seed and the epoch's
number alone, so that no generator's state has to be caught in mid-flight.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from dreampedal.engine.files import written_whole

from .plan import Plan

if TYPE_CHECKING:
    from ..sets.clips import Clips

NAME = "training.pt"
FORMAT = 1


def identity(net: nn.Module, train: Clips, val: Clips, plan: Plan) -> dict[str, Any]:
    """What a training is of: network, clips and plan, in plain values that two trainings can be compared by."""
    settings = getattr(net, "settings", None)
    return {
        "network": {
            "name": getattr(net, "name", type(net).__name__),
            "settings": settings.model_dump(mode="json") if hasattr(settings, "model_dump") else settings,
            "weights": {name: list(value.shape) for name, value in net.state_dict().items()},
        },
        "plan": plan.lasting(),
        "training clips": content(train),
        "validation clips": content(val),
    }  # fmt: skip


def content(clips: Clips) -> dict[str, Any]:
    """What tells one set of clips from another, at no great cost: counts, labels, a hash of some of the features."""
    digest = hashlib.sha256()
    for part in (clips.labels, clips.groups):
        digest.update(np.ascontiguousarray(part).tobytes())
    for place in np.unique(np.linspace(0, len(clips) - 1, 32).astype(int)):
        digest.update(np.ascontiguousarray(clips.x[int(place)]).tobytes())
    return {
        "count": len(clips),
        "classes": list(clips.classes),
        "input": clips.input.model_dump(mode="json"),
        "content": digest.hexdigest(),
    }


def write(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint.

    Raises:
        OSError: if it cannot be written, as on a full disk; the checkpoint before it is still there.
    """
    whole = io.BytesIO()
    torch.save({"format": FORMAT, **state}, whole)
    target = folder / NAME
    try:
        with written_whole(target) as part, part.open("wb") as file:
            file.write(whole.getbuffer())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        kept = "the last whole checkpoint is kept" if target.exists() else "there is no checkpoint yet"
        raise OSError(error.errno, f"{error.strerror} (epoch {state['epoch']}; {kept})", str(target)) from None


def read(folder: Path, expected: dict[str, Any]) -> dict[str, Any] | None:
    """The folder's checkpoint, or None where none is.

    Args:
        expected: the `identity` of the training that would go on.

    Raises:
        ValueError: if the file is no checkpoint, or one of another network, other clips or another plan.
    """
    target = folder / NAME
    if not target.exists():
        return None
    try:
        state = torch.load(target, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch's unpickler fails on damage in a dozen ways
        reason = (str(error).splitlines() or [""])[0][:120]
        raise ValueError(f"{target} is no checkpoint of a training ({reason}): give another folder") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"{target} is no checkpoint of a training: give another folder")
    check_same(target, json.loads(state["identity"]), expected)
    return state


def check_same(file: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """A ValueError for the first value by which what a file began with differs from what is wanted now."""
    for name, found_here, wanted in _differences(found, json.loads(json.dumps(expected))):
        raise ValueError(
            f"{file}: {name} is {found_here}: expected {wanted}; go on as it began, or give another folder"
        )


def remove_parts(folder: Path) -> None:
    """Remove what writing left behind when it was killed."""
    for part in folder.glob(".*.part*"):
        part.unlink(missing_ok=True)


def _differences(found: Any, expected: Any, name: str = "") -> Any:
    """Every value that differs between two trees of plain values: (name, found, expected)."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted({*found, *expected}):
            yield from _differences(found.get(key), expected.get(key), f"{name}.{key}" if name else key)
    elif found != expected:
        yield name, json.dumps(found)[:80], json.dumps(expected)[:80]
