"""Random rooms, recorders and mixers between a sound and a listener, made to the features of several layouts alike.

What survives all of them is no trick on one network: it is in the sound (after Athalye et al. 2018, "Synthesizing
Robust Adversarial Examples", section 2: expectation over transformation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from dreampedal.export.nets.listeners.layouts import FLOOR, NEPERS, Layout

CURVES = 10
"""Cosines over the logarithm of frequency that a random equaliser is made of."""
LOW_HZ, OCTAVES = 50.0, math.log2(320)
SHARPNESS = 4.0
"""Of the soft floor."""


@dataclass(frozen=True)
class Rooms:
    """How far rooms go.

    Fields:
        equaliser_db: of the random smooth equaliser, and a quarter of it an octave of tilt.
        noise_share: of sounds with a steady noise; noise_db: so far under their loudest band.
        limited_share: of sounds limited in bandwidth, at either end.
        level_db: of the loudest band in the end.
    """

    equaliser_db: float = 9.0
    noise_share: float = 0.5
    noise_db: tuple[float, float] = (20.0, 65.0)
    limited_share: float = 0.15
    level_db: tuple[float, float] = (-34.0, -4.0)

    def __call__(self, features: Sequence[Tensor], layouts: Sequence[Layout], random: Generator) -> list[Tensor]:
        """Features (n, bands, frames) of some sounds in each of `layouts`, as heard in a random room a sound."""
        count = features[0].shape[0]

        def between(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(count, 1, 1, generator=random)

        def some(share: float) -> Tensor:
            return torch.rand(count, 1, 1, generator=random) < share

        weights = torch.randn(count, CURVES, 1, generator=random) / torch.arange(1, CURVES + 1)[:, None] ** 0.5
        phase, depth = between(0, 0.6), between(0, self.equaliser_db)
        tilt = between(-self.equaliser_db / 4, self.equaliser_db / 4)
        top = torch.where(some(self.limited_share), 2000 * 6 ** between(0, 1), torch.tensor(1e6))
        bottom = torch.where(some(self.limited_share), 50 * 7 ** between(0, 1), torch.tensor(1.0))
        steep = between(12, 48)
        noisy, below, falling = some(self.noise_share), between(*self.noise_db), between(-6, 3)
        level = between(*self.level_db) * NEPERS
        heard = []
        for x, layout in zip(features, layouts, strict=True):
            hz = layout.centres_hz[:, None]
            octave = torch.log2(hz / LOW_HZ)
            order = torch.arange(1, CURVES + 1)[:, None, None] * math.pi
            cosines = torch.cos(order * (octave[:, 0] / OCTAVES + phase.transpose(0, 1)))  # (curves, n, bands)
            curve = torch.einsum("nkl,knb->nb", weights, cosines)[..., None]
            cut = steep * (torch.log2(hz / top).clamp_min(0) + torch.log2(bottom / hz).clamp_min(0))
            x = x + (curve / 2.2 * depth + tilt * (octave - OCTAVES / 2) - cut) * NEPERS
            most = x.detach().amax((1, 2), keepdim=True)
            noise = most + (falling * torch.log2(hz / 400) - below) * NEPERS
            noise = noise + 0.3 * torch.randn(x.shape, generator=random)
            x = torch.where(noisy, torch.logaddexp(x, noise), x)
            x = x + level - x.detach().amax((1, 2), keepdim=True)
            heard.append(torch.nn.functional.softplus((x - FLOOR) * SHARPNESS) / SHARPNESS + FLOOR)
        return heard
