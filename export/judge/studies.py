"""How accuracy depends on one thing: on the number of kernels, on the length of a clip, on what is heard of a sound.

Each point is a network trained from the start with all else equal, judged on the test set with each of its seeds. What
a trained network loses kernel by kernel is `pruning`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from dreampedal.engine.model.format.inputs import Envelope, Input, Mel, Waveform
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode
from dreampedal.export.judge.pictures import draw_bars, draw_curve
from dreampedal.export.metrics.scores import Scores, score_net
from dreampedal.export.nets.costs import multiply_adds, parameters
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import NETWORKS, build
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan, plan_for

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips
    from dreampedal.export.data.recordings import LabelledSet

V = TypeVar("V")
Parts = tuple["Clips", "Clips", "Clips"]
"""Clips for training, validation and test."""
Sets = tuple["LabelledSet", "LabelledSet", "LabelledSet"]

INPUTS: dict[str, tuple[str, Input, dict[str, Any]]] = {
    "envelope": ("vgg", Envelope(), {"kernel": "full_height"}),
    "spectrogram": ("vgg", Mel(), {"kernel": "full_height"}),
    "samples": ("raw", Waveform(sample_rate=8000), {}),
}
"""What can be heard of a sound, by name: the network that hears it, the input, and the network's settings.

Envelope and spectrogram are heard by the same network, so that only the bands differ; samples by one made for them.
"""


@dataclass(frozen=True)
class Point:
    """A network of a study.

    Fields:
        value: what it differs in, a number or a name.
        kernels, parameters, multiply_adds: its size; None where it has no row of convolutions.
        seeds: that it was trained with; scores: on the test set, one of each.
        training_seconds: of all seeds together.
    """

    value: float | str
    kernels: int | None
    parameters: int
    multiply_adds: int
    seeds: tuple[int, ...]
    scores: tuple[Scores, ...]
    training_seconds: float

    def accuracy(self, by: str = "by_clip") -> float:
        """The mean over seeds; `by` is "by_clip" or "by_recording"."""
        return float(np.mean([getattr(scores, by).accuracy for scores in self.scores]))

    def interval(self, by: str = "by_clip") -> tuple[float, float]:
        """The mean over seeds of both ends of the interval over recordings."""
        low, high = np.mean([getattr(scores, by).accuracy_interval for scores in self.scores], axis=0)
        return float(low), float(high)


@dataclass(frozen=True)
class Study:
    """Points that differ in `across`."""

    across: str
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """All figures, and each point's accuracies and intervals."""
        means = ({by: (p.accuracy(by), p.interval(by)) for by in ("by_clip", "by_recording")} for p in self.points)
        return {
            "across": self.across,
            "points": [asdict(p) | {"accuracy": mean} for p, mean in zip(self.points, means, strict=True)],
        }

    def draw(self, path: Path, title: str = "") -> None:
        """Accuracy by clip and by recording with their intervals: lines over numbers, bars of names."""
        lines = {"clips": "by_clip", "recordings": "by_recording"}
        if any(isinstance(point.value, str) for point in self.points):
            values = {f"{p.value}, {what}": p.accuracy(by) for p in self.points for what, by in lines.items()}
            ends = {f"{p.value}, {what}": p.interval(by) for p in self.points for what, by in lines.items()}
            draw_bars(values, ends, path, title=title)
            return
        draw_curve(
            [float(point.value) for point in self.points],
            {what: [point.accuracy(by) for point in self.points] for what, by in lines.items()},
            path, across=self.across, title=title,
            intervals={what: [point.interval(by) for point in self.points] for what, by in lines.items()},
        )  # fmt: skip


def against_kernels(
    name: str,
    parts: Parts,
    shares: Sequence[float] = (0.125, 0.25, 0.5, 1.0, 2.0),
    *,
    settings: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
    seeds: Sequence[int] = (0,),
    progress: Progress | None = None,
) -> Study:
    """Accuracy against the number of kernels: the network with each share of its filters in every layer.

    Raises:
        ValueError: if its settings give no filters.
    """
    whole = build(name, parts[0].classes, parts[0].input, parts[0].seconds, settings).settings
    filters = getattr(whole, "filters", None)
    if not filters:
        raise ValueError(f"{name} has no setting 'filters': expected a network with convolutions")

    def point(share: float) -> Point:
        fewer = tuple(max(1, round(share * count)) for count in filters)
        return _point(float(sum(fewer)), name, parts, {**dict(settings or {}), "filters": fewer}, plan, seeds)

    return _study("kernels", f"{name} by kernels", point, shares, progress)


def against_seconds(
    name: str,
    sets: Sets,
    seconds: Sequence[float] = (0.5, 1.0, 2.0, 5.0),
    *,
    input: Input | None = None,
    settings: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Accuracy against the length of a clip: each recording cut into clips of each length, one after another."""

    def point(length: float) -> Point:
        parts = _encoded(sets, NETWORKS[name].input if input is None else input, length, jobs)
        return _point(float(length), name, parts, settings, plan, seeds)

    return _study("seconds of a clip", f"{name} by seconds", point, seconds, progress)


def against_inputs(
    sets: Sets,
    inputs: Mapping[str, tuple[str, Input, Mapping[str, Any]]] | None = None,
    *,
    seconds: float = 5.0,
    plan: Plan | None = None,
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Accuracy of what is heard of the same clips: by default envelope, spectrogram and samples (`INPUTS`)."""
    chosen = inputs or INPUTS

    def point(what: str) -> Point:
        name, input, settings = chosen[what]
        return _point(what, name, _encoded(sets, input, seconds, jobs), settings, plan, seeds)

    return _study("input", "inputs", point, list(chosen), progress)


def _study(
    across: str, what: str, point: Callable[[V], Point], values: Sequence[V], progress: Progress | None
) -> Study:
    """A point for each value, with progress told before each and at the end."""
    tell = progress or (lambda _what, _done, _total: None)
    points = []
    for at, value in enumerate(values):
        tell(what, at, len(values))
        points.append(point(value))
    tell(what, len(values), len(values))
    return Study(across, tuple(points))


def _point(
    value: float | str,
    name: str,
    parts: Parts,
    settings: Mapping[str, Any] | None,
    plan: Plan | None,
    seeds: Sequence[int],
) -> Point:
    """Train with each seed and judge on the test set."""
    train, val, test = parts
    scores, spent = [], 0.0
    for seed in seeds:
        net = _fresh(name, train, settings, seed)
        fitted = fit(net, train, val, (plan or plan_for(name)).changed(seed=seed))
        spent += fitted.seconds
        scores.append(score_net(net, test))
    filters = getattr(net.settings, "filters", None)
    return Point(
        value, sum(filters) if filters else None, parameters(net), multiply_adds(net), tuple(seeds), tuple(scores),
        round(spent, 1),
    )  # fmt: skip


def _fresh(name: str, clips: Clips, settings: Mapping[str, Any] | None, seed: int) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(name, clips.classes, clips.input, clips.seconds, dict(settings or {}))


def _encoded(sets: Sets, input: Input, seconds: float, jobs: int) -> Parts:
    train, val, test = (encode(part, input, Segmenting(seconds=seconds), jobs=jobs) for part in sets)
    return train, val, test
