"""Layers and their adjoints: what a layer does to its input, and what it does to a gradient on the way back.

Each layer writes its own nodes, forward and backward, for tensors of shape (channels, filters, *positions), so that an
inference engine without autograd climbs a gradient. An adjoint sees the layer's input `x`, its output `y`, and the
gradient `dy` of the objective with respect to `y`; it returns the gradient with respect to `x`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.compile.graph import Graph


class Operator(Protocol):
    """A layer as nodes of a graph."""

    def forward(self, graph: Graph, x: str) -> str:
        """Write y = f(x); the name of y."""
        ...

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        """Write the gradient with respect to x; its name."""
        ...


@dataclass(frozen=True)
class Activation:
    """ReLU, leaky ReLU, ELU, sigmoid, tanh, or nothing; `slope` is leaky ReLU's below zero, or ELU's depth (alpha).

    The derivative is read from the output alone. That of ELU with alpha 1 is `clip(y + 1, 0, 1)`, a single node; that
    of sigmoid `y·(1 - y)`, of tanh `1 - y²`.
    """

    kind: Literal["relu", "leaky_relu", "elu", "sigmoid", "tanh", "identity"] = "elu"
    slope: float = 1.0

    def forward(self, graph: Graph, x: str) -> str:
        match self.kind:
            case "relu":
                return graph.op("Relu", x)
            case "leaky_relu":
                return graph.op("LeakyRelu", x, alpha=self.slope)
            case "elu":
                return graph.op("Elu", x, alpha=self.slope)
            case "sigmoid":
                return graph.op("Sigmoid", x)
            case "tanh":
                return graph.op("Tanh", x)
        return x

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        if self.kind == "identity":
            return dy
        return graph.op("Mul", dy, self._derivative(graph, y))

    def _derivative(self, graph: Graph, y: str) -> str:
        if self.kind == "relu":
            return graph.op("Sign", y)
        if self.kind in ("sigmoid", "tanh"):
            far = graph.op("Sub", graph.constant(1.0), y if self.kind == "sigmoid" else graph.op("Mul", y, y))
            return graph.op("Mul", y, far) if self.kind == "sigmoid" else far
        if self.kind == "elu" and self.slope == 1:
            return graph.op("HardSigmoid", y, alpha=1.0, beta=1.0)
        slope = graph.constant(self.slope)
        below = graph.op("Add", y, slope) if self.kind == "elu" else slope
        return graph.op("Where", graph.op("Greater", y, graph.constant(0.0)), graph.constant(1.0), below)


@dataclass(frozen=True)
class Convolution:
    """Convolution over one or two axes of positions. Its adjoint is the transposed convolution with the same settings.

    `pads` are zeros before each axis, then after each; `in_positions` the size of the input where a stride leaves it
    open which one it was.
    """

    name: str
    weight: NDArray[np.float32]
    """(filters, inputs / groups, *kernel)"""
    bias: NDArray[np.float32] | None = None
    stride: tuple[int, ...] = (1,)
    pads: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1,)
    groups: int = 1
    in_positions: tuple[int, ...] | None = None

    def forward(self, graph: Graph, x: str) -> str:
        bias = () if self.bias is None else (graph.weight(f"{self.name}.bias", self.bias),)
        return graph.op("Conv", x, self._weight(graph), *bias, **self._settings())

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        settings = self._settings()
        if self.in_positions is not None:
            settings["output_padding"] = list(self._left_over(self.in_positions))
        return graph.op("ConvTranspose", dy, self._weight(graph), **settings)

    def _weight(self, graph: Graph) -> str:
        return graph.weight(f"{self.name}.weight", self.weight)

    def _settings(self) -> dict[str, Any]:
        return {
            "kernel_shape": list(self.weight.shape[2:]),
            "strides": list(self.stride),
            "pads": list(self.pads),
            "dilations": list(self.dilation),
            "group": self.groups,
        }

    def _left_over(self, sizes: tuple[int, ...]) -> list[int]:
        """Positions at the end of each axis that no stride reaches."""
        axes = range(len(sizes))
        kernel = [self.dilation[axis] * (self.weight.shape[2 + axis] - 1) + 1 for axis in axes]
        padded = [sizes[axis] + self.pads[axis] + self.pads[axis + len(sizes)] for axis in axes]
        return [(padded[axis] - kernel[axis]) % self.stride[axis] for axis in axes]


@dataclass(frozen=True)
class Scaling:
    """y = scale·x + shift for each filter: batch norm where it cannot be folded into a convolution."""

    name: str
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    axes: int
    """Axes of positions behind the filters."""

    def forward(self, graph: Graph, x: str) -> str:
        return graph.op("Add", graph.op("Mul", x, self._wide(graph, "scale")), self._wide(graph, "shift"))

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        return graph.op("Mul", dy, self._wide(graph, "scale"))

    def _wide(self, graph: Graph, which: Literal["scale", "shift"]) -> str:
        return graph.reshape(graph.weight(f"{self.name}.{which}", getattr(self, which)), [-1] + [1] * self.axes)


@dataclass(frozen=True)
class AveragePool:
    """The mean over a moving patch: a convolution of each filter with a constant, and so is its adjoint.

    At the borders the mean counts the padding (`count_padding`) or only what is there.
    """

    filters: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    count_padding: bool
    in_positions: tuple[int, ...]

    def forward(self, graph: Graph, x: str) -> str:
        return graph.op(
            "AveragePool", x, kernel_shape=list(self.kernel), strides=list(self.stride), pads=list(self.pads),
            count_include_pad=int(self.count_padding),
        )  # fmt: skip

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        spread = graph.op("Mul", dy, graph.constant(1 / self._counts()))
        ones = np.ones((self.filters, 1, *self.kernel), np.float32)
        name = f"ones_{'x'.join(map(str, ones.shape))}"
        dilation = (1,) * len(self.kernel)
        sum_ = Convolution(name, ones, None, self.stride, self.pads, dilation, self.filters, self.in_positions)
        return sum_.adjoint(graph, x, y, spread)

    def _counts(self) -> NDArray[np.float64]:
        """Positions that each mean is over, shape (1, 1, *out_positions)."""
        counts = np.ones((1, 1))
        axes = len(self.kernel)
        for axis in range(axes):
            before, after, size = self.pads[axis], self.pads[axis + axes], self.in_positions[axis]
            starts = np.arange(0, before + size + after - self.kernel[axis] + 1, self.stride[axis]) - before
            inside = np.clip(starts + self.kernel[axis], None, size) - np.clip(starts, 0, None)
            counted = np.full_like(starts, self.kernel[axis]) if self.count_padding else inside
            counts = counts[..., np.newaxis] * counted
        return counts


@dataclass(frozen=True)
class MaxPool:
    """The greatest of a moving patch. Gradients go back to where the greatest was, and add where patches overlap."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[int, ...]
    dilation: tuple[int, ...]

    def forward(self, graph: Graph, x: str) -> str:
        return graph.op(
            "MaxPool", x, outputs=2, kernel_shape=list(self.kernel), strides=list(self.stride), pads=list(self.pads),
            dilations=list(self.dilation),
        )  # fmt: skip

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        places = graph.reshape(f"{y}_1", [-1])
        nothing = graph.reshape(graph.op("Mul", x, graph.constant(0.0)), [-1])
        flat = graph.op("ScatterElements", nothing, places, graph.reshape(dy, [-1]), axis=0, reduction="add")
        return graph.op("Reshape", flat, graph.op("Shape", x))


