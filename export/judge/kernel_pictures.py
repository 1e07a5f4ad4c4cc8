"""Pictures of what a network has learned: its kernels, those most alike, and what its layers make of a clip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.input_spectra import mel_weights
from dreampedal.engine.model.format.inputs import BandImage, Input, LogBands, Mel
from dreampedal.export.judge.pictures import INK, OTHER, blank, save
from dreampedal.export.judge.prune.kernels import most_similar, weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from dreampedal.export.nets.net import Net

SHOWN = 64
"""Kernels in a picture at most."""
ALIKE = 0.5
"""Cosine below which two kernels are not called alike."""
ROUND_HZ = 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000
"""Ticks of axes in Hz."""


def draw_kernels(net: Net, layer: str, path: Path, most: int = SHOWN) -> None:
    """The kernels of a layer: a line where one channel is heard over time, else an image, time to the right.

    A kernel of height and width over one channel is shown as it is; over several channels, one above the other. Red is
    above zero and blue below, each kernel by its own largest weight.

    Raises:
        ValueError: if the layer has no convolution.
    """
    kernels = weights(net, layer)
    shown = kernels[:most]
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    figure = blank(max(4.0, min(12, 1.1 * columns + 1.2)), min(12, 1.1 * rows + 1.0))
    grid = figure.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number < len(shown):
            _draw(axes, shown[number])
            axes.set_title(str(number), fontsize=7, pad=2)
        else:
            axes.set_axis_off()
    more = f", the first {len(shown)} of {len(kernels)}" if len(shown) < len(kernels) else ""
    figure.suptitle(f"{net.name}, kernels of {layer}: {_size(kernels)}{more}", fontsize=9)
    _name_axes(figure, net, kernels, grid)
    save(figure, path)


def draw_most_similar(net: Net, layer: str, path: Path, count: int = 8, shift: int = 0) -> None:
    """The pairs of kernels of a layer that resemble each other most, with their cosines; `shift` as for `similarity`.

    Raises:
        ValueError: if the layer has no convolution, or only one kernel.
    """
    kernels = weights(net, layer)
    pairs = most_similar(kernels, count, shift)
    if not pairs:
        raise ValueError(f"{layer} has a single kernel: expected two at least to compare")
    figure = blank(max(5.0, 1.4 * len(pairs) + 1.2), 3.8)
    grid = figure.subplots(2, len(pairs), squeeze=False)
    for column, (one, other, cosine) in enumerate(pairs):
        for row, number in enumerate((one, other)):
            _draw(grid[row, column], kernels[number])
            grid[row, column].set_title(f"{number}" + (f"\ncosine {cosine:.2f}" if row else ""), fontsize=8, pad=3)
    likest = pairs[0][2]
    said = "most alike" if likest >= ALIKE else f"nearest to each other: no two are alike (cosine {likest:.2f} at most)"
    figure.suptitle(f"{net.name}, kernels of {layer} {said}", fontsize=9)
    _name_axes(figure, net, kernels, grid)
    save(figure, path)


def draw_activations(
    x: NDArray[np.float32],
    layers: Mapping[str, NDArray[np.float32]],
    heard: Mapping[str, float],
    seconds: float,
    path: Path,
    title: str = "what it hears",
    input: Input | None = None,
) -> None:
    """What every layer makes of a clip: a row a filter, time to the right; below, what the network names.

    A layer that keeps bands shows the mean over them. Red is above zero and blue below; the darkest is what one in a
    hundred values of the layer exceeds. Layers with neither bands nor time are bars.

    Args:
        x: features of one clip, (rows, frames).
        layers: each layer's activation, (filters, ...) with time last, or (filters,).
        heard: probability of each class.
        seconds: of the clip.
        input: what the rows of `x` are, where an axis in Hz is wanted.
    """
    figure = blank(8.6, 1.2 + 1.6 * (len(layers) + 2))
    axes = figure.subplots(len(layers) + 2, 1)
    _features(axes[0], np.asarray(x, np.float32), seconds, input)
    axes[0].set_title(title, fontsize=9)
    for place, (name, activation) in zip(axes[1:-1], layers.items(), strict=True):
        _activation(place, name, activation, seconds)
    axes[-1].bar(list(heard), list(heard.values()), color=INK)
    axes[-1].set_ylim(0, 1)
    axes[-1].tick_params(axis="x", labelrotation=30 if len(heard) > 8 else 0, labelsize=8)
    axes[-1].tick_params(axis="y", labelsize=7)
    axes[-1].set_ylabel("probability", fontsize=8)
    save(figure, path)


def _features(axes: Axes, x: NDArray[np.float32], seconds: float, input: Input | None) -> None:
    if len(x) == 1:
        axes.plot(np.linspace(0, seconds, x.shape[1], endpoint=False), x[0], color=INK, lw=0.5)
        axes.set_xlim(0, seconds)
    else:
        _scale(axes, axes.imshow(x, cmap="magma", **_over_time(x, seconds)))
    hz = None if input is None else rows_hz(input)
    if hz is not None:
        ticks = ticks_hz(hz)
        axes.set_yticks(list(ticks.values()), [f"{one:g}" for one in ticks])
    axes.set_ylabel("input" if hz is None else "input, Hz", fontsize=8)
    axes.set_xlabel("s", fontsize=7, labelpad=1)
    axes.tick_params(labelsize=7)


def rows_hz(input: Input) -> NDArray[np.float64] | None:
    """The middle of each row of what a network hears in Hz, rising, (rows,); None where rows are no bands.

    >>> rows_hz(LogBands())[[0, -1]].round().tolist(), rows_hz(BandImage(bands=1))[0].round().item()
    ([50.0, 16000.0], 800.0)
    """
    match input:
        case LogBands():
            return np.geomspace(input.bands.low_hz, input.bands.high_hz, input.bands.count)
        case BandImage():
            edges = np.geomspace(input.low_hz, input.high_hz, input.bands + 1)
            return np.sqrt(edges[1:] * edges[:-1])
        case Mel():
            rate, window = input.sample_rate, input.window
            weights = mel_weights(rate, window, input.bands, input.low_hz, input.top_hz, input.scale)
            hz = np.arange(weights.shape[1]) * rate / window
            # A band narrower than a bin has no weights: it lies where the one below it does.
            return np.maximum.accumulate(weights @ hz / np.maximum(weights.sum(1), 1e-12))
    return None


def ticks_hz(hz: NDArray[np.float64]) -> dict[int, float]:
    """Round frequencies with their places among the rows in `hz`, those left out that would lie on a higher one.

    >>> list(ticks_hz(np.linspace(0, 10_000, 40)))
    [10000, 5000, 2000, 1000, 200]
    """
    found: dict[int, float] = {}
    for one in reversed([one for one in ROUND_HZ if hz[0] <= one <= hz[-1]]):
        place = float(np.interp(one, hz, np.arange(len(hz))))
        if not found or min(found.values()) - place > len(hz) / 14:
            found[one] = place
    return found


def _scale(axes: Axes, image: AxesImage) -> None:
    """What the colours of an image stand for, beside it."""
    bar = axes.figure.colorbar(image, ax=axes, pad=0.01, fraction=0.04)
    bar.ax.tick_params(labelsize=6)


def _name_axes(figure: Figure, net: Net, kernels: NDArray[np.floating[Any]], grid: NDArray[Any]) -> None:
    """Say what is across and up in every kernel, and what the colours stand for."""
    channels, *positions = kernels.shape[1:]
    figure.supxlabel("time", fontsize=8)
    if channels == 1 and len(positions) == 1:
        figure.supylabel("weight, each kernel by its own largest", fontsize=8)
        return
    first = len(positions) == 1 and channels == net.input.rows
    up = "low to high" if first or channels == 1 else f"{channels} channels"
    figure.supylabel(up if len(positions) == 1 or channels == 1 else f"{up}, each low to high", fontsize=8)
    bar = figure.colorbar(grid.flat[0].images[0], ax=grid, fraction=0.03, pad=0.01)
    low, high = bar.mappable.get_clim()
    bar.set_ticks([low, 0, high], labels=["−", "0", "+"])
    bar.set_label("weight, each kernel by its own largest", fontsize=8)


def _over_time(image: NDArray[np.float32], seconds: float) -> dict[str, Any]:
    """How an image of rows over time is laid out."""
    extent = (0, seconds, -0.5, len(image) - 0.5)
    return {"extent": extent, "aspect": "auto", "origin": "lower", "interpolation": "nearest"}


def _activation(axes: Axes, name: str, activation: NDArray[np.float32], seconds: float) -> None:
    """A layer's activation: (filters,) as bars, (filters, ..., frames) as an image of filters over time."""
    axes.set_ylabel(f"{name}\n({len(activation)})", fontsize=8)
    axes.locator_params(axis="y", integer=activation.ndim > 1)
    axes.tick_params(labelsize=7)
    if activation.ndim == 1:
        axes.bar(range(len(activation)), activation, width=1, color=INK)
        axes.margins(x=0)
        return
    image = activation.reshape(len(activation), -1, activation.shape[-1]).mean(1)
    if image.shape[1] > 2000:
        # More columns than a picture has: the largest of each run is what is seen.
        run = image.shape[1] // 1000
        image = image[:, : image.shape[1] // run * run].reshape(len(image), -1, run)
        image = np.take_along_axis(image, np.abs(image).argmax(-1, keepdims=True), -1)[..., 0]
    most = max(float(np.quantile(np.abs(image), 0.99)), 1e-12)
    _scale(axes, axes.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most, **_over_time(image, seconds)))
    axes.set_xlabel("s", fontsize=7, labelpad=1)


def _draw(axes: Axes, kernel: NDArray[np.floating[Any]]) -> None:
    """One kernel, (channels, taps) or (channels, height, width)."""
    axes.set_xticks([])
    axes.set_yticks([])
    largest = max(float(np.abs(kernel).max()), 1e-12)
    if kernel.ndim == 2 and len(kernel) == 1:
        axes.axhline(0, color="grey", lw=0.5)
        axes.plot(kernel[0], color=OTHER, lw=1)
        axes.set_ylim(-1.1 * largest, 1.1 * largest)
        return
    image = kernel.reshape(-1, kernel.shape[-1])
    aspect: Literal["equal", "auto"] = "equal" if 0.5 < image.shape[0] / image.shape[1] < 2 else "auto"
    axes.imshow(
        image, cmap="RdBu_r", vmin=-largest, vmax=largest, origin="lower", aspect=aspect, interpolation="nearest"
    )


def _size(kernels: NDArray[np.floating[Any]]) -> str:
    channels, *positions = kernels.shape[1:]
    size = " × ".join(map(str, positions))
    return f"{size} positions of {channels} channel{'s' if channels > 1 else ''}"
