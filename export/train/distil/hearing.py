"""What a student is taught by: somebody who hears a sound and says how far it is from a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from dreampedal.export.nets.listeners.layouts import Layout


class Hearing(Protocol):
    """A teacher of students."""

    @property
    def name(self) -> str:
        """By which it is reported."""

    @property
    def layout(self) -> Layout:
        """How it sees sound."""

    def missed(self, features: Tensor, target: Tensor) -> Tensor:
        """How far features (n, bands, frames) are from the target (n, targets), nats or like them, (n,)."""


@dataclass(frozen=True)
class ClassHearing:
    """A listener that names classes, which are the student's targets: its loss is the cross-entropy."""

    name: str
    layout: Layout
    net: nn.Module

    def missed(self, features: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of a mixture of classes, (n,)."""
        return -(target * torch.log_softmax(self.net(features), 1)).sum(1)
