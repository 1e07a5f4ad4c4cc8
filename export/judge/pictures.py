"""Pictures of figures: who is taken for whom, whether a network is right as often as it says, and curves.

All are drawn by matplotlib with no screen; files appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreampedal.engine.runtime.files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dreampedal.export.judge.prune.pruned import Pruned
    from dreampedal.export.metrics.calibration import Reliability
    from dreampedal.export.metrics.scores import Interval, Measures

INK = "#3b0f70"
OTHER = "#de4968"
DPI = 120
FEW = 10
"""A row of fewer things has no per cents: one of them is more than ten."""
ENOUGH = 5
"""Things in a bin of a reliability curve from which on it is drawn."""


def draw_confusion(measures: Measures, path: Path, title: str = "") -> None:
    """A row a true class and a column a class heard, in per cent of the row; a row of few things has their counts."""
    names, matrix = list(measures.classes), np.array(measures.confusion)
    counts = matrix.sum(1)
    shares = 100 * matrix / np.maximum(counts[:, None], 1)
    side = 2.6 + 0.5 * len(names)
    figure = blank(max(5.2, side), max(4.0, side - 0.6))
    axes = figure.subplots()
    axes.imshow(shares, cmap="magma", vmin=0, vmax=100)
    if len(names) <= 20:
        for row, column in np.ndindex(*shares.shape):
            ink = "black" if shares[row, column] > 60 else "white"
            share, count = shares[row, column], matrix[row, column]
            said = f"{share:.0f}" if counts[row] >= FEW or not count else f"{count}/{counts[row]}"
            axes.text(column, row, said, ha="center", va="center", color=ink, fontsize=9)
    few = f"; n/m: of fewer than {FEW}" if ((counts > 0) & (counts < FEW)).any() else ""
    axes.set(xlabel="heard", ylabel=f"is (% of its row{few})")
    axes.set_title(title, fontsize=10)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), [f"{name} ({count})" for name, count in zip(names, counts, strict=True)])
    save(figure, path)


def draw_reliability(reliability: Reliability, path: Path, title: str = "") -> None:
    """Accuracy beside confidence, and below it how many there are of each confidence.

    The line goes through bins of `ENOUGH` things or more; what is right of fewer says next to nothing.
    """
    figure = blank(4.6, 5.4)
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    curve.plot([0, 1], [0, 1], color="grey", lw=1, ls="--", label="right as often as it says")
    found = list(zip(reliability.confidence, reliability.accuracy, reliability.count, strict=True))
    for confidence, accuracy, count in found:
        if confidence is not None and accuracy is not None and count < ENOUGH:
            curve.plot(confidence, accuracy, ".", color="grey", ms=4, alpha=0.6)
    enough = [(confidence, accuracy) for confidence, accuracy, count in found if count >= ENOUGH]
    curve.plot(*np.array(enough, float).reshape(-1, 2).T, "o-", color=INK, label="the network")
    if any(0 < count < ENOUGH for count in reliability.count):
        curve.plot([], [], ".", color="grey", ms=4, alpha=0.6, label=f"of fewer than {ENOUGH}")
    curve.set(ylabel="accuracy", ylim=(-0.02, 1.02))
    curve.set_title(title, fontsize=10)
    curve.legend(
        loc="lower right",
        frameon=False,
        fontsize=9,
        title=f"calibration error {reliability.error:.1%}",
        alignment="left",
    )
    widths = np.subtract(reliability.high, reliability.low)
    counts.bar(reliability.low, reliability.count, widths, align="edge", color=INK, edgecolor="white")
    counts.set(xlabel="confidence", ylabel="how many", xlim=(0, 1))
    save(figure, path)


def draw_pruning(pruned: Pruned, limit: float, path: Path) -> None:
    """What is right on the validation set over the kernels that are gone, with the trainings in between and the limit.

    Args:
        limit: what accuracy may lose, as a share.
    """
    total, start = pruned.before.kernels, 100 * pruned.validation[0]
    gone, right = 100 * np.array(pruned.course).T
    figure = blank(6, 4)
    axes = figure.subplots()
    axes.plot(gone, right, "o-" if len(gone) < 30 else "-", color=INK, ms=4, label="the network")
    for at, one in enumerate(pruned.tuned):
        share = 100 * (1 - one.kernels / total)
        axes.axvline(share, color=OTHER, lw=0.6, ls=":")
        axes.plot(share, 100 * one.accuracy, "D", color=OTHER, ms=6, label="" if at else "trained a little more")
    axes.axhline(start - 100 * limit, color="grey", lw=1, ls="--", label=f"the limit, {100 * limit:g} points lost")
    title = f"{pruned.net.name}: {total} kernels, {pruned.after.kernels} left"
    axes.set(xlabel="kernels gone, %", ylabel="right, validation clips, %", title=title)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)


def draw_curve(
    x: Sequence[float],
    lines: dict[str, Sequence[float]],
    path: Path,
    *,
    across: str,
    up: str = "accuracy",
    intervals: dict[str, Sequence[Interval]] | None = None,
    title: str = "",
) -> None:
    """Lines over the same numbers, some with the intervals that they lie in; `across` and `up` name the axes."""
    figure = blank(6, 4)
    axes = figure.subplots()
    for color, (name, values) in zip(_colours(len(lines)), lines.items(), strict=True):
        axes.plot(x, values, "o-" if len(x) < 30 else "-", color=color, label=name)
        if intervals and name in intervals:
            low, high = np.array(intervals[name]).T
            axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
    axes.set(xlabel=across, ylabel=up, title=title)
    axes.grid(alpha=0.25)
    if len(lines) > 1:
        axes.legend(frameon=False)
    save(figure, path)


def draw_bars(
    values: dict[str, float], intervals: dict[str, Interval], path: Path, *, across: str = "accuracy", title: str = ""
) -> None:
    """A bar for each name, with its interval."""
    names = list(values)
    errors = np.array([[values[n] - intervals[n][0], intervals[n][1] - values[n]] for n in names]).T
    figure = blank(6, 1.4 + 0.4 * len(names))
    axes = figure.subplots()
    axes.barh(names, list(values.values()), xerr=np.maximum(errors, 0), color=INK, ecolor=OTHER, capsize=3)
    axes.invert_yaxis()
    axes.set(xlabel=across, title=title, xlim=(0, 1.02))
    save(figure, path)


def as_it_is(text: str) -> str:
    """A text in which no dollar begins a formula, for titles with names that somebody gave."""
    return text.replace("$", r"\$")


def blank(width: float, height: float) -> Figure:
    """An empty figure of so many inches, whose parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all; the ending says in which format."""
    with written_whole(path) as part:
        figure.savefig(part, dpi=DPI)


def _colours(count: int) -> Iterable[Any]:
    import matplotlib

    return matplotlib.colormaps["plasma"](np.linspace(0.05, 0.8, count))
