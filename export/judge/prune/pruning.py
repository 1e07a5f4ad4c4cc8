"""A smaller network that names as well: kernels taken out, the most alike and the least useful first.

At each step every kernel has a usefulness, and every pair of a layer a likeness. The less useful one of two that are
alike stands first in line, then the least useful of all. What is gone is gone physically: the next step works with a
smaller network. What a kernel put out on average moves into the biases of its consumer, and the statistics of batch
norms move as their inputs have moved.

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

from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING

from dreampedal.export.data.progress import Progress
from dreampedal.export.judge.prune.pruned import Pruned, size
from dreampedal.export.judge.prune.search import Search, Standing
from dreampedal.export.judge.prune.settings import Pruning, Tune
from dreampedal.export.metrics.scores import score_net
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.fitting import DivergenceError

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips


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
    before, after = (None if test is None else score_net(one, test) for one in (net, found.net))
    return Pruned(
        found.net, size(net), size(found.net), (descent.search.start.accuracy, found.accuracy), before, after,
        found.steps, found.tuned, descent.ended,
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
