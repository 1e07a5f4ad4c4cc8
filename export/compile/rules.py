"""The adjoint of each operator of a traced network.

A rule takes an equation as it was written forward and the gradients of its outputs, and writes those of its inputs.
Recurrence (LSTM, GRU) has no rule, and neither has anything that picks single positions or divides by what it hears:
such a network is written as a classifier.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.compile.adjoints import Activation, AveragePool, Convolution, Linear, MaxPool, Scaling
from dreampedal.export.compile.equations import Gradients, Step
from dreampedal.export.compile.joins import shares


def _activation(step: Step) -> Gradients:
    kinds = {"Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
    slope = step.setting("alpha", 0.01 if step.equation.kind == "LeakyRelu" else 1.0)
    return step.by(Activation(kinds[step.equation.kind], slope))  # type: ignore[arg-type]


def _convolution(step: Step) -> Gradients:
    weight = step.weights(1)
    axes = weight.ndim - 2
    _require_plain(step)
    return step.by(
        Convolution(
            step.equation.inputs[1].removesuffix(".weight"),
            weight,
            None,
            tuple(step.setting("strides", [1] * axes)),
            tuple(step.setting("pads", [0] * 2 * axes)),
            tuple(step.setting("dilations", [1] * axes)),
            step.setting("group", 1),
            step.shape()[1:],
        )
    )


def _batch_norm(step: Step) -> Gradients:
    scale, shift, mean, var = (step.weights(index).astype(np.float64) for index in range(1, 5))
    scale = scale / np.sqrt(var + step.setting("epsilon", 1e-5))
    name = f"{step.equation.inputs[1]}.folded"
    return step.by(Scaling(name, _single(scale), _single(shift - mean * scale), len(step.shape()) - 1))


def _pool(step: Step) -> Gradients:
    _require_plain(step)
    kernel = tuple(step.setting("kernel_shape"))
    stride, pads = tuple(step.setting("strides", [1] * len(kernel))), tuple(step.setting("pads", [0] * 2 * len(kernel)))
    dilation = tuple(step.setting("dilations", [1] * len(kernel)))
    if step.equation.kind == "MaxPool":
        return step.by(MaxPool(kernel, stride, pads, dilation))
    if set(dilation) != {1}:
        raise step.unfit("is dilated: expected a dense mean")
    filters, *positions = step.shape()
    counted = bool(step.setting("count_include_pad", 0))
    return step.by(AveragePool(filters, kernel, stride, pads, counted, tuple(positions)))


def _require_plain(step: Step) -> None:
    """Refuse padding that is worked out from the size, and windows that reach over the end."""
    padding = step.setting("auto_pad", b"NOTSET")
    if padding not in (b"NOTSET", "NOTSET", b"VALID", "VALID") or step.setting("ceil_mode", 0):
        raise step.unfit("pads by itself or rounds up: expected pads that are written out")


def _mean(step: Step) -> Gradients:
    """Means, sums and maxima over axes; a maximum hands its gradient to all that reach it, in equal shares."""
    shape, kind = step.shape(), step.equation.kind
    axes = [axis % (len(shape) + 1) for axis in step.weights(1).ravel().tolist()]
    if not axes or 0 in axes:
        raise step.unfit("runs over the clips: expected axes within one")
    kept = [1 if axis + 1 in axes else size for axis, size in enumerate(shape)]
    dy = step.graph.reshape(step.dy, [-1, *kept])
    if kind == "ReduceMax":
        y = step.graph.reshape(step.y, [-1, *kept])
        reached = step.graph.op("Cast", step.graph.op("Equal", step.x, y), to=1)
        count = step.graph.op("ReduceSum", reached, step.graph.constant(axes), keepdims=1)
        return [step.graph.op("Mul", reached, step.graph.op("Div", dy, count))]
    count = int(np.prod([shape[axis - 1] for axis in axes])) if kind != "ReduceSum" else 1
    share = step.graph.op("Mul", dy, step.graph.constant(1 / count))
    return [step.graph.op("Expand", share, step.graph.op("Shape", step.x))]


def _reshape(step: Step) -> Gradients:
    return [step.graph.reshape(step.dy, [-1, *step.shape()])]


def _transpose(step: Step) -> Gradients:
    axes = list(step.setting("perm", range(len(step.shape()), -1, -1)))
    return [step.graph.transpose(step.dy, *(axes.index(axis) for axis in range(len(axes))))]


def _axis(step: Step, axis: int) -> int:
    """An axis counted from the first, which may not be that of the clips."""
    axis %= len(step.shape()) + 1
    if axis == 0:
        raise step.unfit("joins or cuts clips: expected to act within one")
    return axis


def _concatenation(step: Step) -> Gradients:
    axis = _axis(step, step.setting("axis"))
    sizes = [step.shape(value)[axis - 1] for value in step.equation.inputs]
    if axis == 1:
        return list(shares(step.graph, "concatenation", [""] * len(sizes), sizes, step.dy))
    ends = np.cumsum([0, *sizes]).tolist()
    return [step.graph.slice(step.dy, axis, *ends[index : index + 2]) for index in range(len(sizes))]


def _split(step: Step) -> Gradients:
    zero = step.graph.constant(0.0)
    parts = [
        dy if dy is not None else step.graph.op("Mul", step.names[output], zero)
        for output, dy in zip(step.equation.outputs, step.known, strict=True)
    ]
    return [step.graph.op("Concat", *parts, axis=_axis(step, step.setting("axis", 0)))]


def _slice(step: Step) -> Gradients:
    starts, ends = (step.weights(index).ravel() for index in (1, 2))
    axes = step.weights(3).ravel() if len(step.equation.inputs) > 3 else np.arange(len(starts))
    if len(step.equation.inputs) > 4 and set(step.weights(4).ravel().tolist()) != {1}:
        raise step.unfit("strides: expected neighbouring positions")
    dy = step.dy
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        axis = _axis(step, axis)
        first, last, _ = slice(start, end).indices(step.shape()[axis - 1])
        dy = _padded(step, dy, axis, first, step.shape()[axis - 1] - last)
    return [dy]


def _gather(step: Step) -> Gradients:
    place, axis = step.weights(1), _axis(step, step.setting("axis", 0))
    if place.ndim:
        raise step.unfit("picks several positions: expected one")
    size = step.shape()[axis - 1]
    dy, at = step.graph.op("Unsqueeze", step.dy, step.graph.constant([axis])), int(place) % size
    return [_padded(step, dy, axis, at, size - at - 1)]


def _padding(step: Step) -> Gradients:
    pads = step.weights(1).ravel().tolist()
    axes = step.weights(3).ravel().tolist() if len(step.equation.inputs) > 3 else list(range(len(pads) // 2))
    if step.setting("mode", b"constant") not in (b"constant", "constant") or min(pads) < 0:
        raise step.unfit("mirrors or cuts: expected zeros beside what is there")
    dy = step.dy
    for axis, before in zip(axes, pads[: len(axes)], strict=True):
        if axis % (len(step.shape()) + 1):
            size = step.shape()[axis % (len(step.shape()) + 1) - 1]
            dy = step.graph.slice(dy, axis, before, before + size)
    return [dy]


def _padded(step: Step, x: str, axis: int, before: int, after: int) -> str:
    """Zeros before and after `x` along an axis."""
    if before == after == 0:
        return x
    zero = step.graph.constant(0.0)
    return step.graph.op("Pad", x, step.graph.constant([before, after]), zero, step.graph.constant([axis]))


def _sum(step: Step) -> Gradients:
    second = step.graph.op("Neg", step.dy) if step.equation.kind == "Sub" else step.dy
    return [_fitted(step, 0, step.dy), _fitted(step, 1, second)]


def _product(step: Step) -> Gradients:
    first, second = (step.names[value] for value in step.equation.inputs)
    if step.equation.kind == "Div":
        step.weights(1)
        return [_fitted(step, 0, step.graph.op("Div", step.dy, second)), None]
    back = shares(step.graph, "product", [first, second], (), step.dy)
    return [_fitted(step, index, dy) for index, dy in enumerate(back)]


def _fitted(step: Step, index: int, dy: str) -> str | None:
    """The gradient of an input that was spread over the output's shape: summed over what it was spread over."""
    value = step.equation.inputs[index]
    if value not in step.moving:
        return None
    own, whole = step.shape(value), step.shape(step.equation.outputs[0])
    if len(own) != len(whole):
        raise step.unfit(f"joins {own} and {whole}: expected as many axes")
    spread = [axis + 1 for axis, (size, full) in enumerate(zip(own, whole, strict=True)) if size != full]
    return step.graph.op("ReduceSum", dy, step.graph.constant(spread), keepdims=1) if spread else dy


