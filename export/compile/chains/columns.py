"""Causal networks, column by column: the moving columns of a network whose earlier activations are fixed.

Earlier columns cannot change, so each layer keeps the last columns of its input as state, and the share of that history
in a layer's sum is computed once a hop. The steps move the newest columns only: one, or a few that look ahead. All is
matrix products on rows, one row a column and channel, so that weights stay packed; a tap that reaches further back than
the first moving column takes no part. The gradient is exactly that of the whole window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.compile.chains.steps import Chain, ascend, swapped
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.operators import Operator


@dataclass(frozen=True)
class CausalLayer:
    """A convolution over the past and an activation; `taps` `dilation` columns apart, the newest last."""

    name: str
    weight: NDArray[np.float32]
    """(filters, inputs, taps)"""
    bias: NDArray[np.float32]
    dilation: int
    activation: Operator

    @property
    def filters(self) -> int:
        return int(self.weight.shape[0])

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[1])

    @property
    def taps(self) -> int:
        return int(self.weight.shape[2])

    @property
    def history(self) -> int:
        """Columns of input that it needs before the newest."""
        return (self.taps - 1) * self.dilation


@dataclass(frozen=True)
class CausalNetwork:
    """Layers in a row on (bands, columns), and a linear head on the mean over the last `context_frames` columns."""

    layers: tuple[CausalLayer, ...]
    head: NDArray[np.float32]
    """(classes, filters); no classes, no head"""
    head_bias: NDArray[np.float32]
    context_frames: int
    prefix: str = ""
    """Of the names of what is its own beside that of others in one graph; its layers' names begin with it too."""

    @property
    def bands(self) -> int:
        return self.layers[0].inputs

    @property
    def pool(self) -> str:
        """Name of the state that holds the last layer's columns."""
        return f"{self.prefix}pool"

    @cached_property
    def states(self) -> dict[str, tuple[int, int]]:
        """Shape (columns, inputs) of each state for one channel, the newest column last."""
        kept = {layer.name: (layer.history, layer.inputs) for layer in self.layers if layer.history}
        if len(self.head) and self.context_frames > 1:
            kept[self.pool] = (self.context_frames - 1, self.head.shape[1])
        return kept


class Moving(Chain, Protocol):
    """A chain on moving columns: of one network, or of several."""

    @property
    def prefix(self) -> str:
        """Of the names of its outputs."""
        ...

    @property
    def parts(self) -> Sequence[MovingColumns]:
        """The networks that it is made of."""
        ...

    def logits(self, graph: Graph, offset: str) -> str | None:
        """Write the logits (channels, classes); None where there are no classes."""
        ...


def outputs(graph: Graph, chain: Moving, steps: int) -> Iterator[tuple[str, str]]:
    """Write a chain; yield the name of each output and its value (`engine.model.format.interface` lists them)."""
    prefix = chain.prefix
    offsets = ascend(graph, chain, steps)
    yield from ((f"{prefix}_offset_{step}", swapped(graph, offset)) for step, offset in enumerate(offsets) if step)
    if logits := chain.logits(graph, offsets[0]):
        yield f"{prefix}_logits", logits
    for part in chain.parts:
        for layer, y in zip(part.net.layers, part.activations(graph, offsets[0]), strict=True):
            yield f"{prefix}_y_{layer.name}", swapped(graph, y)
        names = [*(layer.name for layer in part.net.layers), part.net.pool]
        for step, offset in enumerate(offsets):
            moving = graph.op("Add", swapped(graph, "features"), offset)
            inputs = dict(zip(names, [moving, *part.activations(graph, offset)], strict=True))
            for name in part.net.states:
                kept, newest = graph.slice(f"state_{name}", 1, 1), graph.slice(inputs[name], 1, 0, 1)
                yield f"{prefix}_state_{step}_{name}", graph.op("Concat", kept, newest, axis=1)


