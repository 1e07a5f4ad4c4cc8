"""SiLU, also called swish: x·sigmoid(x) (Elfwing et al. 2018, "Sigmoid-weighted linear units", equation 2)."""

from __future__ import annotations

from torch import nn

from dreampedal.export.compile.graph.activation import Activation
from dreampedal.export.compile.graph.operator import Names
from dreampedal.export.compile.graph.writer import Graph


class Silu(Activation):
    """x·σ(x), whose derivative is σ(x) + y·(1 - σ(x)). Torch's exporter writes it as its two operators."""

    writes, module = ("Add", "Mul", "Sigmoid", "Sub"), nn.SiLU

    def forward(self, graph: Graph, x: Names) -> str:
        return graph.op("Mul", x[0], graph.op("Sigmoid", x[0]))

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        share = graph.op("Sigmoid", x)
        rest = graph.op("Mul", y, graph.op("Sub", graph.constant(1.0), share))
        return graph.op("Add", share, rest)
