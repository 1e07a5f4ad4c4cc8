"""GELU: x·Φ(x), Φ the normal distribution's cumulative function (Hendrycks and Gimpel 2016, section 2)."""

from __future__ import annotations

from math import pi, sqrt

from torch import nn

from dreampedal.export.compile.graph.activation import Activation
from dreampedal.export.compile.graph.writer import Graph


class Gelu(Activation):
    """x·Φ(x), exact or with Φ approximated by a tanh; the derivative is Φ(x) + x·Φ'(x) of the same Φ."""

    kinds, module, settings = ("Gelu",), nn.GELU, (("approximate", "approximate"),)
    writes = "Add", "Erf", "Exp", "Mul", "Tanh"

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        square = graph.op("Mul", x, x)
        if self.setting("approximate", "none") in ("tanh", b"tanh"):
            # Φ = (1 + tanh u) / 2, where u = √(2/π)·(x + 0.044715·x³)
            cubic = _affine(graph, square, 0.044715 * sqrt(2 / pi), sqrt(2 / pi))
            tanh = graph.op("Tanh", graph.op("Mul", x, cubic))
            slope = _affine(graph, square, 3 * 0.044715 * sqrt(2 / pi), sqrt(2 / pi))
            bell = graph.op("Mul", _affine(graph, graph.op("Mul", tanh, tanh), -0.5, 0.5), slope)
            cumulative = _affine(graph, tanh, 0.5, 0.5)
        else:
            cumulative = _affine(graph, graph.op("Erf", graph.op("Mul", x, graph.constant(sqrt(0.5)))), 0.5, 0.5)
            density = graph.op("Exp", graph.op("Mul", square, graph.constant(-0.5)))
            bell = graph.op("Mul", density, graph.constant(1 / sqrt(2 * pi)))
        return graph.op("Add", cumulative, graph.op("Mul", x, bell))


def _affine(graph: Graph, x: str, scale: float, shift: float) -> str:
    """Write scale·x + shift."""
    return graph.op("Add", graph.op("Mul", x, graph.constant(scale)), graph.constant(shift))
