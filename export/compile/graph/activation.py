"""Activations: functions of each number by itself, on columns, windows and waveforms alike.

A file and its line in `dreampedal.export.compile.operators` add one: the torch module that it is, and its derivative.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from dreampedal.export.compile.graph.operator import REGISTERED, Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Activation(Operator):
    """A function of each number by itself."""

    module: ClassVar[type[nn.Module]]
    """The same in torch."""
    settings: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Attributes of the node, and torch's name of each."""

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        """Write f'(x), where y = f(x)."""
        raise NotImplementedError

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        return [graph.op("Mul", dy[0], self.derivative(graph, x[0], y[0]))]


def activations() -> list[type[Activation]]:
    """Every activation, in the order in which they register."""
    return [cls for cls in REGISTERED if issubclass(cls, Activation) and cls is not Activation]


def activation_of(module: nn.Module) -> Activation | None:
    """The activation that a torch module is, or None."""
    for cls in activations():
        if isinstance(module, cls.module):
            return cls(cls.__name__, {name: getattr(module, theirs) for name, theirs in cls.settings})
    return None
