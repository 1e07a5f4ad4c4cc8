"""Products with matrices, and a batch norm that stands where no convolution takes it in."""

from __future__ import annotations

import numpy as np

from dreampedal.export.compile.graph.operator import Gradients, Names, Operator
from dreampedal.export.compile.graph.writer import Graph


class Matrix(Operator):
    """x·W + b, x·Wᵀ + b, or W·x."""

    kinds, writes = ("Gemm", "MatMul"), ("Transpose",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        left = self.inputs[0] in self.values.weights
        changed = self.setting("transA", 0) or self.setting("alpha", 1.0) != 1
        if self.weight(0 if left else 1).ndim != 2 or changed or (left and self.kind == "Gemm"):
            raise self.unfit("is no plain product with a matrix")
        if left:
            return [None, graph.op("MatMul", graph.transpose(x[0], 1, 0), dy[0])]
        return [graph.op("MatMul", dy[0], x[1] if self.setting("transB", 0) else graph.transpose(x[1], 1, 0))]


class BatchNormalization(Operator):
    """scale·x + shift for each filter."""

    kinds, writes = ("BatchNormalization",), ("Mul",)

    def adjoint(self, graph: Graph, x: Names, y: Names, dy: Names) -> Gradients:
        scale, variance = (self.weight(index).astype(np.float64) for index in (1, 4))
        scale = scale / np.sqrt(variance + self.setting("epsilon", 1e-5))
        wide = graph.reshape(graph.weight(f"{x[1]}.folded.scale", scale), [-1] + [1] * (len(self.shape()) - 1))
        return [graph.op("Mul", dy[0], wide)]
