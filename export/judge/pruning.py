"""A smaller network that names as well: kernels taken out one by one.

At each step every kernel has a usefulness, and every pair of a layer a likeness. The less useful one of two that are
alike stands first in line, then the least useful of all; the first whose absence leaves accuracy on the validation set
within the limit is gone for good, physically: the next step works with a smaller network. Whatever it said on average
moves into the biases of what heard it, and the statistics of batch norms move as what they hear has moved. The test set
is looked at twice, before and after.

Accuracy on the validation set is what kernels are chosen by, so it flatters; only the figures on the test set count.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from dreampedal.engine.manifest import Positive, Strict

from ..zoo.net import Net
from .kernels import convolutions, weights, without
from .pruned import Pruned, Removed, Step, size
from .scores import TINY, Scores, probabilities, score
from .usefulness import Candidate, Statistics, heard_on_average, in_line, settle, statistics, usefulness

if TYPE_CHECKING:
    from ..sets.clips import Clips

Tune = Callable[[Net], Net]
"""Trains a network a little more, and returns it."""
Progress = Callable[[str, int, int], None]


class Pruning(Strict):
    """How far and how carefully to go.

    Fields:
        limit: what accuracy on the validation set may lose, as a share of its clips: 0.01 is one point.
        alike: two kernels of a layer resemble each other from this cosine on.
        tries: kernels tried in a step before nothing more can go, half of them at most for being alike.
        at_once: kernels taken out together as long as that stays within the limit; then half as many, and at last one
            by one. More than 1 is faster and a little less careful.
        tunings: times that the network is trained a little more when nothing more can go, to go on from there.
        settling_clips: of the training set, from which the statistics of batch norms are read.
        judging_clips: of the validation set, from which usefulness is read; accuracy is always that of all.
    """

    limit: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alike: Annotated[float, Field(ge=0, le=1)] = 0.8
    tries: Positive = 8
    at_once: Positive = 1
    tunings: Annotated[int, Field(ge=0)] = 0
    settling_clips: Positive = 256
    judging_clips: Positive = 256


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
    """Take kernels out of a network until accuracy on the validation set would fall by more than the limit.

    Args:
        net: of the zoo, trained; it stays as it is.
        train: what the statistics of batch norms are read from.
        val: what decides.
        test: what is reported.
        tune: how to train a little more, `settings.tunings` times at most.
        progress: hears what is done, kernels gone, and kernels there were.

    Raises:
        ValueError: if the network has no kernels that can be taken out, or the sets have other classes than it.
    """
    settings = settings or Pruning()
    for clips in (train, val, *([test] if test is not None else [])):
        if tuple(clips.classes) != tuple(net.classes):
            raise ValueError(f"clips of {', '.join(clips.classes)}: expected {', '.join(net.classes)}")
    search = _Search(copy.deepcopy(net).eval(), _some(train, settings.settling_clips), val, settings)
    steps: list[Step] = []
    tuned: list[int] = []
    while True:
        step = search.step()
        if step is not None:
            steps.append(step)
            if progress is not None:
                progress("pruning", search.kernels_before - step.kernels, search.kernels_before)
        elif tune is not None and len(tuned) < settings.tunings and search.tune(tune):
            tuned.append(len(steps))
        else:
            break
    return Pruned(
        search.net, size(net), size(search.net), (search.accuracy_before, search.accuracy),
        _judged(net, test), _judged(search.net, test), tuple(steps), tuple(tuned),
    )  # fmt: skip


class _Search:
    """The network on its way down, with the numbers that its filters had at the start."""

    def __init__(self, net: Net, train: Clips, val: Clips, settings: Pruning) -> None:
        self.net, self.train, self.val, self.settings = net, train, val, settings
        self.judging = _some(val, settings.judging_clips)
        chain = convolutions(net)
        self.numbers = {convolution.layer: list(range(convolution.filters)) for convolution in chain}
        self.kernels_before = sum(convolution.filters for convolution in chain)
        self.accuracy, _ = _accuracy(net, val)
        self.accuracy_before = self.accuracy
        self.at_once = settings.at_once
        self._listen(statistics(net, chain, train))

    def step(self) -> Step | None:
        """Take out the first kernels in line that can go; None if none of those tried can."""
        chain = convolutions(self.net)
        useful = usefulness(self.net, chain, self.judging)
        kernels = {convolution.layer: weights(self.net, convolution.layer) for convolution in chain}
        line = in_line(useful, kernels, self.settings.alike, max(self.settings.tries, self.at_once))
        while self.at_once > 1:
            step = self._try(line[: self.at_once])
            if step is not None:
                return step
            self.at_once //= 2
        attempts = (self._try([candidate]) for candidate in line[: self.settings.tries])
        return next((step for step in attempts if step is not None), None)

    def _try(self, candidates: Sequence[Candidate]) -> Step | None:
        """Take these out if the network that is left is within the limit; None, and nothing changed, if not."""
        chosen: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            together = chosen.setdefault(candidate.layer, [])
            if len(together) < len(self.numbers[candidate.layer]) - 1:
                together.append(candidate)
        removed = {layer: [candidate.filter for candidate in of] for layer, of in chosen.items() if of}
        if not removed:
            return None
        smaller = without(self.net, removed, self.means)
        statistics_left = statistics(smaller, convolutions(smaller), self.train)
        settle(smaller, self._statistics_without(removed), statistics_left)
        accuracy, loss = _accuracy(smaller, self.val)
        if accuracy < self.accuracy_before - self.settings.limit - 1e-9:
            return None
        gone = tuple(
            Removed(layer, self.numbers[layer][c.filter], c.reason, c.usefulness, c.cosine)
            for layer, of in chosen.items()
            for c in of
        )
        for layer, filters in removed.items():
            self.numbers[layer] = [n for at, n in enumerate(self.numbers[layer]) if at not in filters]
        self.net, self.accuracy = smaller, accuracy
        self._listen(statistics_left)
        return Step(gone, sum(map(len, self.numbers.values())), accuracy, loss)

    def tune(self, tune: Tune) -> bool:
        """Train the network a little more; False, and nothing changed, if that makes it worse."""
        tuned = tune(copy.deepcopy(self.net)).eval()
        accuracy, _ = _accuracy(tuned, self.val)
        if accuracy < self.accuracy:
            return False
        self.net, self.accuracy, self.at_once = tuned, accuracy, self.settings.at_once
        self._listen(statistics(tuned, convolutions(tuned), self.train))
        return True

    def _listen(self, found: Statistics) -> None:
        """Keep what the network's batch norms hear, and what its kernels say on average."""
        self.statistics, self.means = found, heard_on_average(self.net, convolutions(self.net), self.train)

    def _statistics_without(self, removed: dict[str, list[int]]) -> Statistics:
        """What the batch norms hear now, less the channels of filters that go."""
        left = dict(self.statistics)
        for convolution in convolutions(self.net):
            if convolution.norm is not None and convolution.layer in removed:
                gone = removed[convolution.layer]
                kept = [filter for filter in range(convolution.filters) if filter not in gone]
                left[convolution.norm] = tuple(values[kept] for values in left[convolution.norm])
        return left


def _accuracy(net: Net, clips: Clips) -> tuple[float, float]:
    """Share of the clips that are heard right, and their mean loss."""
    p, labels = probabilities(net, clips), np.asarray(clips.labels)
    return float((p.argmax(1) == labels).mean()), float(-np.log(np.maximum(p[np.arange(len(p)), labels], TINY)).mean())


def _judged(net: Net, test: Clips | None) -> Scores | None:
    return None if test is None else score(probabilities(net, test), test.labels, test.groups, test.classes)


def _some(clips: Clips, count: int) -> Clips:
    """At most so many clips, the same each time, from everywhere in the set."""
    if len(clips) <= count:
        return clips
    mask = np.zeros(len(clips), bool)
    mask[np.random.default_rng(0).permutation(len(clips))[:count]] = True
    return clips.take(mask)
