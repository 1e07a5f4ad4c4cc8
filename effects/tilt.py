"""Tilt: a spectral tilt. One end of the spectrum goes up and the other down, in a straight line over octaves."""

from __future__ import annotations

import numpy as np

from dreampedal.effects.spectral.base import NEPERS_PER_DB
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.frame_effect import FrameEffect, OffsetFunction
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.host.contract.parameters import Number


class Tilt(FrameEffect):
    """Brightens (above 0 dB an octave) or darkens a sound around a pivot, from 20 Hz to 20 kHz.

    >>> Tilt(db_per_octave=-3.0, pivot_hz=500.0, mode="live").latency_at(48_000)
    256
    """

    keeps_loudness = False
    db_per_octave = Number(0.0, -6.0, 6.0, unit="dB/octave", doc="Slope of the tilt.")
    pivot_hz = Number(1000.0, 50.0, 16_000.0, unit="Hz", doc="Where the tilt changes nothing.")

    @property
    def layout(self) -> BandLayout:
        """Bands from 20 Hz to 20 kHz."""
        return BandLayout(low_hz=20.0, high_hz=20_000.0)

    def offset_function(self, spec: StreamSpec) -> OffsetFunction:
        """The tilt, whatever the frame."""
        octaves = np.log2(spec.layout.centres_hz)
        return lambda features: NEPERS_PER_DB * self.db_per_octave * (octaves - np.log2(self.pivot_hz))
