"""What moves a patch over its input: convolution, and the mean and the greatest of a patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Convolution(Operator):
    """Convolution over axes of positions. Its adjoint is the transposed convolution with the same settings."""

    kinds, writes = ("Conv",), ("ConvTranspose",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        patch = _patch(self, self.weight(1).shape[2:])
        return [_transposed(graph, dy[0], x[1], patch, self.setting("group", 1), self.shape()[1:])]


class AveragePool(Operator):
    """The mean over a moving patch: a convolution of each filter with a constant, and so is its adjoint.

    At the borders the mean counts the padding or only what is there.
    """

    kinds, writes = ("AveragePool",), ("ConvTranspose", "Mul")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        patch = _patch(self, self.setting("kernel_shape"))
        if set(patch["dilations"]) != {1}:
            raise self.unfit("is dilated: expected a dense mean")
        filters, *sizes = self.shape()
        spread = graph.op("Mul", dy[0], graph.constant(1 / self._counts(patch, sizes)))
        ones = np.ones((filters, 1, *patch["kernel_shape"]), np.float32)
        weight = graph.weight(f"ones_{'x'.join(map(str, ones.shape))}.weight", ones)
        return [_transposed(graph, spread, weight, patch, filters, sizes)]

    def _counts(self, patch: dict[str, Any], sizes: Sequence[int]) -> NDArray[np.float64]:
        """Positions that each mean is over, shape (1, 1, *out_positions)."""
        counts = np.ones((1, 1))
        axes = len(sizes)
        for axis, (size, kernel) in enumerate(zip(sizes, patch["kernel_shape"], strict=True)):
            before, after = patch["pads"][axis], patch["pads"][axis + axes]
            starts = np.arange(0, before + size + after - kernel + 1, patch["strides"][axis]) - before
            inside = np.clip(starts + kernel, None, size) - np.clip(starts, 0, None)
            counted = np.full_like(starts, kernel) if self.setting("count_include_pad", 0) else inside
            counts = counts[..., np.newaxis] * counted
        return counts


class MaxPool(Operator):
    """The greatest of a moving patch. Gradients go back to where the greatest was, and add where patches overlap."""

    kinds, writes = ("MaxPool",), ("Mul", "ScatterElements", "Shape")

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        _patch(self, self.setting("kernel_shape"))
        places = graph.reshape(f"{graph.op(self.kind, *x, outputs=2, **self.attributes)}_1", [-1])
        nothing = graph.reshape(graph.op("Mul", x[0], graph.constant(0.0)), [-1])
        flat = graph.op("ScatterElements", nothing, places, graph.reshape(dy[0], [-1]), axis=0, reduction="add")
        return [graph.op("Reshape", flat, graph.op("Shape", x[0]))]


def _patch(operator: Operator, kernel: Sequence[int]) -> dict[str, Any]:
    """How a patch moves; refused for padding that is worked out from the size, and patches that reach over the end."""
    padding = operator.setting("auto_pad", b"NOTSET")
    if padding not in (b"NOTSET", "NOTSET", b"VALID", "VALID") or operator.setting("ceil_mode", 0):
        raise operator.unfit("pads by itself or rounds up: expected pads that are written out")
    plain = {"strides": [1] * len(kernel), "pads": [0] * 2 * len(kernel), "dilations": [1] * len(kernel)}
    moves = {name: list(operator.setting(name, otherwise)) for name, otherwise in plain.items()}
    return {"kernel_shape": list(kernel)} | moves


def _transposed(graph: Graph, dy: str, weight: str, patch: dict[str, Any], groups: int, sizes: Sequence[int]) -> str:
    """Write the transposed convolution back to positions of these sizes, the last of which no stride may reach."""
    strides, pads = patch["strides"], patch["pads"]
    left_over = []
    for axis, size in enumerate(sizes):
        reach = patch["dilations"][axis] * (patch["kernel_shape"][axis] - 1) + 1
        left_over.append((size + pads[axis] + pads[axis + len(sizes)] - reach) % strides[axis])
    return graph.op("ConvTranspose", dy, weight, group=groups, output_padding=left_over, **patch)
