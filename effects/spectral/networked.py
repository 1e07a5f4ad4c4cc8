"""What effects with a model share: how it listens, and what it is; nothing of how its answers are found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dreampedal.effects.spectral.base import BandEffect
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.listening import Listening
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.model.student import StudentModel

LEARNED = {
    "steps": "answers in one pass",
    "foresight_frames": "has learned what comes",
    "smoothing": "has learned how wide its bands move",
}
"""What a student has no use for, and why."""


class NetworkEffect(BandEffect, Listening, family=True):
    """An effect on bands whose offset comes from a model."""

    def __init__(self, **values: Any) -> None:
        # The model comes first, since it says which targets there are; a default target is checked like any other.
        super().__init__(**({"model": self.model, "target": self.target} | values))
        model, frames = self.loaded_model(), self.lookahead_frames + self.foresight_frames
        if not isinstance(model, StudentModel) and frames > (most := model.manifest.context_frames - 1):
            where = f"{type(self).__name__}.lookahead_frames + foresight_frames"
            raise ValueError(f"{where} = {frames}: model {self.model} takes at most {most}")

    def refusals(self) -> dict[str, str]:
        """Those of the mode; and where the model is a student, what only an ascent makes use of."""
        found = super().refusals()
        if isinstance(self.loaded_model(), StudentModel):
            found |= {name: f"model {self.model!r} is a student, which {why}" for name, why in LEARNED.items()}
        return found

    def spec(self, sample_rate: float, channels: int) -> StreamSpec:
        """The signal of a stream, and how the model listens to it."""
        model = self.loaded_model()
        return replace(
            super().spec(sample_rate, channels),
            carriers=model.manifest.carriers if isinstance(model, StudentModel) else (),
            lookahead_frames=self.lookahead_frames,
            phase_lookahead_frames=self.phase_lookahead_frames,
        )

    def latency_parts(self, sample_rate: float) -> list[tuple[str, int]]:
        """What `latency_at` is made of, as names and samples: how the mode plays, and what it looks ahead."""
        spec = self.spec(sample_rate, 1)
        waited = self.lookahead_frames * spec.frames.hop_samples
        without = self.renderer.latency_of(replace(spec, phase_lookahead_frames=0))
        waits = [("look-ahead", waited), ("phase", self.renderer.latency_of(spec) - without)]
        return [(self.renderer.label, without - waited), *(part for part in waits if part[1])]

    def frames_at(self, sample_rate: float) -> Frames:
        """The model's frames at `sample_rate` Hz."""
        manifest = self.loaded_model().manifest
        return Frames(at_rate(manifest.window, sample_rate), at_rate(manifest.hop, sample_rate))

    @property
    def layout(self) -> BandLayout:
        """The bands that the model sees."""
        return BandLayout(**self.loaded_model().manifest.bands.model_dump())

    def models(self) -> dict[str, str]:
        """Content hash of the model, by its name."""
        return {self.model: self.loaded_model().manifest.content_hash}
