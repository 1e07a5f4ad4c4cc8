"""Listeners that see a picture of bands over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dreampedal.export.nets.listeners.parts import columns, image, mean_and_most, normalised


class Small(nn.Module):
    """3 × 3 convolutions, and the mean over time (after Simonyan and Zisserman 2015)."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            image(1, 16, (3, 3), 2), image(16, 32, (3, 3), 2), image(32, 48, (3, 3), (2, 1)),
            image(48, 64, (3, 3), (1, 2)), nn.AvgPool2d((2, 1)),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.3), nn.LazyLinear(classes))

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        logits: Tensor = self.head(self.seen(normalised(features)[:, None]).mean(-1).flatten(1))
        return logits


class Harmonic(nn.Module):
    """Kernels three octaves tall slide over log frequency, then the best place counts: pitch matters little."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(image(1, 16, (37, 3), (1, 3)), image(16, 32, (3, 3), 2))
        self.followed = nn.Sequential(columns(64, 64, 3), columns(64, 64, 3))
        self.head = nn.Linear(128, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        seen = self.seen(normalised(features)[:, None])
        logits: Tensor = self.head(mean_and_most(self.followed(torch.cat([seen.mean(2), seen.amax(2)], 1))))
        return logits


class Residual(nn.Module):
    """A residual network (He et al. 2016) on a picture reduced four times at once."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.first = image(1, 24, (7, 5), 4)
        self.second = nn.Sequential(image(24, 24, (3, 3)), image(24, 24, (3, 3)))
        self.third, self.fourth = image(24, 48, (3, 3), 2), image(48, 48, (3, 3))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(96 + 48 * 4, classes))

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, classes)."""
        seen = self.first(normalised(features)[:, None])
        seen = self.third(seen + self.second(seen))
        seen = seen + self.fourth(seen)
        heights = nn.functional.adaptive_avg_pool2d(seen, (4, 1)).flatten(1)
        logits: Tensor = self.head(torch.cat([seen.mean((2, 3)), seen.amax(2).mean(-1), heights], 1))
        return logits
