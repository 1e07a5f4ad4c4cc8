"""Teachers that are model files: networks of the kind `ascent`, read back into torch from the weights in the file.

What is amplified of them is what a dream on them amplifies: the energy of a filter or of a whole layer, or a class. A
file has its normalisation folded into its weights, so that what is read here hears log bands as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.kinds import AnyManifest
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.structure import read_model
from dreampedal.engine.model.targets import parse
from dreampedal.export.nets.causal import Network
from dreampedal.export.nets.listeners.layouts import BANDS, Layout

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MOST_HISTORY = 40
"""Frames that a teacher may look back: sounds are judged by few more."""
LEAST_ENERGY = 1e-6
"""Added to energies before their logarithm: a filter that is still is not infinitely far from one that sounds."""
ACTIVATIONS = {"Elu": ("elu", 1.0), "LeakyRelu": ("leaky_relu", 0.1)}
"""Operators of activations, what `Network` calls them, and the only slope it has."""


@dataclass(frozen=True)
class Teacher:
    """A model file as somebody who hears.

    Fields:
        name, content_hash: of the model; path: of its file.
        layout: of the bands that it hears; network: it, in evaluation mode, its weights fixed.
    """

    name: str
    content_hash: str
    path: Path
    layout: Layout
    network: Network

    @property
    def classes(self) -> tuple[str, ...]:
        """Of its head."""
        return self.network.classes

    @cached_property
    def filters(self) -> dict[str, int]:
        """How many filters each of its layers has."""
        return {name: block.conv.out_channels for name, block in self.network.blocks.items()}

    def knows(self, target: str) -> bool:
        """Whether it has a class, a layer or a filter of that text: "class:flute", "conv2", "conv3:5"."""
        layer, _, part = target.partition(":")
        if layer == "class":
            return part in self.classes
        return layer in self.filters and (not part or (part.isdecimal() and int(part) < self.filters[layer]))

    def hears(self, targets: Sequence[str]) -> Hears:
        """It as a network that says how much it hears of each of some targets that it knows."""
        for target in targets:
            if not self.knows(target):
                raise unknown(target, [self])
        return Hears(self.network, targets)


class Hears(nn.Module):
    """How much a teacher hears of each target: log probability of a class, log energy of a layer or a filter.

    Energy means something only against another: of the same sound before, in the same room.
    """

    def __init__(self, network: Network, targets: Sequence[str]) -> None:
        super().__init__()
        self.network, self.targets = network, tuple(targets)

    def forward(self, features: Tensor) -> Tensor:
        """Log bands (n, bands, frames), more of them than its history, to (n, targets)."""
        layers, x = dict[str, Tensor](), self.network.normalised(features)
        for name, block in self.network.layers.items():
            layers[name] = x = block(x)
        named = torch.log_softmax(self.network.head(x.mean(-1)), -1) if self.network.classes else x
        return torch.stack([self._of(target, layers, named) for target in self.targets], 1)

    def _of(self, target: str, layers: dict[str, Tensor], named: Tensor) -> Tensor:
        layer, _, part = target.partition(":")
        if layer == "class":
            return named[:, self.network.classes.index(part)]
        y = layers[layer][:, int(part)] if part else layers[layer]
        return torch.log(0.5 * y.square().flatten(1).mean(1) + LEAST_ENERGY)


def read_teacher(path: str | Path) -> Teacher:
    """The teacher in a model file.

    Raises:
        ModelError: that names the file and what of it is not known here. A ValueError.
    """
    model, manifest = read_model(path)
    if not isinstance(manifest, Manifest) or manifest.kind != "ascent" or manifest.runs_on != "columns":
        raise ModelError(path, "kind", _kind(manifest), "an ascent model that runs on columns")
    network = _network(path, model, manifest)
    if network.history_frames > MOST_HISTORY:
        raise ModelError(path, "its history", f"{network.history_frames} frames", f"{MOST_HISTORY} or fewer")
    bands = manifest.bands
    name = f"bands{bands.low_hz:g}_{bands.high_hz:g}_{manifest.window}_{manifest.hop}_"
    layout = Layout(name, bands.count, bands.low_hz, bands.high_hz, window=manifest.window, hop=manifest.hop)
    if layout == Layout(name, *_placed(BANDS), window=BANDS.window, hop=BANDS.hop):
        layout = BANDS
    return Teacher(manifest.name, manifest.content_hash, Path(path), layout, network)


def asked(texts: Sequence[str]) -> tuple[str, ...]:
    """Every class, layer and filter that stands in some target expressions, once each.

    A student that is taught them can be asked for any mixture of them, so that weights do not matter here.

    >>> asked(["conv3:5 + 3*class:flute", "conv3:5"])
    ('conv3:5', 'class:flute')

    Raises:
        ValueError: where a text cannot be read, or a weight is not above 0.
    """
    found: dict[str, None] = {}
    for text in texts:
        for weight, layer, part in parse(text).terms:
            atom = layer if part is None else f"{layer}:{part}"
            if weight <= 0:
                raise ValueError(f"target '{text}': weight {weight:g} of {atom}: a student is taught weights above 0")
            found[atom] = None
    return tuple(found)


def unknown(target: str, teachers: Sequence[Teacher], others: Sequence[str] = ()) -> ValueError:
    """What to say of a target that nobody knows; it names those there are.

    Args:
        others: classes that are known besides.
    """
    classes = dict.fromkeys([*others, *(name for teacher in teachers for name in teacher.classes)])
    layers = dict.fromkeys(
        f"{name}:0 to {name}:{count - 1}" for teacher in teachers for name, count in teacher.filters.items()
    )
    there = [*(f"class:{name}" for name in classes), *layers]
    hint = "" if teachers else "; --teacher MODEL brings its layers, filters and classes"
    return ValueError(f"target '{target}': nobody knows it: there are {', '.join(there)}{hint}")


def _placed(layout: Layout) -> tuple[int, float, float]:
    return layout.count, layout.low_hz, layout.high_hz


def _kind(manifest: AnyManifest) -> str:
    return f"{manifest.kind} on the {manifest.runs_on}" if isinstance(manifest, Manifest) else manifest.kind


def _network(path: str | Path, model: ModelProto, manifest: Manifest) -> Network:
    """The network whose weights the graph holds under the names of its layers."""
    from onnx.numpy_helper import to_array

    weights = {one.name: torch.from_numpy(to_array(one).copy()) for one in model.graph.initializer if "." in one.name}
    kernels, dilations, kinds = set[int](), list[int](), set[str]()
    for layer in manifest.layers:
        weight = _weight(path, weights, f"{layer.name}.weight")
        if weight.ndim != 3 or weight.shape[0] != layer.filters:
            raise ModelError(path, f"{layer.name}.weight", f"of shape {tuple(weight.shape)}", "a convolution over time")
        history, taps = manifest.states.get(layer.name, (0, 0))[0], int(weight.shape[2])
        kernels.add(taps)
        dilations.append(history // (taps - 1) if taps > 1 else 1)
        kinds.add(_activation(path, model, layer.name))
    names = [layer.name for layer in manifest.layers]
    if names != [f"conv{n + 1}" for n in range(len(names))] or len(kernels) != 1 or len(kinds) != 1:
        found = f"{', '.join(names)} of kernels {sorted(kernels)} with {', '.join(sorted(kinds))}"
        raise ModelError(path, "its layers", found, "conv1, conv2, ... of one kernel and one activation")
    network = Network(
        manifest.bands.count, manifest.classes, [layer.filters for layer in manifest.layers], kernels.pop(), dilations,
        kinds.pop(), batch_norm=False, context_frames=manifest.context_frames,
    )  # fmt: skip
    with torch.no_grad():
        network.mean.zero_()
        network.std.fill_(1.0)
    mine = {f"layers.{name}.conv.{part}": weights[f"{name}.{part}"] for name in names for part in ("weight", "bias")}
    mine |= {f"head.{part}": _weight(path, weights, f"head.{part}") for part in ("weight", "bias") if manifest.classes}
    own = network.state_dict()
    for name, value in mine.items():
        if value.shape != own[name].shape:
            raise ModelError(path, name, f"of shape {tuple(value.shape)}", f"{tuple(own[name].shape)}")
    network.load_state_dict(own | mine)
    return network.eval().requires_grad_(False)


def _weight(path: str | Path, weights: dict[str, Tensor], name: str) -> Tensor:
    if name not in weights:
        raise ModelError(path, f"weights '{name}'", "missing", "a network of causal convolutions and a head")
    return weights[name]


def _activation(path: str | Path, model: ModelProto, layer: str) -> str:
    """What `Network` calls the activation of a layer: the first node behind the products that its bias goes into."""
    takers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    at = f"{layer}.bias"
    while products := [one for one in takers.get(at, ()) if one.op_type == "Gemm" and one.input[2:3] == [at]]:
        at = products[0].output[0]
    for node in takers.get(at, ()):
        if node.op_type in ACTIVATIONS:
            name, slope = ACTIVATIONS[node.op_type]
            own = 1.0 if node.op_type == "Elu" else 0.01
            found = next((one.f for one in node.attribute if one.name == "alpha"), own)
            if abs(found - slope) > 1e-6:
                raise ModelError(path, f"slope of {node.op_type} in {layer}", f"{found:g}", f"{slope:g}")
            return name
    found = ", ".join(sorted({node.op_type for node in takers.get(at, ())})) or "none"
    raise ModelError(path, f"activation of {layer}", found, " or ".join(ACTIVATIONS))
