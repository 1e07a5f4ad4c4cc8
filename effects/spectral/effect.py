"""The spectral effect: frames through a network, gradient ascent on an offset, and the offset as gain.

    block -> hop -> frame -> features -> K steps of ascent -> offset -> gain of each bin -> what is added -> guard

Everything happens a hop at a time with fixed shapes, so that no partition of the signal into blocks changes a sample.
The stream synthesises only what it *adds*, frame · (gain - 1): where the offset is 0 the output is the dry sound
itself, and `mix`, `listen` and the guard are weights on two aligned signals. `mode` says how the gains are played, and
so what latency they have (see `playing`); the model listens in the same way in each.

What a frame's offset does is heard for a while: later outputs of a causal layer see the frame through their older taps.
`lookahead_frames` waits for those outputs. `foresight_frames` reckons with them at no latency: the ascent also moves
frames that have not come yet, foreseen as the newest frame again, and keeps only what it found for the newest, as
model predictive control does (Rawlings, Mayne and Diehl 2017, section 1.1). On classes that live from the course of a
sound it multiplies what is gained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.stream import RENDERERS, SMOOTHING_SECONDS, SpectralStream
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.host.contract.effect import Effect, require_stream
from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Switch, Text, parameters_of
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
    """Steps of ascent: checked against the model, whose session for them is ready before a stream needs it."""

    slow = True

    def __set__(self, instance: Any, value: int) -> None:
        where = f"{type(instance).__name__}.{self.name}"
        checked = self.checked(value, where)
        model = instance.loaded_model()
        if checked > model.manifest.steps:
            raise ValueError(f"{where} = {checked}: model {instance.model} takes at most {model.manifest.steps}")
        if getattr(instance, "_made", False):
            model.ascent(1, checked, instance.columns, instance.device)
        super().__set__(instance, checked)


class Fill(Number):
    """A share of filling in; none where there are no frames to fill."""

    def __set__(self, instance: Any, value: float) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        instance.require_frames(self.name, checked, self.default)
        super().__set__(instance, checked)


class PhaseChoice(Choice):
    """Whose phase is played; the input's where there are no frames to estimate one for."""

    def __set__(self, instance: Any, value: str) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        instance.require_frames(self.name, checked, self.default)
        super().__set__(instance, checked)


