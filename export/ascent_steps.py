"""Steps of gradient ascent on the offset, unrolled: what every kind of model shares.

One step: `g` is the gradient of the objective at features + offset; `g ← shape·g` (smoothing and mask);
`g ← g - (level·g)·mask` (what only changes loudness is taken out); `g ← g / √(mean g² + tiny)`, the mean over bands and
columns; `offset ← clip(offset + rate·g, -reach, reach)`.
"""

from __future__ import annotations

from typing import Protocol

from .ascent_graph import Graph

TINY = 1e-20
"""Added to the mean square of a gradient, so that none at all moves nothing."""


class Chain(Protocol):
    """A network as it listens and as it answers: shapes (channels, bands, columns) in and out."""

    def gradient(self, graph: Graph, offset: str) -> str:
        """Write the gradient of the objective with respect to the features, at `features` + `offset`."""
        ...

    def extent(self, graph: Graph) -> str:
        """A constant or value holding (bands, columns)."""
        ...


def ascend(graph: Graph, chain: Chain, steps: int) -> list[str]:
    """The offset before the first step and after each: `steps` + 1 names."""
    offsets = ["offset"]
    rate = graph.op("Expand", "rate", chain.extent(graph))
    reach = graph.reshape("reach", [])
    for _ in range(steps):
        shaped = graph.op("MatMul", _shaping(graph), chain.gradient(graph, offsets[-1]))
        move = graph.op("RMSNormalization", shaped, rate, axis=1, epsilon=TINY)
        offsets.append(graph.op("Clip", graph.op("Add", offsets[-1], move), graph.op("Neg", reach), reach))
    return offsets


def _shaping(graph: Graph) -> str:
    """`shape` and the removal of loudness in one matrix a channel: shape - mask·(levelᵀ·shape)."""
    loudness = graph.op("Unsqueeze", graph.op("MatMul", "level", "shape"), graph.constant([1]))
    return graph.op("Sub", "shape", graph.op("Mul", graph.reshape("mask", [-1, 1]), loudness))
