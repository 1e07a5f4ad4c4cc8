"""The base of effects that give every band of a frame a gain: what all of them can be set to. It knows of no model.

    block -> hop -> frame -> features -> offset -> gain of each bin -> what is added -> guard

How features become an offset is what such an effect is (`frame_effect` has those that are a function, `effect` those
that climb a network). `mode` says how the gains are played, and so what latency they have (see `modes`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from dreampedal.effects.spectral.carriers.laws import GENERAL, Knobs, Law
from dreampedal.effects.spectral.frame.guard import MARGIN_DB
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.modes import MODES
from dreampedal.effects.spectral.modes.renderer import Renderer
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Choice, Number, Switch, parameters_of

NEPERS_PER_DB = float(np.log(10) / 20)

SMOOTHING_SECONDS = 0.02
"""Time in which the weights of the dry sound and of what is added move to where they are set."""

MOST_REACH_DB = 48.0

WINDOW, HOP = 2048, 512
"""Of the frames, in samples at 44.1 and 48 kHz."""


def _how_played() -> str:
    *first, last = (mode.how for mode in MODES.values())
    return f"Played {', '.join(first)}, or {last}."


class BandEffect(Effect, family=True):
    """An effect that plays an offset, a log gain for each band, in one of the latency modes."""

    keeps_loudness: ClassVar[bool] = True
    """Whether a frame stays as loud as it was, and the sum within 3 dB; else it is as loud as its gains make it."""

    amount = Number(1.0, 0.0, 1.0, doc="Scale of the offset before it is applied.")
    reach_db = Number(24.0, 0.0, MOST_REACH_DB, unit="dB", doc="Most that a band is raised or lowered.")
    mode = Choice("studio", choices=tuple(MODES), fixed=True, doc=_how_played())
    low_hz = Number(20.0, 0.0, 96_000.0, unit="Hz", doc="Bands below stay as they are.")
    high_hz = Number(20_000.0, 0.0, 96_000.0, unit="Hz", doc="Bands above stay as they are.")
    gate_db = Number(-70.0, -120.0, 0.0, unit="dBFS", doc="Frames under this level (RMS) fade back to the dry sound.")
    link = Switch(True, fixed=True, doc="All channels share one offset; else each has its own, at one loudness.")
    freeze = Switch(False, doc="Hold the offset as it is now.")
    listen = Choice("wet", choices=("wet", "delta"), doc="'delta' plays only what was added.")
    mix = Number(1.0, 0.0, 1.0, smoothing_seconds=SMOOTHING_SECONDS, doc="0 is the dry sound, 1 the wet one.")
    output_db = Number(0.0, -60.0, 24.0, unit="dB", smoothing_seconds=SMOOTHING_SECONDS, doc="Level of what comes out.")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        for name in self.refusals():
            if name in parameters_of(type(self)):
                self.require_playable(name, getattr(self, name))
        if self.low_hz > self.high_hz:
            raise ValueError(f"{type(self).__name__}.low_hz = {self.low_hz:g} is above high_hz = {self.high_hz:g}")

    def refusals(self) -> dict[str, str]:
        """Parameters that stay at their defaults, by name, and why."""
        return {name: f"mode = {self.mode!r} {why}" for name, why in self.renderer.refuses.items()}

    def require_playable(self, name: str, value: Any) -> None:
        """A ValueError if a finished effect's parameter is to have what its mode, or its model, cannot do."""
        rest = parameters_of(type(self))[name].default
        if self._made and value != rest and (why := self.refusals().get(name)):
            raise ValueError(f"{type(self).__name__}.{name} = {value!r}: {why}: expected {rest!r}")

    @property
    def renderer(self) -> type[Renderer]:
        """What plays in this mode."""
        return MODES[self.mode]

    @property
    def layout(self) -> BandLayout:
        """The bands that have a gain."""
        return BandLayout()

    def frames_at(self, sample_rate: float) -> Frames:
        """The frames at `sample_rate` Hz."""
        return Frames(at_rate(WINDOW, sample_rate), at_rate(HOP, sample_rate))

    def spec(self, sample_rate: float, channels: int) -> StreamSpec:
        """The signal of a stream, and how it is listened to."""
        return StreamSpec(
            frames=self.frames_at(sample_rate),
            layout=self.layout,
            sample_rate=sample_rate,
            channels=channels,
            rows=1 if self.link else channels,
            margin_db=MARGIN_DB if self.keeps_loudness else MOST_REACH_DB,
        )

    def carrier_levels(self) -> dict[str, float]:
        """How far each carrier of a stream is turned up, 0 to 1, by its name: for effects that have some."""
        return {}

    def motion(self) -> tuple[Law, Knobs]:
        """How the wet sound moves, and how far that is turned up: for effects that have such knobs."""
        return GENERAL, (0.0, 0.0, 0.0)

    def latency_at(self, sample_rate: float) -> int:
        """Latency in samples at `sample_rate` Hz, as the mode has it, and a hop for each frame of look-ahead."""
        return self.renderer.latency_of(self.spec(sample_rate, 1))

    def latency_parts(self, sample_rate: float) -> list[tuple[str, int]]:
        """What `latency_at` is made of, as names and samples."""
        return [(self.renderer.label, self.latency_at(sample_rate))]
