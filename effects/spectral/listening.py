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
from dreampedal.engine.model.student import StudentModel

WORDS: dict[type[Model | StudentModel], str] = {Model: "an ascent model", StudentModel: "a student"}
"""What kinds of model are called."""


class TargetText(Text):
    """A target, refused where the effect's model does not have what it names."""

    def __set__(self, instance: Any, value: str) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        instance.require_target(checked)
        super().__set__(instance, checked)


class InMode(Parameter[Any]):
    """A parameter that is refused another value than its default where the mode or the model cannot serve it."""

    def __set__(self, instance: Any, value: Any) -> None:
        instance.require_playable(self.name, self.checked(value, f"{type(instance).__name__}.{self.name}"))
        super().__set__(instance, value)


class StepCount(InMode, Count):
    """Steps of ascent: the model's sessions for them are ready before a stream needs them."""

    slow = True

    def __set__(self, instance: Any, value: int) -> None:
        checked, model = self.checked(value, f"{type(instance).__name__}.{self.name}"), instance.loaded_model()
        if getattr(instance, "_made", False) and isinstance(model, Model):
            model.ascent(1, checked, instance.columns, instance.device)
        super().__set__(instance, checked)


class Width(InMode, Number):
    """A width that the model may have learned for good."""


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
    """Whether a filter counts by ½y² (True) or by its activation, where a model ascends."""
    kinds: ClassVar[tuple[type[Model | StudentModel], ...]] = (Model,)
    """Kinds of model that the effect plays."""

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
    smoothing = Width(1.5, 0.0, 24.0, unit="bands", doc="Width over which neighbouring bands move together.")
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

    def loaded_model(self) -> Model | StudentModel:
        """The model itself, found in the library once; a ModelError if it is of no kind that this effect plays."""
        if "_model" not in self.__dict__:
            model = library.model(self.model)
            if not isinstance(model, self.kinds):
                expected = " or ".join(WORDS[kind] for kind in self.kinds)
                raise ModelError(self.model, "kind", f"a {model.manifest.kind} model", expected)
            self._model = model
        return self._model

    @property
    def columns(self) -> int:
        """Frames that move in an ascent: those waited for, the newest, and those foreseen."""
        return 1 + self.lookahead_frames + self.foresight_frames

    def require_target(self, target: str) -> None:
        """A ValueError that names what of a target the model does not have, or was not distilled for."""
        model = self.loaded_model()
        if isinstance(model, StudentModel):
            targets.parse(target).shares(model.manifest.targets)
        else:
            self.injections(model, target)

    def injections(self, model: Model, target: str | None = None) -> targets.Injections:
        """A target, the effect's own unless one is given, as a model that ascends takes it."""
        wanted = targets.parse(self.target if target is None else target)
        return wanted.injections(model.manifest.layers, model.manifest.classes, self.energy)