class SpectralEffect(Effect, family=True):
    """What effects that dream in the spectrum share. A subclass says how its target counts and what that means."""

    energy: ClassVar[bool]
    """Whether a filter counts by ½y² (True) or by its activation."""

    target = TargetText("", doc="What to amplify: layers, filters and classes of the model.")
    model = Text("notes", fixed=True, doc="The model that listens: a name in the library or the path of a file.")
    device = Choice("auto", choices=("auto", "cpu", "cuda"), fixed=True, doc="Where the model runs.")
    amount = Number(1.0, 0.0, 1.0, doc="Scale of the offset before it is applied.")
    steps = StepCount(4, low=1, high=8, doc="Gradient steps for each frame.")
    reach_db = Number(24.0, 0.0, 48.0, unit="dB", doc="Most that a band is raised or lowered.")
    memory_seconds = Number(0.1, 0.0, 10.0, unit="s", doc="Time in which a dream grows, and fades when let go.")
    lookahead_frames = Count(0, low=0, high=8, fixed=True, doc="Later frames that a frame waits for; adds latency.")
    foresight_frames = Count(4, low=0, high=8, fixed=True, doc="Frames to come that the ascent reckons with.")
    mode = Choice(
        "studio",
        choices=("studio", "live", "instant"),
        fixed=True,
        doc="Played on the model's frames, through a short window (256 samples late), or as a filter (at once).",
    )
    smoothing = Number(1.5, 0.0, 24.0, unit="bands", doc="Width over which neighbouring bands move together.")
    low_hz = Number(20.0, 0.0, 96_000.0, unit="Hz", doc="Bands below stay as they are.")
    high_hz = Number(20_000.0, 0.0, 96_000.0, unit="Hz", doc="Bands above stay as they are.")
    gate_db = Number(-70.0, -120.0, 0.0, unit="dBFS", doc="Frames under this level (RMS) fade back to the dry sound.")
    phase = PhaseChoice(
        "input", choices=("input", "estimate"), doc="Of what gain changes: the input's, or estimated to fit."
    )
    fill = Fill(0.0, 0.0, 1.0, doc="Scale of a floor under what is turned up: what gain cannot reach is filled in.")
    fill_floor_db = Number(40.0, 0.0, 96.0, unit="dB", doc="That floor, so far under the level of the frame.")
    phase_lookahead_frames = Count(
        0, low=0, high=4, fixed=True, doc="Later frames that an estimated phase waits for; adds latency."
    )
    link = Switch(True, fixed=True, doc="All channels share one offset; else each has its own, at one loudness.")
    freeze = Switch(False, doc="Hold the offset as it is now.")
    listen = Choice("wet", choices=("wet", "delta"), doc="'delta' plays only what was added.")
    mix = Number(1.0, 0.0, 1.0, smoothing_seconds=SMOOTHING_SECONDS, doc="0 is the dry sound, 1 the wet one.")
    output_db = Number(0.0, -60.0, 24.0, unit="dB", smoothing_seconds=SMOOTHING_SECONDS, doc="Level of what comes out.")

    def __init__(self, **values: Any) -> None:
        # The model comes first, since it says which targets there are; a default target is checked like any other.
        super().__init__(**({"model": self.model, "target": self.target} | values))
        frames, most = self.lookahead_frames + self.foresight_frames, self.loaded_model().manifest.context_frames - 1
        if frames > most:
            where = f"{type(self).__name__}.lookahead_frames + foresight_frames"
            raise ValueError(f"{where} = {frames}: model {self.model} takes at most {most}")
        if self.mode == "instant" and self.lookahead_frames:
            where = f"{type(self).__name__}.lookahead_frames"
            raise ValueError(f"{where} = {self.lookahead_frames}: mode = 'instant' waits for no frame: expected 0")
        for name in ("fill", "phase", "phase_lookahead_frames"):
            self.require_frames(name, getattr(self, name), parameters_of(type(self))[name].default)
        if self.low_hz > self.high_hz:
            raise ValueError(f"{type(self).__name__}.low_hz = {self.low_hz:g} is above high_hz = {self.high_hz:g}")

    def require_frames(self, name: str, value: Any, rest: Any) -> None:
        """A ValueError if a finished effect is to have another `value` than `rest` for what only frames can have."""
        if self._made and self.mode == "instant" and value != rest:
            where = f"{type(self).__name__}.{name}"
            raise ValueError(f"{where} = {value!r}: mode = 'instant' has no frames to estimate: expected {rest!r}")

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> SpectralStream:
        """A stream of this effect; changes of its parameters are heard from the next hop or sample on."""
        require_stream(sample_rate, channels, max_block)
        return SpectralStream(self, sample_rate, channels, max_block)

    def latency_at(self, sample_rate: float) -> int:
        """Latency in samples at `sample_rate` Hz, as the mode has it, and a hop for each frame of look-ahead."""
        return RENDERERS[self.mode].latency_of(self.spec(sample_rate, 1))

    def latency_parts(self, sample_rate: float) -> list[tuple[str, int]]:
        """What `latency_at` is made of, as names and samples: how the mode plays, and what it looks ahead."""
        renderer, spec = RENDERERS[self.mode], self.spec(sample_rate, 1)
        waited = self.lookahead_frames * spec.frames.hop_samples
        without = renderer.latency_of(replace(spec, phase_lookahead_frames=0))
        waits = [("look-ahead", waited), ("phase", renderer.latency_of(spec) - without)]
        return [(renderer.label, without - waited), *(part for part in waits if part[1])]

    def spec(self, sample_rate: float, channels: int) -> StreamSpec:
        """The signal of a stream, and how it is listened to."""
        return StreamSpec(
            self.frames_at(sample_rate), self.layout, sample_rate, channels, 1 if self.link else channels,
            self.lookahead_frames, self.phase_lookahead_frames,
        )  # fmt: skip

    def frames_at(self, sample_rate: float) -> Frames:
        """The model's frames at `sample_rate` Hz."""
        manifest = self.loaded_model().manifest
        return Frames(at_rate(manifest.window, sample_rate), at_rate(manifest.hop, sample_rate))

    def loaded_model(self) -> Model:
        """The model itself, found in the library once; a ModelError if it cannot dream live."""
        if "_model" not in self.__dict__:
            model = library.model(self.model)
            if model.manifest.kind != "ascent":
                raise ModelError(self.model, "kind", f"a {model.manifest.kind} model", "an ascent model")
            self._model = model
        return self._model

    def models(self) -> dict[str, str]:
        """Content hash of the model, by its name."""
        return {self.model: self.loaded_model().manifest.content_hash}

    @property
    def layout(self) -> BandLayout:
        """The bands that the model sees."""
        return BandLayout(**self.loaded_model().manifest.bands.model_dump())

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
        layers = [targets.Layer(layer.name, layer.filters, layer.labels) for layer in manifest.layers]
        return targets.parse(target).injections(layers, manifest.classes, self.energy)
