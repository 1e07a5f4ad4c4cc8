"""A picture of a dream: the sound before, the sound after, and the offset that lies between, on one clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from dreampedal.engine.runtime.files import written_whole
from dreampedal.presets.boards import Preset

if TYPE_CHECKING:
    from dreampedal.rendering.demo import View

RANGE_DB = 70.0
"""From the loudest band of the sound before to black."""

_OCTAVES = (100, 200, 400, 800, 1600, 3200, 6400, 12800)


def draw(path: Path, preset: Preset, view: View) -> None:
    """Write the picture of a preset as a PNG."""
    figure = Figure(figsize=(10, 8), layout="constrained", dpi=110)
    figure.suptitle(f"{preset.title}\n{preset.description}", fontsize=11)
    before, after, offset = figure.subplots(3, 1, sharex=True, sharey=True)
    top = float(view.before.max())
    for axes, features, name in ((before, view.before, "before"), (after, view.after, "after, at the same loudness")):
        mesh = _paint(axes, features, view, cmap="magma", vmin=top - RANGE_DB, vmax=top)
        axes.set_title(name, loc="left", fontsize=10)
    figure.colorbar(mesh, ax=[before, after], label="dBFS in a band", pad=0.01)
    reach = max(1.0, float(np.abs(view.offset).max()))
    mesh = _paint(offset, view.offset, view, cmap="RdBu_r", vmin=-reach, vmax=reach)
    offset.set_title("offset: what the network asked for", loc="left", fontsize=10)
    offset.set_xlabel("seconds")
    figure.colorbar(mesh, ax=offset, label="dB", pad=0.01)
    with written_whole(path) as part:
        figure.savefig(part, format="png")


def _paint(axes: Any, values: Any, view: View, **colours: Any) -> Any:
    """Bands over time, the frequency axis in octaves."""
    times = np.linspace(0, view.seconds, values.shape[1])
    mesh = axes.pcolormesh(times, view.centres_hz, values, shading="nearest", rasterized=True, **colours)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(_OCTAVES))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([f"{hertz / 1000:g}k" if hertz >= 1000 else str(hertz) for hertz in _OCTAVES])
    axes.set_ylabel("Hz")
    return mesh
