"""Adversarial training: features moved against the network, by a few dB at most.

Projected gradient descent (Madry et al. 2018, section 2.1): from a random start within the budget, a few steps along
the sign of the gradient of the loss, each followed by a return into the budget. What is moved is the level of each
band at each frame, in dB, so that a budget means the same for every input that has levels. Networks trained so have
gradients that point at what can be heard, and dream better (Engstrom et al. 2019, section 4).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.inputs import Envelope, Input, LogBands, Mel

POWER_FLOOR = 1e-6
"""Of `Mel` with "log" compression."""
ROUNDING = 0.01
"""How far float16 may have moved the floor of features."""


def moved(input: Input, x: Tensor, level_db: Tensor | float) -> Tensor:
    """Features when each level changes by `level_db`: no further down than their floor, where silence stays.

    Args:
        x: features of `input`, shape (clips, rows, frames); level_db: of a shape that broadcasts with it.

    Raises:
        ValueError: where the input has no levels (samples, and images that were scaled).

    >>> moved(LogBands(), torch.zeros(1, 1, 1), 20.0).item()
    2.30258...
    >>> moved(Mel.musicnn(), torch.full((1, 1, 1), 4.0), -10.0).item()
    3.00039...
    """
    if isinstance(input, LogBands | Envelope):
        floor_db = input.bands.floor_db if isinstance(input, LogBands) else input.floor_db
        return _sounding(x + level_db * (math.log(10) / 20), x, floor_db * math.log(10) / 20)
    if isinstance(input, Mel) and input.compression == "log":
        return _sounding(x + level_db * (math.log(10) / 10), x, math.log(POWER_FLOOR))
    if isinstance(input, Mel):
        gain = 10 ** (torch.as_tensor(level_db) / 10)
        return torch.log10(1 + (10**x - 1) * gain)
    raise ValueError(f"{input.kind!r} has no levels to change: expected an input that has: log_bands, mel, envelope")


def attacked(net: nn.Module, input: Input, x: Tensor, targets: Tensor, budget_db: float, steps: int) -> Tensor:
    """Features near `x` on which the network does worse.

    The network is in evaluation mode meanwhile, so that its running statistics stay as they are.

    Args:
        x: (clips, rows, frames); targets: class weights (clips, classes), as `Batches` gives them.
        budget_db: largest change of any level; steps: of 2.5 × budget / steps each.

    Returns:
        Of the shape of `x`, with no gradient to it.
    """
    training = net.training
    net.eval()
    change = (2 * torch.rand_like(x) - 1) * budget_db
    # cuDNN's LSTM has no gradient in evaluation mode.
    with torch.backends.cudnn.flags(enabled=False):
        for _ in range(steps):
            change.requires_grad_(True)
            loss = nn.functional.cross_entropy(net(moved(input, x, change)), targets, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, change)
            with torch.no_grad():
                change = (change + 2.5 * budget_db / steps * gradient.sign()).clamp(-budget_db, budget_db)
    net.train(training)
    return moved(input, x, change).detach()


def _sounding(y: Tensor, x: Tensor, floor: float) -> Tensor:
    """`y` down to the floor, where `x` lies above it; silence stays silence, however loud it is played."""
    return torch.where(x > floor + ROUNDING, y.clamp_min(floor), x)
