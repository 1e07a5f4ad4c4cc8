"""The same numbers in another shape or order."""

from __future__ import annotations

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Reshape(Operator):
    """Another shape, or one with axes of size 1 more or less."""

    kinds = "Reshape", "Squeeze", "Unsqueeze"

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        return [graph.reshape(dy[0], [-1, *self.shape()])]


class Transpose(Operator):
    """Another order of axes."""

    kinds = ("Transpose",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        axes = list(self.setting("perm", range(len(self.shape()), -1, -1)))
        return [graph.transpose(dy[0], *(axes.index(axis) for axis in range(len(axes))))]


class Identity(Operator):
    """The same as it is."""

    kinds = ("Identity",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        return dy


class Shape(Operator):
    """The sizes of a value, which no gradient goes through."""

    kinds = ("Shape",)
