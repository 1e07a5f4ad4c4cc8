"""Networks that see a whole window: any row of standard torch layers, in one or two dimensions, forward and adjoint.

What strides over time or looks both ways cannot run column by column; it sees `frames` columns at once, all of which
move. The gradient is that of the whole window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dreampedal.export.compile.adjoints import (
    AveragePool,
    Convolution,
    Linear,
    MaxPool,
    Mean,
    Operator,
    Reshaping,
    Scaling,
)
from dreampedal.export.compile.fold import PASSED, activation, batch_norm, doubles, single
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.joins import Gate, Join, Joined
from dreampedal.export.compile.steps import ascend, turned


@dataclass(frozen=True)
class Stage:
    """One operator of a window network; `layer` names its output where a target can."""

    operator: Operator
    layer: str | None = None
    filters: int = 0
    positions: int = 0


@dataclass(frozen=True)
class WindowNetwork:
    """Stages in a row on (bands, frames); the last gives the logits if there are classes."""

    stages: tuple[Stage, ...]
    bands: int
    frames: int
    classes: int

    @property
    def layers(self) -> dict[str, int]:
        """Filters of each layer."""
        return {stage.layer: stage.filters for stage in self.stages if stage.layer}


def window_network(network: nn.Sequential, bands: int, frames: int, mean: Tensor, std: Tensor) -> WindowNetwork:
    """A trained `nn.Sequential` on normalised features, (N, bands, frames) or as an image (N, 1, bands, frames).

    Each child that holds a convolution is a layer by the child's name, which a target means by the output of the last
    activation in it, or of the child where it has none. A batch norm behind a convolution is folded into it, and so is
    one ahead of a convolution without padding; another is kept, since what it shifts is padded with zeros.

    Raises:
        ValueError: that names the module which cannot be written.
    """
    found, tapped = list(_leaves(network)), layer_outputs(network)
    scale, shift = 1 / doubles(std), -doubles(mean) / doubles(std)
    stages = [Stage(Scaling("normalisation", single(scale), single(shift), 1))]
    x = torch.zeros(1, bands, frames)
    if any(isinstance(module, nn.Conv2d) for _, module in found):
        stages.append(Stage(Reshaping((bands, frames), (1, bands, frames))))
        x = x[:, None]
    with torch.no_grad():
        for name, module in found:
            y = module(x)
            operator = _operator(name, module, x, y)
            layer = next((label for label, output in tapped.items() if output is module), None)
            stages.append(Stage(operator, layer, y.shape[1], y[0, 0].numel()))
            x = y
    return WindowNetwork(tuple(_folded(stages)), bands, frames, x.shape[1] if x.ndim == 2 else 0)


def layer_outputs(network: nn.Sequential) -> dict[str, nn.Module]:
    """For each layer, the module whose output a target means by it."""
    outputs = {}
    for name, child in network.named_children():
        inner = [module for _, module in _leaves(child)]
        if any(isinstance(module, nn.Conv1d | nn.Conv2d) for module in child.modules()):
            outputs[name] = next((module for module in reversed(inner) if activation(module)), inner[-1])
    return outputs


def taps(graph: Graph, net: WindowNetwork, steps: int) -> Iterator[tuple[str, str]]:
    """Write a window network; yield the name of each tap and its value."""
    chain = Window(net)
    offsets = ascend(graph, chain, steps)
    yield from ((f"window_offset_{step}", turned(graph, offset)) for step, offset in enumerate(offsets) if step)
    outputs = chain.outputs(graph, offsets[0])
    for stage, y in zip(net.stages, outputs, strict=True):
        if stage.layer:
            yield f"window_y_{stage.layer}", graph.reshape(y, [0, stage.filters, stage.positions])
    if net.classes:
        yield "window_logits", outputs[-1]


@dataclass(frozen=True)
class Window:
    """The whole window moves: every stage forward, and every adjoint back."""

    net: WindowNetwork

    def extent(self, graph: Graph) -> str:
        return graph.constant([self.net.frames, self.net.bands])

    def outputs(self, graph: Graph, offset: str) -> list[str]:
        """Output of each stage at `features` + `offset`."""
        x, outputs = graph.op("Add", "features", turned(graph, offset)), list[str]()
        for stage in self.net.stages:
            outputs.append(x := stage.operator.forward(graph, x))
        return outputs

    def gradient(self, graph: Graph, offset: str) -> str:
        outputs = self.outputs(graph, offset)
        inputs = ["", *outputs]
        back = ""
        if self.net.classes:
            back = graph.op("Expand", graph.reshape("classes", [1, -1]), graph.op("Shape", outputs[-1]))
        for stage, x, y in reversed([*zip(self.net.stages, inputs, outputs, strict=False)]):
            if stage.layer:
                injected = injection(graph, y, stage.layer, stage.filters, stage.positions)
                back = graph.op("Add", back, injected) if back else injected
            if back:
                back = stage.operator.adjoint(graph, x, y, back)
        return turned(graph, back)


def injection(graph: Graph, y: str, layer: str, filters: int, positions: int) -> str:
    """Gradient at a layer's output `y` of the mean over its positions of u·y + ½v·y²."""
    share = graph.constant(1 / positions)
    flat = graph.reshape(y, [0, filters, positions])
    u, v = (graph.reshape(graph.op("Mul", f"{kind}_{layer}", share), [-1, 1]) for kind in "uv")
    injected = graph.op("Add", graph.op("Mul", flat, v), u)
    return graph.op("Reshape", injected, graph.op("Shape", y))


