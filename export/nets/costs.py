"""What a network costs: its numbers, and the multiplications of a clip."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from dreampedal.export.nets.net import Net


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


COUNTED = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.LSTM, nn.GRU)


def _multiply_adds(module: nn.Module, x: Tensor, output: Any) -> int:
    if isinstance(module, nn.LSTM | nn.GRU):
        weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
        return x.shape[0] * x.shape[1] * weights
    each = module.in_features if isinstance(module, nn.Linear) else module.get_parameter("weight")[0].numel()
    return int(output.numel() * each)
