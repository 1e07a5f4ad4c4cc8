"""What resynthesis is set to: how far each carrier and each motion of the wet sound is turned up.

All rest at 0, and then leave every sample as it is. Carriers sound where the model answers how loud each should be;
motions move the wet sound of any model, by the laws of the classes in the target (see `carriers.laws`).
"""

from __future__ import annotations

from dataclasses import replace
from threading import RLock
from typing import Any

from dreampedal.effects.spectral.base import BandEffect
from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.effects.spectral.carriers.laws import Knobs, Law, law_of
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.listening import InMode, Listening
from dreampedal.engine.host.contract.parameters import Number
from dreampedal.engine.model import targets

_moved: set[str] = set()
"""Modes whose kernels of motion are compiled, or read from the cache."""

_one_at_a_time = RLock()


class Level(InMode, Number):
    """A share of a carrier; none where the mode has no frames to make one of, or the model none to add."""


class Depth(InMode, Number):
    """A share of a motion: what moves is compiled before it is set on an effect that plays."""

    @property
    def slow(self) -> bool:  # type: ignore[override]
        """Whether that may have still to be done."""
        return not _moved >= {"studio", "live"}

    def __set__(self, instance: Any, value: float) -> None:
        if instance._made and value != self.default:
            instance.require_playable(self.name, self.checked(value, f"{type(instance).__name__}.{self.name}"))
            _compile_for(instance)
        super().__set__(instance, value)


class Resynthesis(BandEffect, Listening, family=True):
    """An effect that may add what the source does not have, where its model was trained to ask for it."""

    below = Level(0.0, 0.0, 1.0, doc="What the model adds of the sound an octave below.")
    deep = Level(0.0, 0.0, 1.0, doc="What the model adds of the sound two octaves below.")
    above = Level(0.0, 0.0, 1.0, doc="What the model adds of the sound an octave above.")
    breath = Level(0.0, 0.0, 1.0, doc="What the model adds of noise.")
    vibrato = Depth(0.0, 0.0, 1.0, doc="Vibrato of the wet sound, at the rate and depth of the target's classes.")
    tremolo = Depth(0.0, 0.0, 1.0, doc="Tremolo of the wet sound, likewise.")
    strike = Depth(0.0, 0.0, 1.0, doc="Onsets sharpened and struck again while a sound lasts, where a class decays.")

    @property
    def carriers(self) -> tuple[str, ...]:
        """What the model may add."""
        named: tuple[str, ...] = getattr(self.loaded_model().manifest, "carriers", ())
        return named

    def spec(self, sample_rate: float, channels: int) -> StreamSpec:
        """The signal of a stream, how the model listens to it, and what it may add."""
        return replace(super().spec(sample_rate, channels), carriers=self.carriers)

    def refusals(self) -> dict[str, str]:
        """Those of the mode; and the carriers that the model was not trained to ask for."""
        missing = [name for name in CARRIERS if name not in self.carriers]
        return dict.fromkeys(missing, f"model {self.model!r} adds none") | super().refusals()

    def carrier_levels(self) -> dict[str, float]:
        """How far each carrier is turned up."""
        return {name: getattr(self, name) for name in CARRIERS}

    def motion(self) -> tuple[Law, Knobs]:
        """The law of the target's classes, and how far its parts are turned up."""
        terms = targets.parse(self.target).terms
        shares = {str(term._replace(weight=1.0)): term.weight for term in terms if term.weight > 0}
        return law_of(shares), (self.vibrato, self.tremolo, self.strike)


def _compile_for(effect: Resynthesis) -> None:
    """Compile what moves the wet sound in an effect's mode, on a stream of its own; nothing if that was done."""
    settings = dict(effect.parameters)
    with _one_at_a_time:
        if settings["mode"] not in _moved:
            _moved.add(settings["mode"])
            moving = {"vibrato": 1.0, "tremolo": 1.0, "strike": 1.0}
            type(effect)(**settings | moving).stream(44_100, 1, 1)
