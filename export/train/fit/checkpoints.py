"""Checkpoints of a training: everything that the next epoch depends on, in one file, replaced whole.

A kill at any moment leaves the last whole checkpoint; going on from it gives the weights, bit for bit, that an
uninterrupted training would have given (on the CPU; see `plan`). What is random in an epoch is drawn from the plan's
seed and the epoch's number alone, so that no generator's state has to be caught in mid-flight.

A training goes on only as it began: its `identity` is in the file, and has to be that of the training that goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.clips import Clips
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.saved import FORMAT, Saved, saved_in

NAME = "training.pt"
READ_BYTES = 2**24
"""Of clips that are hashed at once."""


def identity(
    net: nn.Module,
    train: Clips,
    val: Clips,
    plan: Plan,
    change: Callable[..., Any] | None = None,
    normalise: bool = True,
) -> dict[str, Any]:
    """What a training is of, in plain values that two trainings can be compared by.

    That is all that its weights depend on, but for the machine, the device and the number of processes: network, first
    weights, plan, both sets of clips, and what is done to the features. Of a function that changes them only its name
    is known.

    Args:
        net: with its first weights.
        change, normalise: as `fitting.fit` takes them.
    """
    settings: Any = getattr(net, "settings", None)
    return {
        "network": {
            "name": getattr(net, "name", type(net).__name__),
            "settings": settings.model_dump(mode="json") if hasattr(settings, "model_dump") else settings,
            "weights": {name: list(value.shape) for name, value in net.state_dict().items()},
        },
        "plan": plan.lasting(),
        "training clips": content(train),
        "validation clips": content(val),
        "change of features": named(change),
        "normalise": normalise,
        "first weights": content_of_weights(net),
    }  # fmt: skip


def content(clips: Clips) -> dict[str, Any]:
    """What tells one set of clips from another: counts, classes, input, and a hash of all features and labels."""
    digest = hashlib.sha256()
    for part in (clips.labels.astype(np.int64), clips.groups.astype(np.int64), clips.changed):
        digest.update(np.ascontiguousarray(part).tobytes())
    at_once = max(1, READ_BYTES // max(1, int(np.prod(clips.x.shape[1:])) * clips.x.dtype.itemsize))
    for first in range(0, len(clips), at_once):
        digest.update(np.ascontiguousarray(clips.x[first : first + at_once]).data)
    return {
        "count": len(clips),
        "classes": list(clips.classes),
        "input": clips.input.model_dump(mode="json"),
        "seconds": clips.seconds,
        "content": digest.hexdigest()[:32],
    }


def content_of_weights(net: nn.Module) -> str:
    """A hash of a network's weights and statistics, with their names."""
    digest = hashlib.sha256()
    for name, value in net.state_dict().items():
        held = value.detach().cpu().contiguous()
        digest.update(f"{name} {held.dtype} {tuple(held.shape)}\n".encode())
        digest.update(held.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


def named(function: Callable[..., Any] | None) -> str | None:
    """A function by module and name; an object that is called, by its type."""
    if function is None:
        return None
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"{kind.__module__}.{kind.__qualname__}"


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


def read(folder: Path, expected: dict[str, Any]) -> Saved | None:
    """The folder's checkpoint, or None where none is.

    Args:
        expected: the `identity` of the training that would go on.

    Raises:
        ValueError: if the file is no checkpoint, is damaged, or is one of another training; it says in what.
        OSError: if it cannot be read.
    """
    target = folder / NAME
    if not target.exists():
        return None
    whole = io.BytesIO(target.read_bytes())
    try:
        state = torch.load(whole, map_location="cpu", weights_only=True)
    except Exception as error:  # torch fails on damage in a dozen ways, some of them named as a disk's
        reason = (str(error).splitlines() or [""])[0][:120]
        raise ValueError(f"{target} is no checkpoint of a training ({reason}): give another folder") from None
    saved = saved_in(target, state)
    check_same(target, saved.identity, expected)
    return saved


def check_same(file: Path, found: Any, expected: dict[str, Any]) -> None:
    """A ValueError for the first value by which what a file began with differs from what is wanted now."""
    for name, found_here, wanted in _differences(found, json.loads(json.dumps(expected))):
        raise ValueError(
            f"{file}: {name or 'what began'} is {found_here}: expected {wanted}; go on as it began, or give another "
            "folder"
        )


def remove_parts(folder: Path) -> None:
    """Remove what writing left behind when it was killed."""
    for part in folder.glob(".*.part*"):
        part.unlink(missing_ok=True)


def _differences(found: Any, expected: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Every value that differs between two trees of plain values, in the order of what is expected."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in (*expected, *(key for key in found if key not in expected)):
            yield from _differences(found.get(key), expected.get(key), f"{name}.{key}" if name else key)
    elif found != expected:
        yield name, json.dumps(found)[:80], json.dumps(expected)[:80]