@dataclass(frozen=True)
class Mean:
    """The mean over the last `axes` axes, kept as axes of size 1; `count` values each."""

    axes: int
    count: int

    def forward(self, graph: Graph, x: str) -> str:
        return graph.op("ReduceMean", x, graph.constant([-axis for axis in range(1, self.axes + 1)]), keepdims=1)

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        share = graph.op("Mul", dy, graph.constant(1 / self.count))
        return graph.op("Expand", share, graph.op("Shape", x))


@dataclass(frozen=True)
class Reshaping:
    """The same numbers in another shape; sizes for one channel."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def forward(self, graph: Graph, x: str) -> str:
        return graph.reshape(x, [-1, *self.after])

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        return graph.reshape(dy, [-1, *self.before])


@dataclass(frozen=True)
class Linear:
    """y = x·Wᵀ + b on (channels, inputs)."""

    name: str
    weight: NDArray[np.float32]
    """(outputs, inputs)"""
    bias: NDArray[np.float32]

    def forward(self, graph: Graph, x: str) -> str:
        weight = graph.weight(f"{self.name}.weight", self.weight)
        return graph.op("Gemm", x, weight, graph.weight(f"{self.name}.bias", self.bias), transB=1)

    def adjoint(self, graph: Graph, x: str, y: str, dy: str) -> str:
        return graph.op("MatMul", dy, graph.weight(f"{self.name}.weight", self.weight))
