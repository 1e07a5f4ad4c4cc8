"""One equation on the way back: what was written forward, and the gradients of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dreampedal.export.compile.adjoints import Operator
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.traced import Equation, Shape, Traced

Gradients = list[str | None]
"""By input; None for one that no gradient goes to."""


@dataclass(frozen=True)
class Step:
    """One equation on the way back."""

    graph: Graph
    trace: Traced
    names: Mapping[str, str]
    equation: Equation
    moving: set[str]
    known: Gradients
    """Of its outputs."""

    def unfit(self, reason: str) -> ValueError:
        """The error for what has no gradient here."""
        return ValueError(f"operator {self.equation.kind} at {self.equation.outputs[0]} {reason}")

    @property
    def dy(self) -> str:
        assert self.known[0] is not None
        return self.known[0]

    @property
    def x(self) -> str:
        return self.names[self.equation.inputs[0]]

    @property
    def y(self) -> str:
        return self.names[self.equation.outputs[0]]

    def shape(self, value: str | None = None) -> Shape:
        """Sizes of a value for one clip; the first input's if none is named."""
        sizes = self.trace.shapes.get(value or self.equation.inputs[0])
        if sizes is None or 0 in sizes:
            raise self.unfit("works on a shape that is not known before it runs")
        return sizes

    def weights(self, index: int) -> NDArray[Any]:
        """The weights that an input is; refused where it depends on the clips."""
        inputs = self.equation.inputs
        value = inputs[index] if index < len(inputs) else ""
        if value not in self.trace.weights:
            raise self.unfit("takes weights that depend on the clips: expected constants")
        return self.trace.weights[value]

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """An attribute."""
        return self.equation.attributes.get(name, otherwise)

    def by(self, operator: Operator) -> Gradients:
        """The adjoint of an operator of one input."""
        return [operator.adjoint(self.graph, self.x, self.y, self.dy)]
