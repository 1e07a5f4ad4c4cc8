"""Equalisers that are learned as students are: one curve a class, the same for every sound and at every time.

What a tone control could do at its best, and so what a student has to surpass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dreampedal.export.nets.students.student import GAIN, Offsets


class Curves(nn.Module):
    """A curve for each target, played in place of a student's offsets."""

    carriers: tuple[str, ...] = ()

    def __init__(self, targets: Sequence[str], bands: int = 96) -> None:
        super().__init__()
        self.targets, self.bands = tuple(targets), bands
        self.curves = nn.Parameter(torch.zeros(len(targets), bands))

    def forward(self, features: Tensor, target: Tensor, reach: Tensor) -> Offsets:
        """As `Student`: features (n, bands, frames), target (n, targets), reach (n,) in nepers."""
        wanted = nn.functional.pad((target @ self.curves)[:, None], (1, 1), "replicate")
        wanted = nn.functional.avg_pool1d(wanted, 3, 1)[:, 0, :, None]
        most = reach[:, None, None]
        offset = most * torch.tanh(wanted * GAIN / most)
        frames = features.shape[-1]
        return Offsets(offset.expand(-1, -1, frames), features.new_zeros(len(features), 0, self.bands, frames))
