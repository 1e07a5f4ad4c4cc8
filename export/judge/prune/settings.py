"""How a network is pruned, as declared data, and how it is trained in between."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Annotated

from pydantic import Field

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.plan import Plan

Tune = Callable[[Net], Net]
"""Trains a network a little more, and returns it."""


class Pruning(Strict):
    """How far and how carefully to go.

    Fields:
        limit: what accuracy on the validation set may lose, as a share of its clips: 0.01 is one point.
        enough: share of the kernels that is to go; 1: as many as can.
        alike: two kernels of a layer resemble each other from this cosine on.
        tries: kernels tried in a step before nothing more can go, half of them at most for being alike.
        at_once: kernels taken out together as long as that stays within the limit; then half as many, and at last one
            by one. More than 1 is faster and a little less careful.
        tunings: times that the network is trained a little more.
        share: of the kernels that are left, what goes before each tuning whatever it costs.
        settling_clips: of the training set, from which the statistics of batch norms are read.
        judging_clips: of the training set, from which usefulness is read.
    """

    limit: Annotated[float, Field(ge=0, le=1)] = 0.01
    enough: Annotated[float, Field(gt=0, le=1)] = 1.0
    alike: Annotated[float, Field(ge=0, le=1)] = 0.8
    tries: Positive = 8
    at_once: Positive = 1
    tunings: Annotated[int, Field(ge=0)] = 0
    share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    settling_clips: Positive = 256
    judging_clips: Positive = 512


def rewound(plan: Plan, clips: int, epochs: int) -> Plan:
    """How a network with fewer kernels is trained a little more: by its own plan with the rate that it began with.

    A rate as low as training ended with brings less back (Renda et al. 2020, "Comparing rewinding and fine-tuning in
    neural network pruning"). It falls to a hundredth, and the weights are averaged over the last tenth of the steps.

    Args:
        clips: how many there are to learn from.

    >>> plan = rewound(Plan(learning_rate=3e-3, averaging=0.995), clips=6400, epochs=5)
    >>> plan.epochs, plan.learning_rate, plan.averaging, plan.schedule
    (5, 0.003, 0.98, 'cosine')
    """
    steps = epochs * ceil(clips / plan.batch)
    return plan.changed(
        epochs=epochs, schedule="cosine", rising_epochs=0.0, least_learning_rate=plan.learning_rate / 100,
        averaging=max(0.0, 1 - 10 / steps), patience_epochs=None, minutes=None,
    )  # fmt: skip
