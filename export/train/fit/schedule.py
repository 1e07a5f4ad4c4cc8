"""What a training decides from epoch to epoch: the learning rate, the best epoch, and when to end.

A `Course` is all that is remembered for it, plain numbers that lie in every checkpoint; the functions are pure. torch's
schedulers count steps, where a plan goes by epochs, minutes and validation: they would remember it a second time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dreampedal.export.train.fit.plan import Plan


@dataclass(frozen=True)
class Course:
    """How validation has gone so far.

    Fields:
        best: (judged figure, larger is better; minus the loss) of the best epoch; best_epoch: which, from 1; 0: none.
        cuts: how many times the learning rate has been cut.
        waited: epochs since the best one or the last cut.
        mark: the figure that early stopping compares with; idle: epochs since one was better by `least_gain`.
    """

    best: tuple[float, float] = (-math.inf, -math.inf)
    best_epoch: int = 0
    cuts: int = 0
    waited: int = 0
    mark: float = -math.inf
    idle: int = 0


def after_epoch(course: Course, plan: Plan, epoch: int, loss: float, accuracy: float) -> Course:
    """The course after an epoch was judged.

    Args:
        epoch: from 1; loss: in nats; accuracy: 0 to 1.

    >>> plan = Plan(schedule="plateau", plateau_epochs=2, patience_epochs=3)
    >>> course = Course()
    >>> for epoch, accuracy in enumerate((0.5, 0.6, 0.6, 0.55), 1):
    ...     course = after_epoch(course, plan, epoch, 1.0, accuracy)
    >>> course.best_epoch, course.cuts, course.waited, course.idle
    (2, 1, 0, 2)
    """
    score = (accuracy if plan.judged_by == "accuracy" else -loss, -loss)
    if score > course.best:
        course = replace(course, best=score, best_epoch=epoch, waited=0)
    else:
        course = replace(course, waited=course.waited + 1)
        if plan.schedule == "plateau" and course.waited >= plan.plateau_epochs:
            course = replace(course, cuts=course.cuts + 1, waited=0)
    gained = score[0] > course.mark and score[0] >= course.mark + plan.least_gain
    return replace(course, mark=score[0], idle=0) if gained else replace(course, idle=course.idle + 1)


def ended(course: Course, plan: Plan) -> bool:
    """Whether patience is at its end."""
    return plan.patience_epochs is not None and course.idle >= plan.patience_epochs


def learning_rate(plan: Plan, course: Course, epochs: float, share: float) -> float:
    """The learning rate of a step.

    Args:
        epochs: gone by so far, with the part of the present one.
        share: of the whole training gone by, 0 to 1, of its epochs or of its minutes.

    >>> plan = Plan(learning_rate=1.0, least_learning_rate=0.0, rising_epochs=2, schedule="cosine")
    >>> [round(learning_rate(plan, Course(), 40 * share, share), 3) for share in (0, 0.025, 0.5, 1)]
    [0.0, 0.499, 0.5, 0.0]
    >>> learning_rate(Plan(learning_rate=1.0, schedule="plateau"), Course(cuts=1), 9, 0.5)
    0.2
    """
    rate = plan.learning_rate
    if plan.schedule == "cosine":
        fallen = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        rate = plan.least_learning_rate + (rate - plan.least_learning_rate) * fallen
    elif plan.schedule == "plateau":
        rate = max(plan.least_learning_rate, rate * plan.plateau_factor**course.cuts)
    return rate * min(1.0, epochs / plan.rising_epochs) if plan.rising_epochs else rate
