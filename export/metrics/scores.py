"""How well a network names what it hears, by clip and by recording, with intervals over recordings.

Everything is read from class probabilities, so that a network in torch, an ONNX file and a model of another library
are judged by the same figures. A recording is judged by the mean of its clips' probabilities, as `classify` does: one
clip that is sure of the wrong class cannot outvote all others, as it can where log-probabilities are averaged
(`pooling="log"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreampedal.export.metrics.calibration import Reliability, reliability

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips
    from dreampedal.export.nets.net import Net

Pooling = Literal["mean", "log"]
Interval = tuple[float, float]
"""Lower and upper end, both included."""

TINY = float(np.finfo(np.float64).eps)
"""The smallest probability that a loss is taken of."""


@dataclass(frozen=True)
class ClassScores:
    """Of one class: the share right of what was taken for it, the share found of what it is, and their harmonic mean.

    `precision` is 0 where nothing was taken for it; `recall` and `f1` are None where the set holds none of it.
    """

    count: int
    precision: float
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Measures:
    """What can be said of `count` things judged, be they clips or recordings.

    `precision`, `recall` and `f1` are means over the classes that the set holds, each alike. `loss` is the mean of
    -log p(true class), in nats. `confusion` has a row a true class and a column a class heard. Intervals are bootstrap
    percentiles over recordings.
    """

    count: int
    accuracy: float
    accuracy_interval: Interval
    loss: float
    loss_interval: Interval
    precision: float
    recall: float
    f1: float
    f1_interval: Interval
    classes: dict[str, ClassScores]
    confusion: tuple[tuple[int, ...], ...]
    reliability: Reliability

    def by_class(self) -> dict[str, float]:
        """The share found of each class that was there, and "macro", the mean of these."""
        found = {name: one.recall for name, one in self.classes.items() if one.recall is not None}
        return {**found, "macro": self.recall}


@dataclass(frozen=True)
class Scores:
    """A network's figures on a set: `by_clip`, and `by_recording` with each recording's clips pooled."""

    classes: tuple[str, ...]
    by_clip: Measures
    by_recording: Measures
    pooling: Pooling
    level: float
    resamples: int
    seed: int
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """All figures as dictionaries, lists, numbers, strings and None."""
        return asdict(self)


def score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    classes: Sequence[str],
    *,
    pooling: Pooling = "mean",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Scores:
    """Judge class probabilities.

    Args:
        probabilities: (n, classes), rows that sum to 1.
        labels: (n,), the place in `classes` that is true.
        groups: (n,), equal where clips are of one recording; None: every clip is a recording.
        classes: their names.
        pooling: how a recording's clips are pooled: "mean" of probabilities, or "log", of their logarithms.
        resamples: draws of recordings, with replacement, that intervals are read from.
        level: share of the draws that an interval holds.
        seed: of the draws.

    Intervals are bootstrap percentiles (Efron 1979; Efron and Tibshirani 1993, chapter 13) with whole recordings drawn,
    since clips of one recording resemble each other. With few recordings they are too narrow, and where all are heard
    right they shrink to a point; `notes` says so.

    >>> found = score([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1], [0, 1, 1], ("flute", "reed"))
    >>> round(found.by_clip.accuracy, 3), found.by_recording.accuracy
    (0.667, 1.0)

    Raises:
        ValueError: if shapes do not fit, a row is no distribution, a label has no class or a recording two labels.
    """
    p, true = _checked(probabilities, labels, classes)
    group = np.arange(len(true)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if group.shape != true.shape:
        raise ValueError(f"{len(group)} groups for {len(true)} clips: expected as many")
    pooled, pooled_labels = pool(p, true, group, pooling)
    recordings = len(pooled_labels)
    draws = np.random.default_rng(seed).multinomial(recordings, np.full(recordings, 1 / recordings), size=resamples)
    by_clip = _measure(p, true, group, classes, draws, level)
    by_recording = _measure(pooled, pooled_labels, np.arange(recordings), classes, draws, level)
    return Scores(tuple(classes), by_clip, by_recording, pooling, level, resamples, seed, _notes(by_recording, classes))


def pool(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.int64], pooling: Pooling = "mean"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One row of probabilities and one label for each recording, in the order of `groups`, which count from 0.

    >>> pool(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 0]), np.array([0, 0]))[0].round(3).tolist()
    [[0.7, 0.3]]

    Raises:
        ValueError: if clips of one recording have different labels, or the pooling is unknown.
    """
    if pooling not in ("mean", "log"):
        raise ValueError(f"pooling {pooling!r}: expected mean or log")
    count = int(groups.max(initial=-1)) + 1
    sizes = np.bincount(groups, minlength=count)
    one = np.zeros(count, np.int64)
    one[groups] = labels
    if (one[groups] != labels).any():
        at = int(groups[np.flatnonzero(one[groups] != labels)[0]])
        raise ValueError(f"recording {at} has clips of two classes: expected one label a recording")
    source = probabilities if pooling == "mean" else np.log(np.maximum(probabilities, TINY))
    sums = np.stack([np.bincount(groups, column, count) for column in source.T], 1)
    means = sums / sizes[:, None]
    if pooling == "log":
        means = np.exp(means - means.max(1, keepdims=True))
    return means / means.sum(1, keepdims=True), one


