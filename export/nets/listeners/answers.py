"""What a listener says, as log-probabilities: of classes, one of which a sound is, and of tags, any of which it has.

A student climbs the log-probability of its target either way.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Answers(nn.Module):
    """A listener's logits as log-probabilities.

    Args:
        listener: features to logits, (n, bands, frames) to (n, answers).
        classes: how many of its first logits are classes that exclude one another; the rest are tags.
    """

    def __init__(self, listener: nn.Module, classes: int) -> None:
        super().__init__()
        self.listener, self.classes = listener, classes

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, answers), each 0 or less."""
        return log_probabilities(self.listener(features), self.classes)


def log_probabilities(logits: Tensor, classes: int) -> Tensor:
    """Softmax over the first `classes` logits, sigmoid of each of the rest: (n, answers) to the same.

    >>> log_probabilities(torch.zeros(1, 4), 2).exp().tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """
    exclusive, free = logits[:, :classes], logits[:, classes:]
    return torch.cat([torch.log_softmax(exclusive, 1), nn.functional.logsigmoid(free)], 1)
