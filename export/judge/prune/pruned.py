"""What became of a network whose kernels were taken out: the smaller network, and the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from dreampedal.export.judge.prune.kernels import convolutions
from dreampedal.export.judge.prune.usefulness import Candidate
from dreampedal.export.metrics.scores import Scores
from dreampedal.export.nets.costs import multiply_adds, parameters
from dreampedal.export.nets.net import Net


@dataclass(frozen=True)
class Step:
    """What was taken out at once, and how the network that is left fares.

    Fields:
        removed: the kernels.
        kernels, accuracy, loss: of what is left, on the validation set.
    """

    removed: tuple[Candidate, ...]
    kernels: int
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Tuning:
    """A little more training.

    Fields:
        steps: taken before it; kernels: that there were.
        accuracy_before, accuracy: on the validation set, of what was cut and of what training made of it.
    """

    steps: int
    kernels: int
    accuracy_before: float
    accuracy: float


@dataclass(frozen=True)
class Size:
    """What a network costs: kernels, numbers, and multiply-adds a clip."""

    kernels: int
    filters: dict[str, int]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Pruned:
    """The smaller network `net`, and what it took and cost.

    Fields:
        before, after: sizes.
        validation: accuracy on the validation set before and after, by clip.
        test_before, test_after: figures on the test set; None if there was none.
        steps: in order; tuned: the trainings between them. Those that were given up are in neither.
        ended: why it went no further, in words.
    """

    net: Net
    before: Size
    after: Size
    validation: tuple[float, float]
    test_before: Scores | None
    test_after: Scores | None
    steps: tuple[Step, ...]
    tuned: tuple[Tuning, ...] = field(default=())
    ended: str = ""

    @property
    def gone(self) -> float:
        """Share of the kernels that are gone, from 0 to 1."""
        return 1 - self.after.kernels / self.before.kernels

    @property
    def course(self) -> list[tuple[float, float]]:
        """Share of the kernels that were gone, and accuracy on the validation set, at first and after each step and
        each training."""
        total = self.before.kernels
        points = [(0.0, self.validation[0])]
        for number, step in enumerate(self.steps, 1):
            points.append((1 - step.kernels / total, step.accuracy))
            points += [(1 - one.kernels / total, one.accuracy) for one in self.tuned if one.steps == number]
        return points

    def to_json(self) -> dict[str, Any]:
        """All but the network, as dictionaries, lists, numbers, strings and None."""
        report: dict[str, Any] = {"validation": self.validation, "tuned": [asdict(one) for one in self.tuned]}
        parts = {name: getattr(self, name) for name in ("before", "after", "test_before", "test_after")}
        report |= {name: None if part is None else asdict(part) for name, part in parts.items()}
        return report | {"gone": self.gone, "ended": self.ended, "steps": [asdict(step) for step in self.steps]}


def size(net: Net) -> Size:
    """What a network costs."""
    filters = {convolution.layer: convolution.filters for convolution in convolutions(net)}
    return Size(sum(filters.values()), filters, parameters(net), multiply_adds(net))
