"""The way down of a network that is pruned: what stands, and one step further."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.judge.prune.kernels import convolutions, weights, without
from dreampedal.export.judge.prune.pruned import Step, Tuning
from dreampedal.export.judge.prune.settings import Pruning, Tune
from dreampedal.export.judge.prune.usefulness import (
    Candidate,
    Statistics,
    in_line,
    input_means,
    shift_statistics,
    statistics,
    usefulness,
)
from dreampedal.export.metrics.scores import TINY, probabilities
from dreampedal.export.nets.net import Net

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips


@dataclass(frozen=True)
class Standing:
    """A network on its way down, and how it came there.

    Fields:
        net: the network; accuracy: of all clips of the validation set.
        numbers: by layer, the numbers that its filters had at the start.
        statistics, means: what its batch norms get, and what its kernels put out on average.
        steps, tuned: what was taken out, and when it was trained a little more.
    """

    net: Net
    accuracy: float
    numbers: dict[str, list[int]]
    statistics: Statistics
    means: dict[str, NDArray[np.float64]]
    steps: tuple[Step, ...] = ()
    tuned: tuple[Tuning, ...] = ()

    @property
    def kernels(self) -> int:
        """How many there are."""
        return sum(map(len, self.numbers.values()))


class Search:
    """What kernels are chosen by. A standing is never changed: each step gives another.

    Args:
        train: what statistics and usefulness are read from; val: what accuracy is.
    """

    def __init__(self, net: Net, train: Clips, val: Clips, settings: Pruning) -> None:
        self.val, self.settings = val, settings
        self.settling, self.judging = _some(train, settings.settling_clips), _some(train, settings.judging_clips)
        numbers = {convolution.layer: list(range(convolution.filters)) for convolution in convolutions(net)}
        self.start = self._standing(copy.deepcopy(net).eval(), numbers)
        self.at_once = settings.at_once
        self.refused: float | None = None

    def within(self, accuracy: float) -> bool:
        """Whether so much on the validation set is no more below the start than the limit."""
        return accuracy >= self.start.accuracy - self.settings.limit - 1e-9

    def cut(self, standing: Standing, count: int) -> Standing | None:
        """The first in line gone, `count` or `at_once` at most, whatever it costs; None if every layer has one left."""
        count = min(count, self.settings.at_once)
        return self._without(standing, self._line(standing, count)[:count])

    def step(self, standing: Standing, count: int) -> Standing | None:
        """The first in line that can go within the limit gone, `count` at most; None if none of those tried can.

        As long as they can go together it is `at_once` of them, then half as many, and at last one by one. `refused` is
        then the best accuracy that one of them would have left; None if every layer has one left.
        """
        self.refused = None
        line = self._line(standing, count)
        while (together := min(self.at_once, count)) > 1:
            found = self._without(standing, line[:together])
            if found is not None and self.within(found.accuracy):
                return found
            self.at_once = together // 2
        for candidate in line[: self.settings.tries]:
            found = self._without(standing, [candidate])
            if found is not None and self.within(found.accuracy):
                return found
            if found is not None:
                self.refused = max(found.accuracy, self.refused or 0.0)
        return None

    def tuned(self, standing: Standing, tune: Tune) -> Standing:
        """The network trained a little more."""
        found = self._standing(tune(copy.deepcopy(standing.net)).eval(), standing.numbers)
        noted = Tuning(len(standing.steps), standing.kernels, standing.accuracy, found.accuracy)
        return replace(found, steps=standing.steps, tuned=(*standing.tuned, noted))

    def _standing(self, net: Net, numbers: dict[str, list[int]]) -> Standing:
        chain = convolutions(net)
        heard = statistics(net, chain, self.settling), input_means(net, chain, self.settling)
        return Standing(net, accuracy(net, self.val)[0], numbers, *heard)

    def _line(self, standing: Standing, count: int) -> list[Candidate]:
        chain = convolutions(standing.net)
        useful = usefulness(standing.net, chain, self.judging)
        kernels = {convolution.layer: weights(standing.net, convolution.layer) for convolution in chain}
        settings = self.settings
        return in_line(useful, kernels, settings.alike, max(settings.tries, min(count, settings.at_once)))

    def _without(self, standing: Standing, candidates: Sequence[Candidate]) -> Standing | None:
        """The network less these, settled; None if they were the last of their layers."""
        chosen: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            together = chosen.setdefault(candidate.layer, [])
            if len(together) < len(standing.numbers[candidate.layer]) - 1:
                together.append(candidate)
        removed = {layer: [candidate.filter for candidate in of] for layer, of in chosen.items() if of}
        if not removed:
            return None
        smaller = without(standing.net, removed, standing.means)
        chain = convolutions(smaller)
        left = statistics(smaller, chain, self.settling)
        shift_statistics(smaller, _statistics_without(standing, removed), left)
        right, loss = accuracy(smaller, self.val)
        gone = tuple(
            replace(candidate, filter=standing.numbers[layer][candidate.filter])
            for layer, of in chosen.items()
            for candidate in of
        )
        numbers = {
            layer: [number for at, number in enumerate(of) if at not in removed.get(layer, ())]
            for layer, of in standing.numbers.items()
        }
        means = input_means(smaller, chain, self.settling)
        found = Standing(smaller, right, numbers, left, means, standing.steps, standing.tuned)
        return replace(found, steps=(*found.steps, Step(gone, found.kernels, right, loss)))


def accuracy(net: Net, clips: Clips) -> tuple[float, float]:
    """Share of the clips that are heard right, and their mean loss in nats."""
    p, labels = probabilities(net, clips), np.asarray(clips.labels)
    return float((p.argmax(1) == labels).mean()), float(-np.log(np.maximum(p[np.arange(len(p)), labels], TINY)).mean())


def _statistics_without(standing: Standing, removed: dict[str, list[int]]) -> Statistics:
    """What the batch norms get now, less the channels of filters that go."""
    left = dict(standing.statistics)
    for convolution in convolutions(standing.net):
        if convolution.norm is not None and convolution.layer in removed:
            gone = removed[convolution.layer]
            kept = [filter for filter in range(convolution.filters) if filter not in gone]
            mean, variance = left[convolution.norm]
            left[convolution.norm] = mean[kept], variance[kept]
    return left


def _some(clips: Clips, count: int) -> Clips:
    """At most so many clips, the same each time, from everywhere in the set."""
    if len(clips) <= count:
        return clips
    mask = np.zeros(len(clips), bool)
    mask[np.random.default_rng(0).permutation(len(clips))[:count]] = True
    return clips.take(mask)
