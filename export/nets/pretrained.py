"""Published weights of image networks, read from a local file.

    net = build("vgg19", classes)
    load_weights(net, "vgg19.safetensors")

The names are those of the state dictionaries that everybody publishes for these networks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.export.nets.inception import InceptionV3
from dreampedal.export.nets.vgg19 import Vgg19

PUBLISHED = "vgg19", "inception_v3"
"""Networks that have published weights."""

OURS = ("mean", "std")
"""Buffers that no published file knows."""


def check_published(network: str) -> None:
    """A ValueError for a network of which no weights are published."""
    if network not in PUBLISHED:
        raise ValueError(
            f"{network} has no published weights: expected {' or '.join(PUBLISHED)}, or none to begin with"
        )


@torch.no_grad()
def load_weights(net: Vgg19 | InceptionV3, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read trained weights into a network, by the names under which they are published.

    The last dense layer is read too where the file has as many classes as the network; otherwise it keeps its fresh
    weights. A second head in the file is passed over by a network that was built without one.

    Args:
        path: a state dictionary, as .safetensors, or as torch writes it (read with `weights_only`: no code in it runs).

    Returns:
        Names of the layers that kept their fresh weights.

    Raises:
        ModelError: if the file cannot be read, or a tensor in it is missing, unknown, of another shape, or not finite;
            the network is then as it was. A ValueError.
        OSError: if there is no such file.
    """
    found, expected = _read(Path(path)), net.state_dict()
    if isinstance(net, InceptionV3) and not net.settings.auxiliary:
        found = {name: tensor for name, tensor in found.items() if not name.startswith("AuxLogits.")}
    fresh = tuple(head for head in net.heads if _differs(head, found, expected))
    read = {}
    for name, ours in expected.items():
        # The count of batches serves no trained network, and older files have none.
        if name in OURS or name.rpartition(".")[0] in fresh or (name not in found and name.endswith("_tracked")):
            continue
        if name not in found:
            raise ModelError(path, f"tensor {name}", "missing", f"a state dictionary of {net.name}")
        tensor = found[name]
        if tensor.shape != ours.shape:
            raise ModelError(path, f"tensor {name}", f"of shape {tuple(tensor.shape)}", f"{tuple(ours.shape)}")
        if not tensor.isfinite().all():
            raise ModelError(path, f"tensor {name}", "partly NaN or infinite", "finite numbers")
        read[name] = tensor
    if unknown := [name for name in found if name not in expected]:
        raise ModelError(path, f"tensor {unknown[0]}", "there", f"none of that name, as {net.name} has none")
    net.load_state_dict(read, strict=False)
    return fresh


def _differs(head: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    """Whether the file's head is for another number of classes on the same inputs."""
    name = f"{head}.weight"
    if name not in found or name not in expected or found[name].ndim != 2:
        return False
    return found[name].shape[1] == expected[name].shape[1] and found[name].shape[0] != expected[name].shape[0]


def _read(path: Path) -> dict[str, Tensor]:
    """The state dictionary in a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch's unpickler fails on damage in a dozen ways
        reason = str(error).partition("\n")[0]
        raise ModelError(
            path, "the file", f"unreadable ({reason:.120})", "tensors in safetensors, or as torch.save writes them"
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise ModelError(path, "its content", type(found).__name__, "a dictionary of tensors by name")
    return found
