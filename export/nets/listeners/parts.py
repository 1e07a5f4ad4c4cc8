"""What listeners are built of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DROPOUT = 0.1


def columns(channels: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution over time with batch norm and ReLU, (n, channels, frames) to (n, filters, frames / stride)."""
    return nn.Sequential(
        nn.Conv1d(channels, filters, kernel, stride, padding=kernel // 2),
        nn.BatchNorm1d(filters), nn.ReLU(), nn.Dropout(DROPOUT),
    )  # fmt: skip


def image(channels: int, filters: int, kernel: tuple[int, int], stride: int | tuple[int, int] = 1) -> nn.Sequential:
    """A convolution over bands and time with batch norm and ReLU."""
    padding = kernel[0] // 2, kernel[1] // 2
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel, stride, padding=padding), nn.BatchNorm2d(filters), nn.ReLU()
    )


def normalised(features: Tensor) -> Tensor:
    """Features about as large as 1."""
    return (features + 6) / 2.5


def mean_and_most(x: Tensor) -> Tensor:
    """Over the last axis, (n, filters, frames) to (n, 2 filters)."""
    return torch.cat([x.mean(-1), x.amax(-1)], 1)


def level(features: Tensor) -> Tensor:
    """How loud each frame is, nepers, (n, 1, frames)."""
    return 0.5 * torch.logsumexp(2 * features, 1, keepdim=True)


def over_time(x: Tensor, frames: int) -> Tensor:
    """How much `x` changed within so many frames, of the shape of `x`; nothing at the beginning."""
    return nn.functional.pad(x[..., frames:] - x[..., :-frames], (frames, 0))
