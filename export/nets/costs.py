"""What a network costs: its numbers, the multiplications of a clip, and the width at which two kinds cost the same."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.inputs import Input
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import NETWORKS, build


def parameters(net: nn.Module) -> int:
    """How many numbers training moves."""
    return sum(parameter.numel() for parameter in net.parameters())


def multiply_adds(net: Net) -> int:
    """Multiplications with addition in convolutions, dense and recurrent layers for one clip of `net.seconds`.

    Nothing is computed: the network runs on torch's `meta` device, on shapes alone.
    """
    twin = copy.deepcopy(net).to("meta").eval()
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        nonlocal counted
        counted += _multiply_adds(module, inputs[0], output)

    hooks = [module.register_forward_hook(count) for module in twin.modules() if isinstance(module, COUNTED)]
    with torch.no_grad():
        twin(torch.zeros(1, *net.task.shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return counted


def width_for(
    cost: int,
    name: str,
    classes: Sequence[str],
    *,
    setting: str = "width",
    input: Input | None = None,
    seconds: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """The width at which a network's multiply-adds a clip lie nearest to `cost`.

    Args:
        cost: in multiply-adds, for instance `multiply_adds` of the network to compare with.
        setting: the setting that is the width, of a network whose cost grows with it.
        settings: the others.

    Raises:
        ValueError: if the network has no such setting, or `cost` is below that of width 1.
    """
    if name in NETWORKS and setting not in NETWORKS[name].settings.model_fields:
        raise ValueError(f"{name} has no setting {setting!r}: expected one of its width")
    others = {key: value for key, value in (settings or {}).items() if key != "filters"}

    @cache
    def at(width: int) -> int:
        with torch.device("meta"):
            return multiply_adds(build(name, classes, input, seconds, others | {setting: width}))

    if at(1) > cost:
        raise ValueError(f"{name} takes {at(1):,} multiply-adds at width 1: expected a cost of at least that")
    above = 2
    while at(above) < cost:
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if at(middle) <= cost else (below, middle)
    return min((below, above), key=lambda width: abs(math.log(at(width) / cost)))


COUNTED = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.LSTM, nn.GRU)


def _multiply_adds(module: nn.Module, x: Tensor, output: Any) -> int:
    match module:
        case nn.Conv1d() | nn.Conv2d():
            return output.numel() * module.weight[0].numel()
        case nn.Linear():
            return output.numel() * module.in_features
        case nn.LSTM() | nn.GRU():
            weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
            return x.shape[0] * x.shape[1] * weights
    return 0
