"""Pictures of figures: who is taken for whom, whether a network is right as often as it says, and curves.

All are drawn by matplotlib with no screen; files appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreampedal.engine.files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .calibration import Reliability
    from .scores import Interval, Measures

INK = "#3b0f70"
OTHER = "#de4968"
DPI = 120


def draw_confusion(measures: Measures, path: Path, title: str = "") -> None:
    """A row a true class and a column a class heard, in per cent of the row."""
    names, matrix = list(measures.classes), np.array(measures.confusion)
    counts = matrix.sum(1)
    shares = 100 * matrix / np.maximum(counts[:, None], 1)
    side = 2.6 + 0.5 * len(names)
    figure = blank(max(4.2, side), max(3.6, side - 0.6))
    axes = figure.subplots()
    axes.imshow(shares, cmap="magma", vmin=0, vmax=100)
    if len(names) <= 20:
        for row, column in np.ndindex(*shares.shape):
            ink = "black" if shares[row, column] > 60 else "white"
            axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=9)
    axes.set(title=title, xlabel="heard", ylabel="is (per cent of its row)")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), [f"{name} ({count})" for name, count in zip(names, counts, strict=True)])
    save(figure, path)


def draw_reliability(reliability: Reliability, path: Path, title: str = "") -> None:
    """Accuracy beside confidence, and below it how many there are of each confidence."""
    there = [bin for bin, count in enumerate(reliability.count) if count]
    confidence = [reliability.confidence[bin] for bin in there]
    accuracy = [reliability.accuracy[bin] for bin in there]
    figure = blank(4.6, 5.4)
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    curve.plot([0, 1], [0, 1], color="grey", lw=1, ls="--", label="right as often as it says")
    curve.plot(confidence, accuracy, "o-", color=INK, label="the network")
    curve.set(ylabel="accuracy", ylim=(0, 1.02), title=title)
    curve.legend(loc="upper left", frameon=False)
    curve.text(0.98, 0.04, f"calibration error {reliability.error:.1%}", ha="right", transform=curve.transAxes)
    widths = np.subtract(reliability.high, reliability.low)
    counts.bar(reliability.low, reliability.count, widths, align="edge", color=INK, edgecolor="white")
    counts.set(xlabel="confidence", ylabel="how many", xlim=(0, 1))
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
