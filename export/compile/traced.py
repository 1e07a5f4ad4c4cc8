"""Any torch network as a list of plain equations, forward and adjoint, by way of PyTorch's own ONNX exporter.

The exporter follows the network once, folds its batch norms into the convolutions behind which they stand, and gives a
graph of standard operators. Each of these becomes an equation of ours, written into a graph as often as wanted: once to
listen, or with its adjoint to climb a gradient.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference
from torch import Tensor, nn

from dreampedal.export.compile.golden import listening
from dreampedal.export.compile.graph import OPSET, Graph

Shape = tuple[int, ...]
"""Sizes of a value for one clip: all but the first."""


@dataclass(frozen=True)
class Equation:
    """One operator: names of its inputs ("" for one left out) and outputs, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Traced:
    """A network as equations in the order in which they can be computed, from the input "x"."""

    equations: tuple[Equation, ...]
    weights: Mapping[str, NDArray[np.generic]]
    shapes: Mapping[str, Shape]
    """Of every value that depends on the clips."""
    logits: str
    layers: Mapping[str, str]
    """The value behind each layer's output, by the layer's name."""

    @property
    def filters(self) -> dict[str, int]:
        """Filters of each layer."""
        return {layer: self.shapes[value][0] for layer, value in self.layers.items()}

    def positions(self, layer: str) -> int:
        """Positions of a layer's output for each filter."""
        return int(np.prod(self.shapes[self.layers[layer]][1:], dtype=np.int64))

    def forward(self, graph: Graph, x: str, climbs: bool = False) -> dict[str, str]:
        """Write every equation on the value `x`; the names in `graph` of every value.

        With `climbs`, maxima are written with the places where they were found, which their adjoints need.
        """
        names = {"x": x, "": ""}
        for name, values in self.weights.items():
            small = values.dtype.kind in "iub" or values.ndim == 0
            names[name] = graph.constant(values) if small else graph.weight(name, values)
        for equation in self.equations:
            given = [names[name] for name in equation.inputs]
            count = 2 if climbs and equation.kind == "MaxPool" else len(equation.outputs)
            first = graph.op(equation.kind, *given, outputs=count, **equation.attributes)
            for index, name in enumerate(equation.outputs):
                names[name] = f"{first}_{index}" if index else first
        return names


def traced(network: nn.Module, clips: Tensor, layers: Mapping[str, nn.Module]) -> Traced:
    """Follow a network on `clips` (at least 2, rows, columns); it is in evaluation from here on.

    Args:
        layers: modules whose outputs are layers, each a tensor (clips, filters, ...).

    Raises:
        ValueError: if the network cannot be followed, with the exporter's reason in one line.
    """
    program = _followed(_Tapped(network.eval().cpu(), layers).eval(), clips)
    model = shape_inference.infer_shapes(program)
    graph = model.graph
    called = _weight_names(graph)
    weights = {called.get(tensor.name, tensor.name): _plain(tensor) for tensor in graph.initializer}
    known = (*graph.value_info, *graph.input, *graph.output)
    shapes = {value.name: _shape(value) for value in known}
    equations = tuple(
        Equation(
            node.op_type,
            tuple(called.get(name, name) for name in node.input),
            tuple(node.output),
            {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute},
        )
        for node in graph.node
    )
    ends = [value.name for value in graph.output]
    return Traced(equations, weights, shapes, ends[0], dict(zip(layers, ends[1:], strict=True)))


class _Tapped(nn.Module):
    """A network that also returns what its layers put out."""

    def __init__(self, network: nn.Module, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.network, self.layers = network, dict(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        with listening(self.layers) as heard:
            logits = self.network(x)
        return (logits, *(_tensor(name, heard.get(name)) for name in self.layers))


def _followed(tapped: _Tapped, clips: Tensor) -> onnx.ModelProto:
    loudness = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                tapped, (clips,), dynamo=True, optimize=True, verbose=False, opset_version=OPSET,
                input_names=["x"], dynamic_shapes=({0: torch.export.Dim("N", min=2)},),
            )  # fmt: skip
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(f"{type(tapped.network).__name__} cannot be written as ONNX: {reason}") from error
    finally:
        logging.getLogger("torch.onnx").setLevel(loudness)
    assert program is not None
    return program.model_proto


def _tensor(name: str, output: object) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim < 2:
        raise ValueError(f"layer {name} puts out {type(output).__name__}: expected one tensor (clips, filters, ...)")
    return output


def _weight_names(graph: onnx.GraphProto) -> dict[str, str]:
    """A name that ends in ".weight" for every matrix and kernel that has none: so do layers and adjoints share it."""
    held = {tensor.name for tensor in graph.initializer}
    products = {node.input[1] for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")}
    return {name: f"{name.removesuffix('.weight')}.weight" for name in sorted(products & held)}


def _plain(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    """Weights as float32, and whatever counts as it is."""
    values = numpy_helper.to_array(tensor)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _shape(value: onnx.ValueInfoProto) -> Shape:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value for size in sizes[1:])