def probabilities(net: Net, clips: Clips, batch: int = 64) -> NDArray[np.float32]:
    """What a network in torch makes of encoded clips: (n, classes), rows that sum to 1. Its mode is kept.

    Raises:
        ValueError: if the network has other classes than the clips, or answers with what is not finite.
    """
    import torch

    classes = tuple(getattr(net, "classes", clips.classes))
    if classes != tuple(clips.classes):
        raise ValueError(f"clips of {', '.join(clips.classes)}: expected the network's, {', '.join(classes)}")
    rows, training = [], net.training
    net.eval()
    try:
        with torch.no_grad():
            for at in range(0, len(clips), batch):
                x = torch.from_numpy(np.array(clips.x[at : at + batch], np.float32))
                rows.append(torch.softmax(net(x), 1).numpy())
    finally:
        net.train(training)
    found = np.concatenate(rows)
    if not np.isfinite(found).all():
        raise ValueError(f"{getattr(net, 'name', 'the network')} answers with NaN or infinity: its weights are not fit")
    return found


def score_net(net: Net, clips: Clips, seed: int = 0) -> Scores:
    """Judge what a network in torch makes of encoded clips."""
    return score(probabilities(net, clips), clips.labels, clips.groups, clips.classes, seed=seed)


def _measure(
    p: NDArray[np.float64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    classes: Sequence[str],
    draws: NDArray[np.int64],
    level: float,
) -> Measures:
    """Figures of the whole, and their intervals from sums over recordings, weighted by how often each was drawn."""
    n, recordings = len(classes), draws.shape[1]
    cell = (groups * n + labels) * n + p.argmax(1)
    matrices = np.bincount(cell, minlength=recordings * n * n).reshape(recordings, n * n)
    losses = -np.log(np.maximum(p[np.arange(len(labels)), labels], TINY))
    lost, sizes = np.bincount(groups, losses, recordings), matrices.sum(1)
    matrix = matrices.sum(0).reshape(n, n)
    drawn = (draws @ matrices).reshape(-1, n, n)
    precision, recall, f1 = _ratios(matrix)
    there = matrix.sum(1) > 0
    per_class = {
        name: ClassScores(
            int(matrix[i].sum()), float(precision[i]), *((float(recall[i]), float(f1[i])) if there[i] else (None, None))
        )
        for i, name in enumerate(classes)
    }
    return Measures(
        count=len(labels),
        accuracy=float(np.trace(matrix) / matrix.sum()),
        accuracy_interval=_interval(np.trace(drawn, axis1=1, axis2=2) / drawn.sum((1, 2)), level),
        loss=float(losses.mean()),
        loss_interval=_interval((draws @ lost) / (draws @ sizes), level),
        precision=float(precision[there].mean()),
        recall=float(recall[there].mean()),
        f1=float(f1[there].mean()),
        f1_interval=_interval(_macro_f1(drawn), level),
        classes=per_class,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        reliability=reliability(p, labels),
    )


def _ratios(matrix: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of each class, (..., classes) from (..., classes, classes); 0 where nothing is there."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    heard, true = matrix.sum(-2), matrix.sum(-1)
    return (right / np.maximum(heard, 1), right / np.maximum(true, 1), 2 * right / np.maximum(heard + true, 1))


def _macro_f1(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean F1 over the classes that each draw holds."""
    there = matrices.sum(-1) > 0
    return np.asarray((_ratios(matrices)[2] * there).sum(-1) / there.sum(-1))


def _interval(values: NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _notes(recordings: Measures, classes: Sequence[str]) -> tuple[str, ...]:
    """What a reader of the intervals must know."""
    few = [name for name in classes if 0 < recordings.classes[name].count < 10]
    absent = [name for name in classes if recordings.classes[name].count == 0]
    said = []
    if few:
        said.append(f"fewer than 10 recordings of {', '.join(few)}: intervals are too narrow")
    if absent:
        said.append(f"no recording of {', '.join(absent)}")
    if recordings.accuracy in (0.0, 1.0):
        said.append("all recordings fare alike: a bootstrap cannot tell how far this holds")
    return tuple(said)


def _checked(
    probabilities: ArrayLike, labels: ArrayLike, classes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities and labels as arrays that fit; a ValueError where they do not."""
    p, true = np.asarray(probabilities, np.float64), np.asarray(labels)
    if p.ndim != 2 or p.shape != (true.size, len(classes)) or not p.size:
        expected = f"({true.size}, {len(classes)})"
        raise ValueError(f"probabilities of shape {p.shape}: expected (clips, classes), here {expected}, at least one")
    if not np.isfinite(p).all() or (p < 0).any() or np.abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError("probabilities that are negative, not finite or do not sum to 1: expected distributions")
    if not np.issubdtype(true.dtype, np.integer) or true.min() < 0 or true.max() >= len(classes):
        raise ValueError(f"labels of {true.dtype} from {true.min()} to {true.max()}: expected 0 to {len(classes) - 1}")
    return p / p.sum(1, keepdims=True), true.astype(np.int64)
