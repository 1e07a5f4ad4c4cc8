"""Sums, products and expansions, whose inputs are spread over the shape of the output."""

from __future__ import annotations

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Sum(Operator):
    """a + b, or a - b."""

    kinds, writes = ("Add", "Sub"), ("Neg", "ReduceSum")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        second = graph.op("Neg", dy[0]) if self.kind == "Sub" else dy[0]
        return [_gathered(self, graph, 0, dy[0]), _gathered(self, graph, 1, second)]


class Product(Operator):
    """a·b; or a / b, where b does not depend on the clips."""

    kinds, writes = ("Mul", "Div"), ("ReduceSum",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        if self.kind == "Div":
            self.weight(1)
            return [_gathered(self, graph, 0, graph.op("Div", dy[0], x[1])), None]
        return [_gathered(self, graph, index, graph.op("Mul", dy[0], x[1 - index])) for index in (0, 1)]


class Expand(Operator):
    """The same numbers over and over."""

    kinds, writes = ("Expand",), ("ReduceSum",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        return [_gathered(self, graph, 0, dy[0])]


def _gathered(operator: Operator, graph: Graph, index: int, dy: str) -> str | None:
    """The gradient of an input that was spread over the output's shape: summed over what it was spread over."""
    value = operator.inputs[index]
    if value not in operator.values.moving:
        return None
    own, whole = operator.shape(value), operator.shape(operator.outputs[0])
    if len(own) != len(whole):
        raise operator.unfit(f"joins {own} and {whole}: expected as many axes")
    spread = [axis + 1 for axis, (size, full) in enumerate(zip(own, whole, strict=True)) if size != full]
    return graph.op("ReduceSum", dy, graph.constant(spread), keepdims=1) if spread else dy
