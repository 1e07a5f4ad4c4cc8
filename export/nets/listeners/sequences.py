"""Listeners that see columns of bands, one after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreampedal.export.nets.listeners.parts import columns, mean_and_most, normalised

MOST_STEPS = 64
"""Columns that `Attention` can tell apart."""


class Columns(nn.Module):
    """Full-height convolutions over time, at three speeds."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(columns(bands, 96, 5), columns(96, 96, 5, 2), columns(96, 128, 5, 2))
        self.head = nn.Linear(256, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        logits: Tensor = self.head(mean_and_most(self.seen(normalised(features))))
        return logits


class Frames(nn.Module):
    """Each frame by itself, with no regard to their order: what a still picture of the spectrum tells."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(columns(bands, 160, 1), columns(160, 96, 1), columns(96, 96, 1))
        self.head = nn.Linear(192, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        logits: Tensor = self.head(mean_and_most(self.seen(normalised(features))))
        return logits


class Recurrent(nn.Module):
    """Gated recurrent units (Cho et al. 2014)."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(nn.Conv1d(bands, 64, 4, 2), nn.BatchNorm1d(64), nn.ReLU())
        self.followed = nn.GRU(64, 96, batch_first=True)
        self.head = nn.Linear(192, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        heard, _ = self.followed(self.seen(normalised(features)).transpose(1, 2))
        logits: Tensor = self.head(mean_and_most(heard.transpose(1, 2)))
        return logits


class Attention(nn.Module):
    """Two layers of self-attention (Vaswani et al. 2017) over steps of four columns."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(nn.Conv1d(bands, 96, 4, 4), nn.BatchNorm1d(96))
        layer = nn.TransformerEncoderLayer(96, 4, 192, 0.1, batch_first=True, norm_first=True)
        self.followed = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.place = nn.Parameter(torch.randn(MOST_STEPS, 96) * 0.02)
        self.head = nn.Linear(96, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, up to 259 frames) to (n, classes)."""
        seen = self.seen(normalised(features)).transpose(1, 2)
        logits: Tensor = self.head(self.followed(seen + self.place[: seen.shape[1]]).mean(1))
        return logits
