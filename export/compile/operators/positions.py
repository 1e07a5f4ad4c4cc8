"""What joins, cuts, picks and pads along an axis."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Concat(Operator):
    """Values one behind the other."""

    kinds, writes = ("Concat",), ("Slice",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        axis = self.axis(self.setting("axis"))
        sizes = [self.shape(value)[axis - 1] for value in self.inputs]
        return [graph.slice(dy[0], axis, *ends) for ends in pairwise(accumulate(sizes, initial=0))]


class Split(Operator):
    """A value in parts."""

    kinds, writes = ("Split",), ("Concat",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        return [graph.op("Concat", *dy, axis=self.axis(self.setting("axis", 0)))]


class Slice(Operator):
    """Neighbouring positions."""

    kinds, writes = ("Slice",), ("Pad",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        starts, ends = (self.weight(index).ravel() for index in (1, 2))
        axes = self.weight(3).ravel() if len(self.inputs) > 3 else np.arange(len(starts))
        if len(self.inputs) > 4 and set(self.weight(4).ravel().tolist()) != {1}:
            raise self.unfit("strides: expected neighbouring positions")
        back = dy[0]
        for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
            size = self.shape()[self.axis(axis) - 1]
            first, last, _ = slice(start, end).indices(size)
            back = _padded(graph, back, self.axis(axis), first, size - last)
        return [back]


class Gather(Operator):
    """One position, whose axis goes."""

    kinds, writes = ("Gather",), ("Pad", "Unsqueeze")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        place, axis = self.weight(1), self.axis(self.setting("axis", 0))
        if place.ndim:
            raise self.unfit("picks several positions: expected one")
        size = self.shape()[axis - 1]
        back, at = graph.op("Unsqueeze", dy[0], graph.constant([axis])), int(place) % size
        return [_padded(graph, back, axis, at, size - at - 1)]


class Pad(Operator):
    """Zeros beside what is there."""

    kinds, writes = ("Pad",), ("Slice",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        pads = self.weight(1).ravel().tolist()
        axes = self.weight(3).ravel().tolist() if len(self.inputs) > 3 else list(range(len(pads) // 2))
        if self.setting("mode", b"constant") not in (b"constant", "constant") or min(pads) < 0:
            raise self.unfit("mirrors or cuts: expected zeros beside what is there")
        back = dy[0]
        for axis, before in zip(axes, pads[: len(axes)], strict=True):
            if axis % (len(self.shape()) + 1):
                size = self.shape()[self.axis(axis) - 1]
                back = graph.slice(back, self.axis(axis), before, before + size)
        return [back]


def _padded(graph: Graph, x: str, axis: int, before: int, after: int) -> str:
    """Zeros before and after `x` along an axis."""
    if before == after == 0:
        return x
    return graph.op("Pad", x, graph.constant([before, after]), graph.constant(0.0), graph.constant([axis]))
