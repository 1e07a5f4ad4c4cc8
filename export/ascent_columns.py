"""Causal networks, column by column: the moving columns of a network whose earlier activations are fixed.

Earlier columns cannot change, so each layer keeps the last columns of its input as state. `OneColumn` moves the newest
column only, with the share of its history computed once, in matrix products alone; `Columns` moves several
(`lookahead_frames`), as convolutions over state and moving columns. Both give exactly the gradient of the whole window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .adjoints import Activation, Convolution
from .ascent_graph import Graph
from .ascent_steps import ascend


@dataclass(frozen=True)
class CausalLayer:
    """A convolution over the past and an activation; `taps` of `dilation` columns, the newest last."""

    name: str
    weight: NDArray[np.float32]
    """(filters, inputs, taps)"""
    bias: NDArray[np.float32]
    dilation: int
    activation: Activation

    @property
    def history(self) -> int:
        """Columns of input that it needs before the newest."""
        return (self.weight.shape[2] - 1) * self.dilation


@dataclass(frozen=True)
class CausalNetwork:
    """Layers in a row on (bands, columns), and a linear head on the mean over the last `context_frames` columns."""

    layers: tuple[CausalLayer, ...]
    head: NDArray[np.float32]
    """(classes, filters); no classes, no head"""
    head_bias: NDArray[np.float32]
    context_frames: int

    @property
    def bands(self) -> int:
        return int(self.layers[0].weight.shape[1])

    @property
    def receptive_frames(self) -> int:
        """Columns that the newest activation of the last layer depends on."""
        return 1 + sum(layer.history for layer in self.layers)

    @cached_property
    def states(self) -> dict[str, tuple[int, int]]:
        """Shape (inputs, columns) of each state for one channel."""
        kept = {layer.name: (layer.weight.shape[1], layer.history) for layer in self.layers if layer.history}
        if len(self.head) and self.context_frames > 1:
            kept["pool"] = (self.head.shape[1], self.context_frames - 1)
        return kept


class Moving(Protocol):
    """The moving columns of a network, in the layout that suits their number."""

    @property
    def prefix(self) -> str: ...
    @property
    def net(self) -> CausalNetwork: ...

    def activations(self, graph: Graph, offset: str) -> list[str]:
        """Every layer's output, in the chain's own layout."""
        ...

    def as_columns(self, graph: Graph, layer: int, y: str) -> str:
        """Output `y` of a layer as (channels, filters, columns)."""
        ...

    def gradient(self, graph: Graph, offset: str) -> str: ...
    def extent(self, graph: Graph) -> str: ...


def taps(graph: Graph, chain: Moving, steps: int) -> Iterator[tuple[str, str]]:
    """Write a chain; yield the name of each tap and its value (`dreampedal.engine.structure.outputs` lists them)."""
    net, prefix = chain.net, chain.prefix
    offsets = ascend(graph, chain, steps)
    yield from ((f"{prefix}_offset_{step}", offset) for step, offset in enumerate(offsets) if step)
    for step, offset in enumerate(offsets):
        heard = graph.op("Add", "features", offset)
        columns = [chain.as_columns(graph, n, y) for n, y in enumerate(chain.activations(graph, offset))]
        if step == 0:
            yield from ((f"{prefix}_y_{layer.name}", y) for layer, y in zip(net.layers, columns, strict=True))
            if len(net.head):
                yield f"{prefix}_logits", _logits(graph, net, columns[-1])
        inputs = dict(zip([*(layer.name for layer in net.layers), "pool"], [heard, *columns], strict=True))
        for name in net.states:
            kept = graph.slice(f"state_{name}", 2, 1)
            yield f"{prefix}_state_{step}_{name}", graph.op("Concat", kept, graph.slice(inputs[name], 2, 0, 1), axis=2)


def _logits(graph: Graph, net: CausalNetwork, last: str) -> str:
    if net.context_frames > 1:
        last = graph.slice(graph.op("Concat", "state_pool", last, axis=2), 2, -net.context_frames)
    mean = graph.op("ReduceMean", last, graph.constant([2]), keepdims=0)
    bias = graph.weight("head.bias", net.head_bias)
    return graph.op("Gemm", mean, graph.weight("head.weight", net.head), bias, transB=1)


def _injection(graph: Graph, net: CausalNetwork, layer: int, y: str, column: bool) -> str:
    """Gradient of the objective at a layer's output: u + v·y, and at the last layer what the head hands down."""
    name = net.layers[layer].name
    u, v = f"u_{name}", f"v_{name}"
    if layer == len(net.layers) - 1 and len(net.head):
        u = _with_classes(graph, net, u, column)
    if column:
        u, v = graph.reshape(u, [-1, 1]), graph.reshape(v, [-1, 1])
    return graph.op("Add", graph.op("Mul", y, v), u)


