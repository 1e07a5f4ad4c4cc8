"""Where several values become one, and the way back: sums, products (gates) and concatenations.

`Joined` is the torch module, `Join` and `Gate` the operators with their adjoints. WaveNet's gate is
`tanh(a)·sigmoid(b)` (van den Oord et al. 2016, section 2.3), the gated linear unit `a·sigmoid(b)` (Dauphin et al.
2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from dreampedal.export.compile.adjoints import Activation, Operator
from dreampedal.export.compile.graph import Graph

Kind = Literal["sum", "product", "concatenation"]


class Joined(nn.ModuleList):
    """What several modules make of one input, joined: added, multiplied, or as filters of one tensor.

    >>> x = torch.zeros(1, 2, 3)
    >>> [tuple(Joined(join, [nn.Tanh(), nn.Sigmoid()])(x).shape) for join in ("product", "concatenation")]
    [(1, 2, 3), (1, 4, 3)]
    """

    def __init__(self, join: Kind, branches: Sequence[nn.Module]) -> None:
        super().__init__(branches)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        """(clips, filters, ...) to as many filters, or for a concatenation all of them one after the other."""
        outputs = [branch(x) for branch in self]
        if self.join == "concatenation":
            return torch.cat(outputs, 1)
        return reduce(torch.add if self.join == "sum" else torch.mul, outputs)


@dataclass(frozen=True)
class Join:
    """Rows of operators on one input, and how their outputs become one; `filters` of each row's output."""

    kind: Kind
    rows: tuple[tuple[Operator, ...], ...]
    filters: tuple[int, ...]

    def forward(self, graph: Graph, x: str) -> str:
        return joined(graph, self.kind, [self._values(graph, row, x)[-1] for row in self.rows])

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        values = [self._values(graph, row, x) for row in self.rows]  # written before, so nothing is computed twice
        back = shares(graph, self.kind, [row[-1] for row in values], self.filters, dy)
        for index, (row, known) in enumerate(zip(self.rows, values, strict=True)):
            for operator, before, after in reversed([*zip(row, known[:-1], known[1:], strict=True)]):
                back[index] = operator.adjoint(graph, before, after, back[index])
        return reduce(lambda a, b: graph.op("Add", a, b), back)

    def _values(self, graph: Graph, row: tuple[Operator, ...], x: str) -> list[str]:
        """The input and the output of every operator of a row."""
        values = [x]
        for operator in row:
            values.append(operator.forward(graph, values[-1]))
        return values


@dataclass(frozen=True)
class Gate:
    """The gated linear unit: the first half of the filters times the sigmoid of the second."""

    filters: int
    """Of the output."""

    def forward(self, graph: Graph, x: str) -> str:
        return joined(graph, "product", self._halves(graph, x))

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        halves = self._halves(graph, x)
        first, second = shares(graph, "product", halves, (self.filters, self.filters), dy)
        return graph.op("Concat", first, Activation("sigmoid").adjoint(graph, "", halves[1], second), axis=1)

    def _halves(self, graph: Graph, x: str) -> list[str]:
        second = Activation("sigmoid").forward(graph, graph.slice(x, 1, self.filters))
        return [graph.slice(x, 1, 0, self.filters), second]


def joined(graph: Graph, kind: Kind, values: Sequence[str]) -> str:
    """Write the values joined; the name of what comes out."""
    if kind == "concatenation":
        return graph.op("Concat", *values, axis=1)
    return reduce(lambda a, b: graph.op("Add" if kind == "sum" else "Mul", a, b), values)


def shares(graph: Graph, kind: Kind, values: Sequence[str], filters: Sequence[int], dy: str) -> list[str]:
    """Write the gradient with respect to each of the values that were joined."""
    if kind == "sum":
        return [dy] * len(values)
    if kind == "concatenation":
        return [graph.slice(dy, 1, *ends) for ends in pairwise(accumulate(filters, initial=0))]
    others = [[*values[:index], *values[index + 1 :]] for index in range(len(values))]
    return [reduce(lambda a, b: graph.op("Mul", a, b), rest, dy) for rest in others]