def _leaves(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Modules in the order in which nested `nn.Sequential`s run them, without those that only act in training."""
    if not isinstance(module, nn.Sequential):
        if not isinstance(module, PASSED):
            yield prefix, module
        return
    for name, child in module.named_children():
        yield from _leaves(child, f"{prefix}.{name}" if prefix else name)


def _operator(name: str, module: nn.Module, x: Tensor, y: Tensor) -> Operator:
    """A torch module as a layer of ours; `x` and `y` are an input and output of it."""
    sizes = tuple(x.shape[2:])
    if chosen := activation(module):
        return chosen
    match module:
        case nn.Conv1d() | nn.Conv2d() if module.padding_mode == "zeros":
            weight, bias = single(doubles(module.weight)), None if module.bias is None else single(doubles(module.bias))
            stride, pads, dilation = tuple(module.stride), _pads(module), tuple(module.dilation)
            return Convolution(name, weight, bias, stride, pads, dilation, module.groups, sizes)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            scale, shift = batch_norm(module)
            return Scaling(name, single(scale), single(shift), len(sizes))
        case nn.AvgPool1d() | nn.AvgPool2d() if not (module.ceil_mode or getattr(module, "divisor_override", None)):
            kernel, stride, padding = (_each(v, sizes) for v in (module.kernel_size, module.stride, module.padding))
            return AveragePool(x.shape[1], kernel, stride, padding * 2, module.count_include_pad, sizes)
        case nn.MaxPool1d() | nn.MaxPool2d() if not module.ceil_mode:
            kernel, stride, padding, dilation = (
                _each(v, sizes) for v in (module.kernel_size, module.stride, module.padding, module.dilation)
            )
            return MaxPool(kernel, stride, padding * 2, dilation)
        case nn.AdaptiveAvgPool1d() | nn.AdaptiveAvgPool2d():
            axes = sum(size == 1 for size in y.shape[2:])
            if axes and tuple(y.shape[2:]) == sizes[: len(sizes) - axes] + (1,) * axes:
                return Mean(axes, int(np.prod(sizes[len(sizes) - axes :])))
        case nn.GLU() if module.dim in (1, 1 - x.ndim):
            return Gate(y.shape[1])
        case Joined():
            rows = tuple(_row(f"{name}.{index}", branch, x) for index, branch in enumerate(module))
            return Join(module.join, tuple(row for row, _ in rows), tuple(width for _, width in rows))
        case nn.Flatten() if module.start_dim == 1 and module.end_dim == -1:
            return Reshaping(tuple(x.shape[1:]), tuple(y.shape[1:]))
        case nn.Linear() if x.ndim == 2:
            bias_ = np.zeros(module.out_features) if module.bias is None else doubles(module.bias)
            return Linear(name, single(doubles(module.weight)), single(bias_))
    raise ValueError(
        f"{name} is {module}: expected convolutions padded with zeros, batch norm, ReLU, LeakyReLU, ELU, Sigmoid, "
        "Tanh, GLU, branches that are joined, average and max pooling, means over time (AdaptiveAvgPool to 1), Flatten "
        "and Linear"
    )


def _row(name: str, branch: nn.Module, x: Tensor) -> tuple[tuple[Operator, ...], int]:
    """A branch as operators, and the filters of its output."""
    row = []
    for part, module in _leaves(branch):
        y = module(x)
        row.append(_operator(".".join(filter(None, (name, part))), module, x, y))
        x = y
    return tuple(row), x.shape[1]


def _pads(module: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
    """Zeros before each axis, then after each."""
    if module.padding == "same":
        whole = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return tuple(total // 2 for total in whole) + tuple(total - total // 2 for total in whole)
    padding = (0,) * len(module.kernel_size) if isinstance(module.padding, str) else tuple(module.padding)
    return padding * 2


def _each(value: Any, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """A setting of torch's for each axis."""
    return tuple(value) if isinstance(value, tuple) else (int(value),) * len(sizes)


def _folded(stages: list[Stage]) -> Iterator[Stage]:
    """Scalings folded into convolutions where that changes no output: none that a target names, no padded one."""
    kept: list[Stage] = []
    for stage in stages:
        before = kept[-1] if kept else None
        if before and isinstance(before.operator, Convolution) and not before.layer:
            if isinstance(stage.operator, Scaling):
                kept[-1] = replace(stage, operator=_scaled_after(before.operator, stage.operator))
                continue
        elif before and isinstance(before.operator, Scaling) and not before.layer:
            conv = stage.operator
            if isinstance(conv, Convolution) and not any(conv.pads) and before.operator.axes == len(conv.stride):
                kept[-1] = replace(stage, operator=_scaled_before(conv, before.operator))
                continue
        kept.append(stage)
    yield from kept


def _scaled_after(conv: Convolution, scaling: Scaling) -> Convolution:
    """scaling(conv(x)) as one convolution."""
    weight = conv.weight * scaling.scale.reshape(-1, *[1] * (conv.weight.ndim - 1))
    bias = scaling.shift if conv.bias is None else scaling.scale * conv.bias + scaling.shift
    return replace(conv, weight=weight, bias=bias)


def _scaled_before(conv: Convolution, scaling: Scaling) -> Convolution:
    """conv(scaling(x)) as one convolution; each group of filters sees its own group of inputs."""
    shape = conv.groups, 1, conv.weight.shape[1], *[1] * (conv.weight.ndim - 2)
    weight = conv.weight.reshape(conv.groups, -1, *conv.weight.shape[1:])
    shift = (weight * scaling.shift.reshape(shape)).sum(axis=tuple(range(2, weight.ndim))).reshape(-1)
    scaled = (weight * scaling.scale.reshape(shape)).reshape(conv.weight.shape)
    return replace(conv, weight=scaled, bias=shift if conv.bias is None else conv.bias + shift)
