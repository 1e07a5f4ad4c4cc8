"""Listeners that see no picture, but numbers that describe one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dreampedal.export.nets.listeners.parts import columns, level, mean_and_most, over_time

CEPSTRA = 20
RATES = 24
"""Of modulation, from 0 to a half of the frame rate that they are averaged from."""


class Statistics(nn.Module):
    """Mean and spread of each band, weighed by loudness, and how much it changes at two speeds."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Sequential(
            nn.BatchNorm1d(4 * bands), nn.Linear(4 * bands, 192), nn.ReLU(), nn.Dropout(0.3), nn.Linear(192, 96),
            nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, classes),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        loud = level(features)
        weights, colour = torch.softmax(loud, -1), features - loud
        mean = (colour * weights).sum(-1)
        spread = ((colour - mean[..., None]) ** 2 * weights).sum(-1).add(1e-4).sqrt()
        fast, slow = ((features[..., n:] - features[..., :-n]).abs().mean(-1) for n in (1, 6))
        logits: Tensor = self.head(torch.cat([mean / 3, spread, fast * 3, slow], 1))
        return logits


class Cepstral(nn.Module):
    """Cepstra, their changes, and the course of the level: timbre and envelope, not how loud."""

    basis: Tensor

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        place = torch.arange(bands) + 0.5
        basis = torch.cos(math.pi / bands * torch.arange(1, CEPSTRA + 1)[:, None] * place) * math.sqrt(2 / bands)
        self.register_buffer("basis", basis)
        self.seen = nn.Sequential(columns(2 * CEPSTRA + 4, 64, 3), columns(64, 64, 5), columns(64, 64, 5, 2))
        self.head = nn.Linear(192, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        cepstra, loud = torch.einsum("kb,nbt->nkt", self.basis, features), level(features)
        loud = loud - loud.mean(-1, keepdim=True)
        courses = [over_time(loud, frames) for frames in (1, 4, 12)]
        seen = self.seen(torch.cat([cepstra / 2, over_time(cepstra, 4) / 2, loud, *courses], 1))
        logits: Tensor = self.head(torch.cat([mean_and_most(seen), seen.std(-1)], 1))
        return logits


class Modulations(nn.Module):
    """How fast each band moves: the spectrum of its course over time (after Dau, Kollmeier and Kohlrausch 1997)."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Sequential(
            nn.BatchNorm1d(bands * (RATES + 1)), nn.Dropout(0.2), nn.Linear(bands * (RATES + 1), 128), nn.ReLU(),
            nn.Dropout(0.3), nn.Linear(128, classes),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        colour = features - level(features).mean(-1, keepdim=True)
        moved = colour - colour.mean(-1, keepdim=True)
        window = torch.hann_window(moved.shape[-1], periodic=False)
        rates = torch.fft.rfft(moved * window).abs()[..., 1:] / moved.shape[-1] ** 0.5
        pooled = nn.functional.adaptive_avg_pool1d(rates, RATES).add(1e-3).log()
        logits: Tensor = self.head(torch.cat([pooled, colour.mean(-1, keepdim=True)], 2).flatten(1))
        return logits
