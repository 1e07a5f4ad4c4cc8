"""Several networks that are asked together: the mean of their probabilities.

Networks that differ in their first weights alone err in different places, so that their mean errs less (Hansen and
Salamon 1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dreampedal.export.nets.net import Net


class Ensemble(nn.Module):
    """Networks of the same classes that hear the same clips, as one.

    Its logits are logarithms of the mean of the networks' probabilities: a softmax gives that mean back, so whatever
    judges or exports a network takes an ensemble too.

    Raises:
        ValueError: if there are fewer than two networks, or they do not hear and name the same.
    """

    name = "ensemble"
    dreams = None

    def __init__(self, nets: Sequence[Net]) -> None:
        super().__init__()
        if len(nets) < 2:
            raise ValueError(f"an ensemble of {len(nets)}: expected two networks or more")
        first = nets[0]
        for net in nets[1:]:
            for what in ("classes", "input", "seconds"):
                found, wanted = getattr(net, what), getattr(first, what)
                if found != wanted:
                    raise ValueError(f"an ensemble of networks that differ: {what} is {found}: expected {wanted}")
        self.task, self.classes, self.input, self.seconds = first.task, first.classes, first.input, first.seconds
        self.settings = first.settings
        self.nets = nn.ModuleList(nets)

    def layers(self) -> dict[str, nn.Module]:
        """None: an ensemble only names."""
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, rows, frames) to logits (n, classes)."""
        shares = torch.stack([net(x).log_softmax(1) for net in self.nets])
        return shares.logsumexp(0) - math.log(len(self.nets))