@dataclass(frozen=True)
class MovingColumns:
    """The `columns` newest columns, or any number of them (None), as rows (channels · columns, filters)."""

    net: CausalNetwork
    columns: int | None = 1

    @property
    def prefix(self) -> str:
        return f"t{self.columns or 'n'}"

    @property
    def parts(self) -> tuple[MovingColumns]:
        return (self,)

    def extent(self, graph: Graph) -> str:
        return graph.op("Concat", self._count(graph), graph.constant([self.net.bands]), axis=0)

    def layers(self, graph: Graph, offset: str) -> list[tuple[str, str]]:
        """Input and output of every layer's activation, in rows."""
        y, found = graph.reshape(offset, [-1, self.net.bands]), list[tuple[str, str]]()
        for n, layer in enumerate(self.net.layers):
            live = self._live(layer)
            weight = _tap_by_tap(graph, layer, layer.taps - live, layer.taps)
            spread = self._spread(graph, y, layer, layer.inputs, live, forward=True)
            x = graph.op("Gemm", spread, weight, self._fixed_share(graph, n), transB=1)
            found.append((x, y := layer.activation.forward(graph, [x])))
        return found

    def activations(self, graph: Graph, offset: str) -> list[str]:
        """What every layer answers, (channels, columns, filters)."""
        return [self._rows(graph, y, self.net.layers[n].filters) for n, (_, y) in enumerate(self.layers(graph, offset))]

    def logits(self, graph: Graph, offset: str) -> str | None:
        net = self.net
        if not len(net.head):
            return None
        last = self.activations(graph, offset)[-1]
        if net.context_frames > 1:
            last = graph.slice(graph.op("Concat", f"state_{net.pool}", last, axis=1), 1, -net.context_frames)
        mean = graph.op("ReduceMean", last, graph.constant([1]), keepdims=0)
        bias = graph.weight(f"{net.prefix}head.bias", net.head_bias)
        return graph.op("Gemm", mean, self._head(graph), bias, transB=1)

    def gradient(self, graph: Graph, offset: str, slope: str | None = None) -> str:
        """Write the gradient at `features` + `offset`; rows both.

        Args:
            slope: the gradient of the objective at the logits, (channels, classes), or (1, classes) for every channel;
                by default what the input `classes` asks for.
        """
        if slope is None and len(self.net.head):
            slope = graph.reshape("classes", [1, -1])
        back = above = ""
        for n, (x, y) in reversed([*enumerate(self.layers(graph, offset))]):
            layer = self.net.layers[n]
            dy = self._injection(graph, n, y, slope)
            if back:
                dy = graph.op("Gemm", back, above, dy)
            [dx] = layer.activation.adjoint(graph, [x], [y], [dy])
            assert dx is not None
            live = self._live(layer)
            back = self._spread(graph, dx, layer, layer.filters, live, forward=False)
            above = _newest_first(graph, layer, live)
        return self._rows(graph, graph.op("MatMul", back, above), self.net.bands)

    def _live(self, layer: CausalLayer) -> int:
        """Taps, counted from the newest, that reach from one moving column to another."""
        return layer.taps if self.columns is None else min(layer.taps, (self.columns - 1) // layer.dilation + 1)

    def _injection(self, graph: Graph, n: int, y: str, slope: str | None) -> str:
        """Gradient of the objective at a layer's output: u + v·y, and at the last layer what the head hands down.

        A layer counts by the mean of its T moving columns, the head by the mean of W: relative to the layers, T/W.
        """
        name = self.net.layers[n].name
        u = f"u_{name}"
        if n == len(self.net.layers) - 1 and slope:
            rows = self._per_row(graph, slope)
            if self.columns is None:
                rows = graph.op("Mul", rows, graph.op("Cast", self._count(graph), to=1))
            share = (self.columns or 1) / self.net.context_frames
            u = graph.op("Gemm", rows, self._head(graph), u, alpha=share)
        return graph.op("Add", graph.op("Mul", y, f"v_{name}"), u)

    def _per_row(self, graph: Graph, slope: str) -> str:
        """(channels, classes) for every moving column of them, (channels · columns, classes); one for all stays one."""
        classes = len(self.net.head)
        if self.columns == 1 or slope == graph.reshape("classes", [1, -1]):
            return slope
        extent = graph.op("Concat", self._count(graph), graph.constant([classes]), axis=0)
        wide = graph.op("Expand", graph.op("Unsqueeze", slope, graph.constant([1])), extent)
        return graph.reshape(wide, [-1, classes])

    def _head(self, graph: Graph) -> str:
        return graph.weight(f"{self.net.prefix}head.weight", self.net.head)

    def _fixed_share(self, graph: Graph, n: int) -> str:
        """What no step changes of a layer's sum: bias, history, and in the first layer the features themselves."""
        layer = self.net.layers[n]
        bias = graph.weight(f"{layer.name}.bias", layer.bias)
        if n == 0:
            known = [f"state_{layer.name}"] if layer.history else []
            past, taps = graph.op("Concat", *known, swapped(graph, "features"), axis=1), layer.taps
        elif layer.history:
            past, taps = f"state_{layer.name}", layer.taps - 1
        else:
            return bias
        rows = self._taken(graph, past, layer.history, n == 0, np.arange(taps) * layer.dilation, layer.inputs)
        return graph.op("Gemm", rows, _tap_by_tap(graph, layer, 0, taps), bias, transB=1)

    def _spread(self, graph: Graph, x: str, layer: CausalLayer, width: int, live: int, forward: bool) -> str:
        """Beside each row, those that `live` taps join it with: earlier ones going forward, later ones going back."""
        if live == 1:
            return x
        reach = np.arange(live) - (live - 1) * forward
        return self._taken(graph, self._rows(graph, x, width), 0, True, reach * layer.dilation, width)

    def _taken(self, graph: Graph, x: str, fixed: int, moves: bool, reach: NDArray[np.int64], width: int) -> str:
        """Columns t + reach of `x` (channels, columns, width) side by side for each moving column t, zeros beyond it.

        `x` has `fixed` columns, and the moving ones too if it `moves`. A product with ones and zeros picks them, which
        beats copying.
        """
        if self.columns is not None:
            there = np.arange(fixed + self.columns * moves)
            picked = np.arange(self.columns)[:, np.newaxis, np.newaxis] + reach[:, np.newaxis] == there
            picks = graph.constant(picked.reshape(-1, there.size).astype(np.float32))
        else:
            zero, one = graph.constant(0), graph.constant(1)
            count = graph.reshape(self._count(graph), [])
            size = graph.op("Add", graph.constant(fixed), count) if moves else graph.constant(fixed)
            known = graph.op("Range", zero, size, one)
            places = graph.reshape(graph.op("Range", zero, count, one), [-1, 1, 1])
            picked = graph.op("Equal", graph.op("Add", places, graph.constant(reach[:, np.newaxis])), known)
            shape = graph.op("Concat", graph.constant([-1]), graph.reshape(size, [1]), axis=0)
            picks = graph.op("Reshape", graph.op("Cast", picked, to=1), shape)
        return graph.reshape(graph.op("MatMul", picks, x), [-1, reach.size * width])

    def _rows(self, graph: Graph, x: str, width: int) -> str:
        """(channels · columns, width) as (channels, columns, width)."""
        if self.columns is not None:
            return graph.reshape(x, [-1, self.columns, width])
        shape = graph.op("Concat", graph.constant([-1]), self._count(graph), graph.constant([width]), axis=0)
        return graph.op("Reshape", x, shape)

    def _count(self, graph: Graph) -> str:
        """The number of moving columns, shape (1,)."""
        if self.columns is not None:
            return graph.constant([self.columns])
        return graph.slice(graph.op("Shape", "features"), 0, 2)


def _tap_by_tap(graph: Graph, layer: CausalLayer, first: int, last: int) -> str:
    """Weights of the taps from `first` up to `last`, the oldest first: (filters, taps · inputs)."""
    weight = graph.slice(graph.weight(f"{layer.name}.weight", layer.weight), 2, first, last)
    return graph.reshape(graph.transpose(weight, 0, 2, 1), [layer.filters, (last - first) * layer.inputs])


def _newest_first(graph: Graph, layer: CausalLayer, live: int) -> str:
    """Weights of the `live` newest taps, the newest first: (taps · filters, inputs)."""
    weight = graph.slice(graph.weight(f"{layer.name}.weight", layer.weight), 2, -1, -1 - live, -1)
    return graph.reshape(graph.transpose(weight, 2, 0, 1), [live * layer.filters, layer.inputs])
