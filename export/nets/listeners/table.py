"""The listeners that students are taught by: what each sees, which soundfonts it heard, and how it is built."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from dreampedal.export.nets.listeners import layouts
from dreampedal.export.nets.listeners.images import Harmonic, Residual, Small
from dreampedal.export.nets.listeners.layouts import Layout
from dreampedal.export.nets.listeners.sequences import Attention, Columns, Frames, Recurrent
from dreampedal.export.nets.listeners.statistics import Cepstral, Modulations, Statistics

BUILDS: dict[str, type[nn.Module]] = {
    built.__name__.lower(): built
    for built in (
        Small, Harmonic, Residual, Columns, Frames, Recurrent, Attention, Statistics, Cepstral, Modulations,
    )
}  # fmt: skip


@dataclass(frozen=True)
class Listener:
    """The recipe of a listener.

    Fields:
        name: its own; build: a name of `BUILDS`.
        fonts: places of the soundfonts that it hears among those of the training; all that are there if empty.
        adversarial_db: in a third of its batches, features are moved against it by up to so much.
    """

    name: str
    build: str
    layout: Layout
    fonts: tuple[int, ...] = ()
    adversarial_db: float = 0.0

    def network(self, classes: int) -> nn.Module:
        """A new network, its weights as they are drawn."""
        net = BUILDS[self.build](self.layout.count, classes)
        net.eval()
        with torch.no_grad():  # lazy layers learn their size
            net(torch.zeros(2, self.layout.count, 64))
        return net


LISTENERS = (
    Listener("statistics", "statistics", layouts.BANDS, adversarial_db=2),
    Listener("small_mel", "small", layouts.MEL),
    Listener("harmonic", "harmonic", layouts.SEMITONES, (0, 1)),
    Listener("attention", "attention", layouts.FINE, adversarial_db=2),
    Listener("cepstral", "cepstral", layouts.COARSE),
    Listener("recurrent", "recurrent", layouts.MEL, (1, 2)),
    Listener("small_fine", "small", layouts.FINE, (1, 2)),
    Listener("frames", "frames", layouts.LONG),
    Listener("residual", "residual", layouts.BANDS, (0, 2)),
    Listener("columns", "columns", layouts.SHORT, (0, 2), adversarial_db=2),
    Listener("modulations", "modulations", layouts.COARSE, (0, 1)),
    Listener("harmonic_long", "harmonic", layouts.LONG, (1, 2)),
    Listener("statistics_short", "statistics", layouts.SHORT, (0, 1)),
    Listener("residual_fine", "residual", layouts.FINE, adversarial_db=2),
    Listener("residual_mel", "residual", layouts.MEL, (0, 1)),
    Listener("residual_semitones", "residual", layouts.SEMITONES, (1, 2), adversarial_db=2),
    Listener("residual_long", "residual", layouts.LONG),
)
"""Seventeen; each is a different way to hear, or heard other instruments."""
