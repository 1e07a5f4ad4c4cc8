"""What the files of all networks on clips share: the network as it stands, and its golden vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.golden import noise
from dreampedal.engine.model.format.inputs import BandImage, Envelope, Input, LogBands, Mel, shape_of
from dreampedal.export.compile.golden import Response
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.trace import Trace, trace
from dreampedal.export.nets.net import listening


@runtime_checkable
class Net(Protocol):
    """What an exporter needs to know of a network (`dreampedal.export.nets` has them)."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def input(self) -> Input: ...
    @property
    def seconds(self) -> float: ...

    def layers(self) -> dict[str, nn.Module]:
        """Modules whose outputs a target can name, in order."""
        ...

    def __call__(self, x: Tensor) -> Tensor:
        """Clips (n, rows, columns) to logits (n, classes)."""
        ...


SEEDS = 1, 2
"""Of the golden takes."""


def range_of(input: Input) -> tuple[float, float]:
    """The range in which the values of an input lie, nearly."""
    match input:
        case Mel():
            return (-13.0, 5.0) if input.compression == "log" else (0.0, 5.0)
        case LogBands():
            return float(input.bands.floor_db * np.log(10) / 20), 0.0
        case Envelope():
            return float(input.floor_db * np.log(10) / 20), 0.0
        case BandImage():
            return 0.0, 1.0
    return -0.5, 0.5


def traced(net: Net) -> tuple[Trace, tuple[int, int]]:
    """A network as operators, and the shape of its clips.

    Raises:
        ValueError: for weights that are no numbers, and for what cannot be written.
    """
    assert isinstance(net, nn.Module)
    net.eval().cpu()
    for name, values in (*net.named_parameters(), *net.named_buffers()):
        if not torch.isfinite(values).all():
            raise ValueError(f"{name} of {type(net).__name__} holds NaN or infinity: expected trained weights")
    shape = shape_of(net.input, net.seconds, getattr(getattr(net, "task", None), "sample_rate", 44_100))
    found = trace(net, torch.as_tensor(golden_clips(net.input, shape, SEEDS[0])), net.layers())
    if found.values.shapes[found.logits] != (len(net.classes),):
        raise ValueError(f"{len(net.classes)} classes for a network of {found.values.shapes[found.logits]} outputs")
    return found, shape


def graph_outputs(graph: Graph, trace: Trace, names: Mapping[str, str]) -> dict[str, str]:
    """The value behind each output, logits and layers; `names` as `trace.forward` gave them."""
    values = {"logits": names[trace.logits]}
    for layer, value in trace.layers.items():
        values[f"y_{layer}"] = graph.reshape(names[value], [0, trace.filters[layer], trace.positions(layer)])
    return values


def golden_clips(input: Input, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Clips of noise within the range of an input."""
    return noise(shape, seed, *range_of(input))


def forward(net: Net, x: Tensor) -> Response:
    """Activations (n, filters, *positions) by layer, and logits, by torch alone."""
    with listening(net.layers()) as outputs:
        logits = net(x)
    return {name: y if y.ndim > 2 else y[:, :, None] for name, y in outputs.items()}, logits


def take(input: Input, seed: int, given: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """A golden take as JSON has it (`dreampedal.engine.model.format.golden` reads it)."""
    low, high = range_of(input)
    return {"seed": seed, "low": low, "high": high, "given": dict(given), "expected": dict(expected)}
