"""Means, sums and maxima over whole axes."""

from __future__ import annotations

import numpy as np

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Reduction(Operator):
    """The mean or sum over axes; each value that it is over has the same share of the gradient."""

    kinds, writes = ("ReduceMean", "ReduceSum"), ("Expand", "Mul", "Shape")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        axes, kept = _reduced(self)
        count = int(np.prod([self.shape()[axis - 1] for axis in axes])) if self.kind == "ReduceMean" else 1
        share = graph.op("Mul", graph.reshape(dy[0], kept), graph.constant(1 / count))
        return [graph.op("Expand", share, graph.op("Shape", x[0]))]


class Maximum(Operator):
    """The maximum over axes, which hands its gradient to all that reach it, in equal shares."""

    kinds, writes = ("ReduceMax",), ("Cast", "Div", "Equal", "Mul", "ReduceSum")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        axes, kept = _reduced(self)
        reached = graph.op("Cast", graph.op("Equal", x[0], graph.reshape(y[0], kept)), to=1)
        count = graph.op("ReduceSum", reached, graph.constant(axes), keepdims=1)
        return [graph.op("Mul", reached, graph.op("Div", graph.reshape(dy[0], kept), count))]


def _reduced(operator: Operator) -> tuple[list[int], list[int]]:
    """The axes that a reduction is over, and the shape of its output with them kept as axes of size 1."""
    shape = operator.shape()
    axes = [axis % (len(shape) + 1) for axis in operator.weight(1).ravel().tolist()]
    if not axes or 0 in axes:
        raise operator.unfit("runs over the clips: expected axes within one")
    return axes, [-1, *(1 if axis + 1 in axes else size for axis, size in enumerate(shape))]
