"""Several causal networks in one graph: their gradients on the same moving columns, added up.

The logits are those of `dreampedal.export.nets.causal.Ensemble`, (1 - w) · mean + w · least of the members' log
probabilities. Of a class weighed by c, the gradient at a member's log probability is d = c · ((1 - w)/M + w · share),
where the share of the least is 1, or that of each of equals; at its logits it is d - p · Σd, p the probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreampedal.export.compile.chains.columns import MovingColumns
from dreampedal.export.compile.graph.writer import Graph


@dataclass(frozen=True)
class MovingEnsemble:
    """Networks on the same columns (`dreampedal.export.compile.chains.steps.Chain`)."""

    parts: Sequence[MovingColumns]
    worst_share: float

    @property
    def prefix(self) -> str:
        return self.parts[0].prefix

    def extent(self, graph: Graph) -> str:
        return self.parts[0].extent(graph)

    def logits(self, graph: Graph, offset: str) -> str | None:
        named = self._named(graph, offset)
        if named is None:
            return None
        mean = graph.op("ReduceMean", named, graph.constant([1]), keepdims=0)
        least = graph.op("Squeeze", self._least(graph, named), graph.constant([1]))
        shares = graph.constant(1 - self.worst_share), graph.constant(self.worst_share)
        return graph.op("Add", graph.op("Mul", mean, shares[0]), graph.op("Mul", least, shares[1]))

    def gradient(self, graph: Graph, offset: str) -> str:
        total = ""
        for member, slope in zip(self.parts, self._slopes(graph, offset), strict=True):
            share = member.gradient(graph, offset, slope)
            total = graph.op("Add", total, share) if total else share
        return total

    def _named(self, graph: Graph, offset: str) -> str | None:
        """Log probabilities, (channels, members, classes)."""
        found = [logits for part in self.parts if (logits := part.logits(graph, offset))]
        if not found:
            return None
        apart = [graph.op("Unsqueeze", logits, graph.constant([1])) for logits in found]
        return graph.op("LogSoftmax", graph.op("Concat", *apart, axis=1), axis=2)

    def _least(self, graph: Graph, named: str) -> str:
        """Of the members' log probabilities, (channels, 1, classes)."""
        return graph.op("Neg", graph.op("ReduceMax", graph.op("Neg", named), graph.constant([1])))

    def _slopes(self, graph: Graph, offset: str) -> list[str | None]:
        """The gradient of the objective at the logits of each member, (channels, classes)."""
        named = self._named(graph, offset)
        if named is None:
            return [None] * len(self.parts)
        least = graph.op("Cast", graph.op("Equal", named, self._least(graph, named)), to=1)
        share = graph.op("Div", least, graph.op("ReduceSum", least, graph.constant([1])))
        weight = graph.op("Add", graph.op("Mul", share, graph.constant(self.worst_share)), self._even(graph))
        wanted = graph.op("Mul", "classes", weight)
        taken = graph.op("Mul", graph.op("Exp", named), graph.op("ReduceSum", wanted, graph.constant([2])))
        slopes = graph.op("Sub", wanted, taken)
        one_each = (graph.slice(slopes, 1, place, place + 1) for place in range(len(self.parts)))
        return [graph.op("Squeeze", slope, graph.constant([1])) for slope in one_each]

    def _even(self, graph: Graph) -> str:
        return graph.constant((1 - self.worst_share) / len(self.parts))
