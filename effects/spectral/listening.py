"""What an effect with a model is set to beside what all effects on bands are, and the model itself."""

from __future__ import annotations

from typing import Any, ClassVar

from dreampedal.effects.spectral import estimates
from dreampedal.effects.spectral.base import BandEffect
from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Parameter, Text
from dreampedal.engine.model import targets
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.library import library
from dreampedal.engine.model.model import Model


class TargetText(Text):
    """A target, refused where the effect's model does not have what it names."""

    def __set__(self, instance: Any, value: str) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        instance.injections_of(checked)
        super().__set__(instance, checked)


class StepCount(Count):
    """Steps of ascent: the model's sessions for them are ready before a stream needs them."""

    slow = True

    def __set__(self, instance: Any, value: int) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        if getattr(instance, "_made", False):
            instance.loaded_model().ascent(1, checked, instance.columns, instance.device)
        super().__set__(instance, checked)


class InMode(Parameter[Any]):
    """A parameter that is refused another value than its default where the mode cannot serve it."""

    def __set__(self, instance: Any, value: Any) -> None:
        instance.require_playable(self.name, self.checked(value, f"{type(instance).__name__}.{self.name}"))
        super().__set__(instance, value)


class Estimating(InMode):
    """A parameter that asks for estimated phases: what they need is compiled before it is set."""

    @property
    def slow(self) -> bool:  # type: ignore[override]
        """Whether that has still to be done."""
        return estimates.are_missing()

    def __set__(self, instance: Any, value: Any) -> None:
        if instance._made and value != self.default:
            instance.require_playable(self.name, self.checked(value, f"{type(instance).__name__}.{self.name}"))
            estimates.compile_for(instance)
        super().__set__(instance, value)


class Fill(Estimating, Number):
    """A share of filling in; none where there are no frames to fill."""


class PhaseChoice(Estimating, Choice):
    """Whose phase is played; the input's where there are no frames to estimate one for."""


class Listening:
    """The parameters of an effect with a model.

    Those of `BandEffect` between them are named again, since files and messages list parameters in this order.
    """

    energy: ClassVar[bool]
    """Whether a filter counts by ½y² (True) or by its activation."""

    target = TargetText("", doc="What to amplify: layers, filters and classes of the model.")
    model = Text("notes", fixed=True, doc="The model that listens: a name in the library or the path of a file.")
    device = Choice("auto", choices=("auto", "cpu", "cuda"), fixed=True, doc="Where the model runs.")
    amount = BandEffect.amount
    steps = StepCount(
        4, low=1, high=64, doc="Gradient steps for each frame: a few live, as many as there is time for offline."
    )
    reach_db = BandEffect.reach_db
    memory_seconds = Number(0.1, 0.0, 10.0, unit="s", doc="Time in which a dream grows, and fades when let go.")
    lookahead_frames = Count(0, low=0, high=8, fixed=True, doc="Later frames that a frame waits for; adds latency.")
    foresight_frames = Count(4, low=0, high=8, fixed=True, doc="Frames to come that the ascent reckons with.")
    mode = BandEffect.mode
    smoothing = Number(1.5, 0.0, 24.0, unit="bands", doc="Width over which neighbouring bands move together.")
    low_hz = BandEffect.low_hz
    high_hz = BandEffect.high_hz
    gate_db = BandEffect.gate_db
    phase = PhaseChoice(
        "input", choices=("input", "estimate"), doc="Of what gain changes: the input's, or estimated to fit."
    )
    fill = Fill(0.0, 0.0, 1.0, doc="Scale of a floor under what is turned up: what gain cannot reach is filled in.")
    fill_floor_db = Number(40.0, 0.0, 96.0, unit="dB", doc="That floor, so far under the level of the frame.")
    phase_lookahead_frames = Count(
        0, low=0, high=4, fixed=True, doc="Later frames that an estimated phase waits for; adds latency."
    )

    def loaded_model(self) -> Model:
        """The model itself, found in the library once; a ModelError if it cannot dream live."""
        if "_model" not in self.__dict__:
            model = library.model(self.model)
            if model.manifest.kind != "ascent":
                raise ModelError(self.model, "kind", f"a {model.manifest.kind} model", "an ascent model")
            self._model = model
        return self._model

    @property
    def columns(self) -> int:
        """Frames that move in an ascent: those waited for, the newest, and those foreseen."""
        return 1 + self.lookahead_frames + self.foresight_frames

    def injections(self) -> targets.Injections:
        """The target as the model takes it."""
        return self.injections_of(self.target)

    def injections_of(self, target: str) -> targets.Injections:
        """Any target as the model takes it; a ValueError that names what the model does not have."""
        manifest = self.loaded_model().manifest
        return targets.parse(target).injections(manifest.layers, manifest.classes, self.energy)
