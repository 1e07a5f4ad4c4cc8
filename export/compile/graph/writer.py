"""Writing an ONNX graph by hand: each call adds a node and returns the name of its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 23
"""The first operator set with RMSNormalization, which takes a step of ascent in one node."""

BEYOND_OPERATORS = frozenset({"Clip", "Log", "RMSNormalization", "Range"})
"""Operators of ONNX that no operator of a traced network is: ascent itself is written with them (`steps`, `columns`),
and what a student sees of a frame (`student`).
"""

END = 2**31 - 1
"""A slice that stops here goes to the end."""


class Graph:
    """An ONNX graph under construction.

    A value that was already computed is not computed again: the same operator on the same inputs gives the same name.
    So layers can be written naively, weights are rearranged once, and all that depends on weights alone is folded by
    ONNX Runtime when it loads the model.

    >>> graph = Graph()
    >>> doubled = graph.op("Add", "x", "x")
    >>> graph.op("Add", "x", "x") == doubled
    True
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[np.float32]] = {}
        self.constants: dict[str, NDArray[np.generic]] = {}
        self._known: dict[tuple[object, ...], onnx.NodeProto] = {}
        self._stored: dict[str, str] = {}

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; the name of its first output, the others being that name with `_1`, `_2`, ... appended.

        A node that was written with fewer outputs gets those that it lacks.
        """
        key = (kind, inputs, repr(sorted(attributes.items())))
        if key not in self._known:
            self._known[key] = helper.make_node(kind, list(inputs), [f"n{len(self.nodes)}"], **attributes)
            self.nodes.append(self._known[key])
        node = self._known[key]
        node.output.extend(f"{node.output[0]}_{index}" for index in range(len(node.output), outputs))
        return str(node.output[0])

    def weight(self, name: str, values: NDArray[np.floating]) -> str:
        """Weights under a name of their own, or under that of others that are the same: they are held once."""
        array = np.ascontiguousarray(values, np.float32)
        if name not in self._stored:
            same = (known for known, held in self.weights.items() if _identical(held, array))
            self._stored[name] = next(same, name)
        self.weights[self._stored[name]] = array
        return self._stored[name]

    def constant(self, values: object) -> str:
        """A small constant, float32 or int64; equal constants are one."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"c_{array.dtype.kind}{'x'.join(map(str, array.shape))}_{array.tobytes().hex()[:64]}"
        while name in self.constants and not np.array_equal(self.constants[name], array):
            name += "_"
        self.constants[name] = array
        return name

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """`x` in another shape: 0 keeps a size, -1 takes what is left."""
        return self.op("Reshape", x, self.constant(np.array(shape, np.int64)))

    def slice(self, x: str, axis: int, start: int, stop: int = END, stride: int = 1) -> str:
        """`x[start:stop:stride]` along `axis`."""
        return self.op("Slice", x, *(self.constant([bound]) for bound in (start, stop, axis, stride)))

    def transpose(self, x: str, *axes: int) -> str:
        """`x` with its axes in the order `axes`."""
        return self.op("Transpose", x, perm=list(axes))

    def model(
        self,
        inputs: dict[str, tuple[int | str, ...]],
        outputs: dict[str, tuple[int | str, ...]],
        values: dict[str, str],
    ) -> onnx.ModelProto:
        """The whole model, with `values` naming the value behind each output."""
        named = [helper.make_node("Identity", [values[name]], [name]) for name in outputs]
        graph = helper.make_graph(
            [*self.nodes, *named],
            "dreampedal",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in (self.constants | self.weights).items()],
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=11, producer_name="dreampedal"
        )


def _identical(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()
