"""What an operator is: one node of a network, how it is written forward, and the gradient on its way back.

A class stands for one operator of ONNX, or for a few that differ in a sign. It registers itself when its file is
imported, which `dreampedal.export.compile.operators` does for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpy.typing import NDArray

from dreampedal.export.compile.graph.writer import Graph

Names = Sequence[str]
"""Of values in a graph: the inputs or outputs of an operator, "" for one left out."""

Gradients = Sequence[str | None]
"""Names of the gradients by input; None for an input that none goes to."""

Shape = tuple[int, ...]
"""Sizes of a value for one clip: all but the first."""

REGISTERED: list[type[Operator]] = []
"""Every operator that a network may hold."""


@dataclass(frozen=True)
class Values:
    """What is known of the values of a traced network, by the names that they have there."""

    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    moving: frozenset[str] = frozenset()
    """Those that depend on the clips."""


@dataclass(frozen=True)
class Operator:
    """One operator of a network. Unless a class says otherwise it is written forward as it was read, with no adjoint.

    Fields:
        kind: the name of the operator in ONNX.
        attributes: of its node.
        inputs, outputs: names in the traced network.
        values: what is known of them.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    """Operators of ONNX that are read as this class."""
    writes: ClassVar[tuple[str, ...]] = ()
    """Operators of ONNX that it is written with beside `kinds`, forward and back."""

    kind: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    values: Values = Values()

    def __init_subclass__(cls) -> None:
        REGISTERED.append(cls)

    def forward(self, graph: Graph, x: Names) -> str:
        """Write y = f(x); the name of the first output, as `Graph.op` gives it."""
        return graph.op(self.kind, *x, outputs=len(self.outputs), **self.attributes)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        """Write the gradient with respect to each input, given inputs, outputs, and the gradient at each output.

        Raises:
            ValueError: that names the operator, where it has no adjoint.
        """
        known = sorted(kind for cls in REGISTERED if cls.adjoint is not Operator.adjoint for kind in cls.kinds)
        raise self.unfit(f"has no adjoint here: expected one of {', '.join(known)}")

    def unfit(self, reason: str) -> ValueError:
        """The error for what has no gradient here."""
        return ValueError(f"operator {self.kind} at {self.outputs[0]} {reason}")

    def shape(self, value: str | None = None) -> Shape:
        """Sizes of a value for one clip; the first input's if none is named."""
        sizes = self.values.shapes.get(value or self.inputs[0])
        if sizes is None or 0 in sizes:
            raise self.unfit("works on a shape that is not known before it runs")
        return sizes

    def axis(self, axis: int) -> int:
        """An axis counted from the first, which may not be that of the clips."""
        axis %= len(self.shape()) + 1
        if axis == 0:
            raise self.unfit("joins or cuts clips: expected to act within one")
        return axis

    def weight(self, index: int) -> NDArray[Any]:
        """The weights that an input is; refused where it depends on the clips."""
        value = self.inputs[index] if index < len(self.inputs) else ""
        if value not in self.values.weights:
            raise self.unfit("takes weights that depend on the clips: expected constants")
        return self.values.weights[value]

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, otherwise)


def operator_class(kind: str) -> type[Operator]:
    """The class of an operator of ONNX; for one that nobody registered, a class that only writes it forward."""
    return next((cls for cls in REGISTERED if kind in cls.kinds), Operator)