def _matrix(step: Step) -> Gradients:
    if step.equation.inputs[0] in step.trace.weights:
        before = step.weights(0)
        if before.ndim != 2 or step.equation.kind != "MatMul":
            raise step.unfit("is no plain product with a matrix")
        back = step.graph.transpose(step.names[step.equation.inputs[0]], 1, 0)
        return [None, step.graph.op("MatMul", back, step.dy)]
    weight = step.weights(1)
    if weight.ndim != 2 or step.setting("transA", 0) or step.setting("alpha", 1.0) != 1:
        raise step.unfit("is no plain product with a matrix")
    if step.setting("transB", 0):
        bias = np.zeros(len(weight), np.float32)
        return step.by(Linear(step.equation.inputs[1].removesuffix(".weight"), weight, bias))
    return [step.graph.op("MatMul", step.dy, step.graph.transpose(step.names[step.equation.inputs[1]], 1, 0))]


def _expansion(step: Step) -> Gradients:
    return [_fitted(step, 0, step.dy)]


def _same(step: Step) -> Gradients:
    return [step.dy]


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)


RULES: dict[str, Callable[[Step], Gradients]] = {
    **dict.fromkeys(("Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh"), _activation),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pool),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax"), _mean),
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("Add", "Sub"), _sum),
    **dict.fromkeys(("Mul", "Div"), _product),
    **dict.fromkeys(("Gemm", "MatMul"), _matrix),
    "BatchNormalization": _batch_norm,
    "Concat": _concatenation,
    "Conv": _convolution,
    "Expand": _expansion,
    "Gather": _gather,
    "Identity": _same,
    "Pad": _padding,
    "Slice": _slice,
    "Split": _split,
    "Transpose": _transpose,
}
"""By the name of the operator."""
