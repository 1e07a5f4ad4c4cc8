"""ReLU and its kin, sigmoid and tanh, whose derivatives are read from the output alone."""

from __future__ import annotations

from torch import nn

from dreampedal.export.compile.graph.activation import Activation
from dreampedal.export.compile.graph.writer import Graph


class Relu(Activation):
    """max(x, 0)."""

    kinds, writes, module = ("Relu",), ("Mul", "Sign"), nn.ReLU

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        return graph.op("Sign", y)


class LeakyRelu(Activation):
    """x above zero, alpha·x below."""

    kinds, writes, module = ("LeakyRelu",), ("Greater", "Mul", "Where"), nn.LeakyReLU
    settings = (("alpha", "negative_slope"),)

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        above = graph.op("Greater", y, graph.constant(0.0))
        return graph.op("Where", above, graph.constant(1.0), graph.constant(self.setting("alpha", 0.01)))


class Elu(Activation):
    """x above zero, alpha·(eˣ - 1) below; with alpha 1 its derivative, clip(y + 1, 0, 1), is a single node."""

    kinds, writes, module = ("Elu",), ("Add", "Greater", "HardSigmoid", "Mul", "Where"), nn.ELU
    settings = (("alpha", "alpha"),)

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        alpha = self.setting("alpha", 1.0)
        if alpha == 1:
            return graph.op("HardSigmoid", y, alpha=1.0, beta=1.0)
        below = graph.op("Add", y, graph.constant(alpha))
        return graph.op("Where", graph.op("Greater", y, graph.constant(0.0)), graph.constant(1.0), below)


class Sigmoid(Activation):
    """1 / (1 + e⁻ˣ), whose derivative is y·(1 - y)."""

    kinds, writes, module = ("Sigmoid",), ("Mul", "Sub"), nn.Sigmoid

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        return graph.op("Mul", y, graph.op("Sub", graph.constant(1.0), y))


class Tanh(Activation):
    """tanh(x), whose derivative is 1 - y²."""

    kinds, writes, module = ("Tanh",), ("Mul", "Sub"), nn.Tanh

    def derivative(self, graph: Graph, x: str, y: str) -> str:
        return graph.op("Sub", graph.constant(1.0), graph.op("Mul", y, y))
