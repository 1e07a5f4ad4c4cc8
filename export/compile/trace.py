"""Any torch network as a row of operators, by way of PyTorch's own ONNX exporter.

The exporter follows the network once, folds its batch norms into the convolutions behind which they stand, and gives a
graph of standard operators. Each is written into a graph as often as wanted: forward alone, or with its adjoint to
climb a gradient.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference
from torch import Tensor, nn

from dreampedal.export.compile.graph.writer import OPSET, Graph
from dreampedal.export.compile.operators import Operator, Values, operator_class
from dreampedal.export.nets.net import listening


@dataclass(frozen=True)
class Trace:
    """A network as operators in the order in which they can be computed, from the input "x"."""

    operators: tuple[Operator, ...]
    values: Values
    logits: str
    layers: Mapping[str, str]
    """The value behind each layer's output, by the layer's name."""

    @property
    def classes(self) -> int:
        """How many logits a clip has."""
        return self.values.shapes[self.logits][0]

    @property
    def filters(self) -> dict[str, int]:
        """Filters of each layer."""
        return {layer: self.values.shapes[value][0] for layer, value in self.layers.items()}

    def positions(self, layer: str) -> int:
        """Positions of a layer's output for each filter."""
        return int(np.prod(self.values.shapes[self.layers[layer]][1:], dtype=np.int64))

    def forward(self, graph: Graph, x: str) -> dict[str, str]:
        """Write every operator on the value `x`; the names in `graph` of every value."""
        names = {"x": x, "": ""}
        for name, values in self.values.weights.items():
            small = values.dtype.kind in "iub" or values.ndim == 0
            names[name] = graph.constant(values) if small else graph.weight(name, values)
        for operator in self.operators:
            first = operator.forward(graph, [names[name] for name in operator.inputs])
            for index, name in enumerate(operator.outputs):
                names[name] = f"{first}_{index}" if index else first
        return names


def trace(network: nn.Module, clips: Tensor, layers: Mapping[str, nn.Module]) -> Trace:
    """Follow a network on `clips` (at least 2, rows, columns); it is in evaluation from here on.

    Args:
        layers: modules whose outputs are layers, each a tensor (clips, filters, ...).

    Raises:
        ValueError: if the network cannot be followed, with the exporter's reason in one line.
    """
    exported = _exported(_WithLayers(network.eval().cpu(), layers).eval(), clips)
    graph = shape_inference.infer_shapes(exported).graph
    moving = {"x"}
    for node in graph.node:
        if node.op_type != "Shape" and moving.intersection(node.input):
            moving.update(node.output)
    values = Values(
        weights={tensor.name: _plain(tensor) for tensor in graph.initializer},
        shapes={value.name: _shape(value) for value in (*graph.value_info, *graph.input, *graph.output)},
        moving=frozenset(moving),
    )
    operators = tuple(
        operator_class(node.op_type)(
            node.op_type,
            {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute},
            tuple(node.input),
            tuple(node.output),
            values,
        )
        for node in graph.node
    )
    logits, *outputs = (value.name for value in graph.output)
    return Trace(operators, values, logits, dict(zip(layers, outputs, strict=True)))


class _WithLayers(nn.Module):
    """A network that also returns what its layers put out."""

    def __init__(self, network: nn.Module, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.network, self.layers = network, dict(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        with listening(self.layers) as outputs:
            logits = self.network(x)
        return (logits, *(_tensor(name, outputs.get(name)) for name in self.layers))


def _exported(network: _WithLayers, clips: Tensor) -> onnx.ModelProto:
    loudness = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network, (clips,), dynamo=True, optimize=True, verbose=False, opset_version=OPSET,
                input_names=["x"], dynamic_shapes=({0: torch.export.Dim("N", min=2)},),
            )  # fmt: skip
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(f"{type(network.network).__name__} cannot be written as ONNX: {reason}") from error
    finally:
        logging.getLogger("torch.onnx").setLevel(loudness)
    assert program is not None
    return program.model_proto


def _tensor(name: str, output: object) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim < 2:
        raise ValueError(f"layer {name} puts out {type(output).__name__}: expected one tensor (clips, filters, ...)")
    return output


def _plain(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    """Weights as float32, and whatever counts as it is."""
    values = numpy_helper.to_array(tensor)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value for size in sizes[1:])
