"""A picture of a dream: the sound before, the sound after, and the offset that lies between, on one clock."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from dreampedal.effects.spectral.base import NEPERS_PER_DB
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.measure import Trace, features_of
from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.runtime.files import written_whole
from dreampedal.presets.boards import Preset

Array = NDArray[np.float32]

RANGE_DB = 70.0
"""From the loudest band of the sound before to black."""

_OCTAVES = (100, 200, 400, 800, 1600, 3200, 6400, 12800)


def draw(
    path: Path, preset: Preset, effect: SpectralEffect, played: Trace, sounds: tuple[Array, Array], rate: float
) -> None:
    """Write the picture of a preset as a PNG: its effect's hearing of the sounds before and after, and the offset."""
    figure = Figure(figsize=(10, 8), layout="constrained", dpi=110)
    figure.suptitle(f"{preset.title}\n{preset.description}", fontsize=11)
    paint = partial(_paint, seconds=sounds[0].shape[1] / rate, centres_hz=effect.layout.centres_hz)
    before, after = (_averaged_db(features_of(effect, sound, rate)) for sound in sounds)
    offset = _averaged_db(played.offset)
    *axes, last = figure.subplots(3, 1, sharex=True, sharey=True)
    top = float(before.max())
    names = "before", "after, at the same loudness"
    for each, features, name in zip(axes, (before, after), names, strict=True):
        mesh = paint(each, features, cmap="magma", vmin=top - RANGE_DB, vmax=top)
        each.set_title(name, loc="left", fontsize=10)
    figure.colorbar(mesh, ax=axes, label="dBFS in a band", pad=0.01)
    reach = max(1.0, float(np.abs(offset).max()))
    mesh = paint(last, offset, cmap="RdBu_r", vmin=-reach, vmax=reach)
    last.set_title("offset: what the network asked for", loc="left", fontsize=10)
    last.set_xlabel("seconds")
    figure.colorbar(mesh, ax=last, label="dB", pad=0.01)
    with written_whole(path) as part:
        figure.savefig(part, format="png")


def draw_sounds(path: Path, title: str, sounds: Mapping[str, Array], rate: float) -> None:
    """Write a picture of some sounds (channels, samples) under each other, by name, at the scale of the first."""
    figure = Figure(figsize=(10, 2.6 * len(sounds) + 0.6), layout="constrained", dpi=110)
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(len(sounds), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    top = None
    for each, (name, sound) in zip(axes, sounds.items(), strict=True):
        levels = _averaged_db(log_band_features(np.asarray(sound, np.float32), rate))
        top = float(levels.max()) if top is None else top
        seconds, centres = sound.shape[1] / rate, BandLayout().centres_hz
        mesh = _paint(each, levels, seconds, centres, cmap="magma", vmin=top - RANGE_DB, vmax=top)
        each.set_title(name, loc="left", fontsize=10)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(mesh, ax=list(axes), label="dBFS in a band", pad=0.01)
    with written_whole(path) as part:
        figure.savefig(part, format="png")


def _averaged_db(features: Array) -> Array:
    """Log magnitudes (channels, bands, frames) as dB, averaged over channels."""
    return np.asarray(features.mean(0) / NEPERS_PER_DB)


def _paint(axes: Any, values: Array, seconds: float, centres_hz: Any, **colours: Any) -> Any:
    """Bands over time, the frequency axis in octaves."""
    times = np.linspace(0, seconds, values.shape[1])
    mesh = axes.pcolormesh(times, centres_hz, values, shading="nearest", rasterized=True, **colours)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(_OCTAVES))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([f"{hertz / 1000:g}k" if hertz >= 1000 else str(hertz) for hertz in _OCTAVES])
    axes.set_ylabel("Hz")
    return mesh
