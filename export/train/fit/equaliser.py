"""Random equalisers and gains, made to features as they are read: what a room, a microphone or a desk does to a sound.

They cost next to nothing, where changed copies of sounds (`data.changes`) have to be encoded. A network that hears
every clip through another equaliser cannot go by the colour of a recording.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dreampedal.engine.model.format.inputs import Input
from dreampedal.export.data.batches import Change
from dreampedal.export.train.fit.adversary import moved
from dreampedal.export.train.fit.plan import Plan

POINTS = 8
"""Gains that are drawn over all rows; straight lines in dB lie between them."""


def equalised(input: Input, x: Tensor, equaliser_db: float, gain_db: float, random: Generator) -> Tensor:
    """Features of each clip as through an equaliser of its own.

    Args:
        x: features of `input`, (clips, rows, frames).
        equaliser_db: gains of the equaliser are drawn evenly up to so much either way; gain_db: likewise, of all rows.

    >>> from dreampedal.engine.model.format.inputs import LogBands
    >>> x = equalised(LogBands(), torch.zeros(2, 96, 3), 6.0, 0.0, Generator().manual_seed(0))
    >>> x.shape, bool((x.abs() <= 0.6908).all()), bool((x[0] == x[1]).any())
    (torch.Size([2, 96, 3]), True, False)
    """
    clips, rows, _ = x.shape
    drawn = (2 * torch.rand(clips, 1, POINTS, generator=random) - 1) * equaliser_db
    curves = torch.nn.functional.interpolate(drawn, rows, mode="linear", align_corners=rows > 1)
    gains = (2 * torch.rand(clips, 1, 1, generator=random) - 1) * gain_db
    return moved(input, x, curves.transpose(1, 2) + gains)


def change_for(plan: Plan, input: Input) -> Change | None:
    """What a plan wants done to the features of each batch, as `Batches` takes it; None where it wants nothing.

    Raises:
        ValueError: where the plan wants levels changed, and the input has none.
    """
    if plan.adversarial_db or plan.equaliser_db or plan.gain_db:
        moved(input, torch.zeros(1, 1, 1), 0.0)
    if not plan.equaliser_db and not plan.gain_db:
        return None
    return lambda x, targets, random: (equalised(input, x, plan.equaliser_db, plan.gain_db, random), targets)
