"""A smaller network that names as well: kernels taken out, the most alike and the least useful first.

At each step every kernel has a usefulness, and every pair of a layer a likeness. The less useful one of two that are
alike stands first in line, then the least useful of all. What is gone is gone physically: the next step works with a
smaller network. Whatever a kernel said on average moves into the biases of what heard it, and the statistics of batch
norms move as what they hear has moved.

Without training, kernels go as long as accuracy on the validation set stays within the limit. With it, a share of them
goes whatever that costs, and the network is trained a little more, again and again: many small cuts with training in
between leave less than one large one (Han et al. 2015, "Learning both weights and connections for efficient neural
networks", section 3.4; Molchanov et al. 2017). A network that training does not bring back within the limit is given
up for the last one that was, and half as many go from there. In the end kernels go without training again, and no more
are left than if there had been none.

Accuracy on the validation set decides, so it flatters; only the figures on the test set count, which is looked at
twice, before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.data.progress import Progress
from dreampedal.export.judge.prune.pruned import Pruned, size
from dreampedal.export.judge.prune.search import Search, Standing
from dreampedal.export.metrics.scores import Scores, probabilities, score
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.fitting import DivergenceError
from dreampedal.export.train.fit.plan import Plan

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips

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


def prune(
    net: Net,
    train: Clips,
    val: Clips,
    test: Clips | None = None,
    settings: Pruning | None = None,
    *,
    tune: Tune | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Take kernels out of a network while accuracy on the validation set falls by no more than the limit.

    Args:
        net: of the zoo, trained; it stays as it is.
        train: what usefulness and the statistics of batch norms are read from.
        val: what decides.
        test: what is reported.
        tune: how to train a little more, `settings.tunings` times at most; `retraining` makes one.
        progress: hears what is done, kernels gone, and kernels there were.

    Raises:
        ValueError: if the network has no kernels that can be taken out, or the sets have other classes than it.
    """
    settings = settings or Pruning()
    for clips in (train, val, *([test] if test is not None else [])):
        if tuple(clips.classes) != tuple(net.classes):
            raise ValueError(f"clips of {', '.join(clips.classes)}: expected {', '.join(net.classes)}")
    descent = _Descent(Search(net, train, val, settings), settings, progress)
    found = descent.tuned(tune) if tune is not None and settings.tunings else descent.untuned()
    return Pruned(
        found.net, size(net), size(found.net), (descent.search.start.accuracy, found.accuracy),
        _judged(net, test), _judged(found.net, test), found.steps, found.tuned, descent.ended,
    )  # fmt: skip


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


class _Descent:
    """The way down: how many go when, and which network is returned."""

    def __init__(self, search: Search, settings: Pruning, progress: Progress | None) -> None:
        self.search, self.settings, self.progress = search, settings, progress
        self.ended = ""
        self.least = search.start.kernels - ceil(settings.enough * search.start.kernels - 1e-9)

    def untuned(self) -> Standing:
        """As far as it goes within the limit."""
        return self._within(self.search.start)

    def tuned(self, tune: Tune) -> Standing:
        """As far as it goes with training in between.

        More than the share goes where that stays within the limit, until a training has failed. A training that brings
        nothing, or diverges, is left out. After the last one more goes within the limit, untrained; where that gets
        further from the start on, its network is what is returned.
        """
        standing = kept = self.search.start
        share, failed = self.settings.share, False
        for _ in range(self.settings.tunings):
            standing = self._whatever(standing, standing.kernels - max(1, round(share * standing.kernels)))
            if not failed and self.search.within(standing.accuracy):
                standing = self._within(standing)
            if standing is kept:
                break
            with suppress(DivergenceError):
                trained = self.search.tuned(standing, tune)
                standing = trained if trained.accuracy >= standing.accuracy else standing
            if self.search.within(standing.accuracy):
                kept = standing
            else:
                standing, share, failed = kept, share / 2, True
            if kept.kernels <= self.least:
                break
        found, ended = self._within(kept), self.ended
        if kept is not self.search.start and found.kernels > self.least:
            stiff = self.untuned()
            found, ended = (stiff, self.ended) if stiff.kernels < found.kernels else (found, ended)
        self.ended = ended if found.kernels <= self.least else f"no training is left, and {ended}"
        return found

    def _within(self, standing: Standing) -> Standing:
        """Less what can go within the limit; `ended` says why no more could."""
        self.search.at_once = self.settings.at_once
        while standing.kernels > self.least:
            step = self.search.step(standing, standing.kernels - self.least)
            if step is None:
                self.ended = self._stopped()
                return standing
            standing = self._told(step)
        self.ended = f"{1 - standing.kernels / self.search.start.kernels:.0%} of the kernels are gone, which is enough"
        return standing

    def _stopped(self) -> str:
        """Why not one more kernel went."""
        if self.search.refused is None:
            return "every layer has one kernel left"
        lost = 100 * (self.search.start.accuracy - self.search.refused)
        return f"one more kernel would cost {lost:.1f} points in all; the limit is {100 * self.settings.limit:g}"

    def _whatever(self, standing: Standing, aim: int) -> Standing:
        """Less so many that `aim` are left, or as few as may be left, whatever that costs."""
        aim = max(aim, self.least)
        while standing.kernels > aim:
            cut = self.search.cut(standing, standing.kernels - aim)
            if cut is None:
                break
            standing = self._told(cut)
        return standing

    def _told(self, standing: Standing) -> Standing:
        if self.progress is not None:
            total = self.search.start.kernels
            self.progress("pruning", total - standing.kernels, total)
        return standing


def _judged(net: Net, test: Clips | None) -> Scores | None:
    return None if test is None else score(probabilities(net, test), test.labels, test.groups, test.classes)
