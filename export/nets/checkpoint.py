"""Checkpoints: a network's numbers and what it is, in one file of safetensors with JSON metadata.

    save(net, "soft_or_metal.safetensors", history=history)
    net = load("soft_or_metal.safetensors")

A file is checked against what it says of itself before a number of it is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import safetensors
import safetensors.torch
import torch
from pydantic import Field, JsonValue, ValidationError
from torch import Tensor

from dreampedal.engine.model.format.inputs import Input
from dreampedal.engine.model.format.manifest import METADATA_KEY, Label, ModelError, Strict
from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build

StrPath = str | os.PathLike[str]


class Description(Strict):
    """What a checkpoint says of its network; `extra` is the caller's own."""

    format: Literal[1] = 1
    name: Label
    classes: tuple[Label, ...]
    input: Input
    seconds: Annotated[float, Field(gt=0)]
    sample_rate: Annotated[int, Field(gt=0)]
    settings: dict[str, JsonValue]
    extra: dict[str, JsonValue] = Field(default_factory=dict)


def save(net: Net, path: StrPath, **extra: Any) -> None:
    """Write a network; the file appears whole or not at all.

    Args:
        extra: what else to keep, as JSON can hold it (history, plan, scores).

    Raises:
        ValueError: if a number of the network is not finite, or `extra` is nothing that JSON can hold.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    _check_finite(path, tensors)
    try:
        text = _description(net, json.loads(json.dumps(extra, allow_nan=False))).model_dump_json()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {', '.join(extra)} cannot be kept as JSON ({error})") from None
    with written_whole(Path(path)) as part:
        part.write_bytes(safetensors.torch.save(tensors, {METADATA_KEY: text}))  # a full disk is an OSError of its own


def load(path: StrPath) -> Net:
    """The network in a checkpoint, ready to play; torch's generator is left as it is.

    Raises:
        ModelError: if the file is no whole checkpoint, or holds other numbers than its network needs. A ValueError.
        OSError: if it cannot be read.
    """
    about, tensors = described(path), _tensors(path)
    try:
        with torch.device("meta"):
            net = build(about.name, about.classes, about.input, about.seconds, about.settings, about.sample_rate)
    except (ValueError, RuntimeError) as error:  # RuntimeError: sizes beyond all memory
        raise ModelError(path, "its network", error, "a network of the table, with settings that fit") from None
    _check_fits(path, net, tensors)
    net.load_state_dict(tensors, assign=True)
    return net.eval()


def described(path: StrPath) -> Description:
    """What a checkpoint says of its network, without its numbers.

    Raises:
        ModelError: if the file is no whole checkpoint.
    """
    with _opened(path) as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise ModelError(path, "metadata", "missing", "a checkpoint that DreamPedal has saved")
    try:
        return Description.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(("metadata", *(str(part) for part in first["loc"])))
        expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise ModelError(path, field, f"{first['input']!r:.80}", expected) from None


def absent(path: Path) -> str:
    """What to say of a checkpoint that is not there: a training keeps one, or can be ended, in the folder beside it."""
    run = path.parent / f"{path.stem}_run"
    if (run / "checkpoint.safetensors").is_file():
        return f"{path}: no such file; that training wrote {run / 'checkpoint.safetensors'}"
    if (run / "training.pt").is_file():
        return f"{path}: no such file; the command that began {run} ends that training and writes it"
    return f"{path}: no such file; expected what training saved (.safetensors)"


def _description(net: Net, extra: dict[str, JsonValue]) -> Description:
    return Description(
        name=net.name,
        classes=net.classes,
        input=net.input,
        seconds=net.seconds,
        sample_rate=net.task.sample_rate,
        settings=net.settings.model_dump(mode="json"),
        extra=extra,
    )


def _opened(path: StrPath) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(absent(Path(path)))
    try:
        return safetensors.safe_open(path, framework="pt")
    except safetensors.SafetensorError as error:
        raise ModelError(
            path, "the file", f"cut short or no checkpoint ({error})", "a whole safetensors file"
        ) from None


def _tensors(path: StrPath) -> dict[str, Tensor]:
    with _opened(path) as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118


def _check_fits(path: StrPath, net: Net, found: Mapping[str, Tensor]) -> None:
    """A ModelError unless the tensors are those of the network, all finite."""
    expected = net.state_dict()
    for name in (*expected, *found):
        field = f"tensor {name}"
        if name not in found:
            raise ModelError(path, field, "missing", f"it, as {net.name} has it")
        if name not in expected:
            raise ModelError(path, field, _kind(found[name]), f"no such tensor, as {net.name} has none")
        if _kind(found[name]) != _kind(expected[name]):
            raise ModelError(path, field, _kind(found[name]), f"{_kind(expected[name])}, as {net.name} has it")
    _check_finite(path, found)
    _check_divisors(path, found)


def _check_divisors(path: StrPath, tensors: Mapping[str, Tensor]) -> None:
    """A ModelError where features would be divided by zero, or by less, in hearing them."""
    for name, tensor in tensors.items():
        if name.rpartition(".")[2] == "std" and (bad := int((tensor <= 0).sum())):
            raise ModelError(path, f"tensor {name}", f"{bad} times 0 or less", "standard deviations above 0")


def _check_finite(path: StrPath, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and (bad := int((~tensor.isfinite()).sum())):
            raise ModelError(path, f"tensor {name}", f"{bad} times NaN or infinite", "finite numbers")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
