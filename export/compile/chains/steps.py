"""Steps of gradient ascent on the offset, unrolled, on columns and on a window alike.

One step: `g` is the gradient of the objective at features + offset; `g ← shape·g` (smoothing and mask);
`g ← g - (level·g)·mask` (what only changes loudness is taken out); `g ← g / √(mean g² + tiny)`, the mean over bands and
columns; `offset ← clip(offset + rate·g, -reach, reach)`.
"""

from __future__ import annotations

from typing import Protocol

from dreampedal.export.compile.graph.writer import Graph

TINY = 1e-20
"""Added to the mean square of a gradient, so that none at all moves nothing."""


class Chain(Protocol):
    """A network forward and back, in rows: (channels, columns, bands)."""

    def gradient(self, graph: Graph, offset: str) -> str:
        """Write the gradient of the objective with respect to the features, at `features` + `offset`; rows both."""
        ...

    def extent(self, graph: Graph) -> str:
        """A constant or value holding (columns, bands)."""
        ...


def ascend(graph: Graph, chain: Chain, steps: int) -> list[str]:
    """The offset before the first step and after each: `steps` + 1 names of rows (channels, columns, bands)."""
    offsets = [swapped(graph, "offset")]
    rate = graph.op("Expand", "rate", chain.extent(graph))
    reach = graph.reshape("reach", [])
    for _ in range(steps):
        shaped = graph.op("MatMul", chain.gradient(graph, offsets[-1]), _shaping(graph))
        move = graph.op("RMSNormalization", shaped, rate, axis=1, epsilon=TINY)
        offsets.append(graph.op("Clip", graph.op("Add", offsets[-1], move), graph.op("Neg", reach), reach))
    return offsets


def swapped(graph: Graph, x: str) -> str:
    """(channels, bands, columns) as rows (channels, columns, bands), or back."""
    return graph.transpose(x, 0, 2, 1)


def _shaping(graph: Graph) -> str:
    """`shape` and the removal of loudness in one matrix a channel, for rows: (shape - mask·(levelᵀ·shape))ᵀ."""
    loudness = graph.op("Unsqueeze", graph.op("MatMul", "level", "shape"), graph.constant([2]))
    return graph.op("Sub", graph.transpose("shape", 1, 0), graph.op("Mul", loudness, "mask"))