def _with_classes(graph: Graph, net: CausalNetwork, u: str, column: bool) -> str:
    """A layer counts by the mean of its T moving columns, the head by the mean of W: relative to the layers, T/W."""
    row = graph.reshape("classes", [1, -1])
    head = graph.weight("head.weight", net.head)
    if not column:
        return graph.op("Gemm", row, head, u, alpha=1 / net.context_frames)
    columns = graph.op("Cast", graph.slice(graph.op("Shape", "features"), 0, 2), to=1)
    share = graph.op("Mul", columns, graph.constant(1 / net.context_frames))
    return graph.op("Add", graph.op("Mul", graph.op("MatMul", row, head), share), u)


@dataclass(frozen=True)
class OneColumn:
    """The newest column alone: rows of filters, (channels, filters), and one matrix product a layer each way."""

    net: CausalNetwork
    prefix: str = "t1"

    def extent(self, graph: Graph) -> str:
        return graph.constant([self.net.bands, 1])

    def activations(self, graph: Graph, offset: str) -> list[str]:
        x, outputs = graph.reshape(offset, [-1, self.net.bands]), list[str]()
        for n, layer in enumerate(self.net.layers):
            z = graph.op("Gemm", x, self._newest(graph, layer), self._settled(graph, n), transB=1)
            outputs.append(x := layer.activation.forward(graph, z))
        return outputs

    def gradient(self, graph: Graph, offset: str) -> str:
        back, above = "", ""
        for n, y in reversed([*enumerate(self.activations(graph, offset))]):
            layer = self.net.layers[n]
            dy = _injection(graph, self.net, n, y, column=False)
            if back:
                dy = graph.op("Gemm", back, above, dy)
            back, above = layer.activation.adjoint(graph, "", y, dy), self._newest(graph, layer)
        return graph.reshape(graph.op("MatMul", back, above), [-1, self.net.bands, 1])

    def as_columns(self, graph: Graph, layer: int, y: str) -> str:
        return graph.reshape(y, [-1, self.net.layers[layer].weight.shape[0], 1])

    def _settled(self, graph: Graph, n: int) -> str:
        """What no step changes of a layer's sum: bias, history, and in the first layer the features themselves."""
        layer = self.net.layers[n]
        settled = graph.weight(f"{layer.name}.bias", layer.bias)
        if layer.history:
            taps = layer.weight.shape[2] - 1
            weight = graph.slice(graph.weight(f"{layer.name}.weight", layer.weight), 2, 0, taps)
            past = graph.slice(f"state_{layer.name}", 2, 0, stride=layer.dilation)
            inputs = layer.weight.shape[1] * taps
            rows, flat = graph.reshape(past, [-1, inputs]), graph.reshape(weight, [-1, inputs])
            settled = graph.op("Gemm", rows, flat, settled, transB=1)
        if n == 0:
            rows = graph.reshape("features", [-1, self.net.bands])
            settled = graph.op("Gemm", rows, self._newest(graph, layer), settled, transB=1)
        return settled

    def _newest(self, graph: Graph, layer: CausalLayer) -> str:
        """Weights of the newest tap, (filters, inputs)."""
        weight = graph.weight(f"{layer.name}.weight", layer.weight)
        return graph.reshape(graph.slice(weight, 2, -1), list(layer.weight.shape[:2]))


@dataclass(frozen=True)
class Columns:
    """Any number of moving columns: convolutions over what is fixed and what moves."""

    net: CausalNetwork
    prefix: str = "tn"

    def extent(self, graph: Graph) -> str:
        return graph.slice(graph.op("Shape", "features"), 0, 1)

    def activations(self, graph: Graph, offset: str) -> list[str]:
        x, outputs = graph.op("Add", "features", offset), list[str]()
        for layer in self.net.layers:
            if layer.history:
                x = graph.op("Concat", f"state_{layer.name}", x, axis=2)
            z = _convolution(layer).forward(graph, x)
            outputs.append(x := layer.activation.forward(graph, z))
        return outputs

    def gradient(self, graph: Graph, offset: str) -> str:
        back = ""
        for n, y in reversed([*enumerate(self.activations(graph, offset))]):
            layer = self.net.layers[n]
            dy = _injection(graph, self.net, n, y, column=True)
            if back:
                dy = graph.op("Add", back, dy)
            dz = layer.activation.adjoint(graph, "", y, dy)
            # The adjoint's first columns belong to the state, which does not move: they are cut off as padding is.
            moving = replace(_convolution(layer), pads=(layer.history, 0))
            back = moving.adjoint(graph, "", "", dz)
        return back

    def as_columns(self, graph: Graph, layer: int, y: str) -> str:
        return y


def _convolution(layer: CausalLayer) -> Convolution:
    return Convolution(layer.name, layer.weight, layer.bias, dilation=(layer.dilation,))
