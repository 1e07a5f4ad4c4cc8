"""Manifests of networks on whole clips: those that only name their classes, and those that dream on samples.

A clip has one length, in seconds and in columns of its input (`inputs`). What is shorter is repeated and what is longer
is cut before the network sees it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dreampedal.engine.model.format.inputs import Input, LogBands, Mel, Waveform, frames_of
from dreampedal.engine.model.format.manifest import (
    MAX_VALUES,
    Label,
    Layer,
    Positive,
    Strict,
    Training,
    require_distinct,
)

HIGHEST_HZ = 384_000
"""The highest rate of a host."""

USUAL_HZ = 44_100

MAX_WINDOWED = 1 << 28
"""Samples in all windows of a clip together, what it costs to analyse: 10 minutes of a usual input have 10^8."""


class ClipManifest(Strict):
    """What the file of a network on whole clips declares."""

    format: Literal[1] = 1
    name: Label
    version: str
    input: Input
    """What the network gets of a sound; no normalisation lies outside of the graph."""
    seconds: Annotated[float, Field(gt=0, le=600)]
    """Length of a clip in training."""
    shape: tuple[Positive, Positive]
    """Rows and columns of a clip."""
    layers: tuple[Layer, ...] = ()
    classes: Annotated[tuple[Label, ...], Field(min_length=1)]
    training: Training
    accuracy: dict[str, float] = Field(default_factory=dict)
    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the weights (`engine.model.structure.content_hash`)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ClipManifest:
        require_distinct(self.layers, self.classes)
        rows, columns = self.shape
        if rows != self.input.rows:
            raise ValueError(f"shape has {rows} rows: expected {self.input.rows}, those of the input")
        if rows * columns > MAX_VALUES:
            raise ValueError(f"shape {rows} x {columns}: expected at most {MAX_VALUES} numbers")
        if not isinstance(self.input, Waveform):
            values = rows * frames_of(self.input, self.seconds, USUAL_HZ)
            if values > MAX_VALUES:
                raise ValueError(f"input gives {values} numbers a clip: expected at most {MAX_VALUES}")
            window = window_of(self.input)
            if rows * window > MAX_VALUES:
                raise ValueError(f"input has {rows} rows of windows of {window}: expected at most {MAX_VALUES} in all")
            if (work := values // rows * window) > MAX_WINDOWED:
                raise ValueError(f"input hears {work} samples in windows: expected at most {MAX_WINDOWED}")
        if columns > (most := frames_of(self.input, self.seconds, HIGHEST_HZ) + 1):
            raise ValueError(f"shape has {columns} columns: expected at most {most}, those of {self.seconds:g} s")
        return self


def window_of(input: Input) -> int:
    """Samples of a window, at the input's own rate or the usual one."""
    if isinstance(input, Waveform):
        return 1
    return input.window if isinstance(input, Mel | LogBands) else round(input.window_seconds * USUAL_HZ)


class ClassifierManifest(ClipManifest):
    """A network that only names: clips in, logits of its classes out.

    `probabilities` says what makes probabilities of logits: "softmax" where a clip is of one class, "sigmoid" for tags
    of which a clip may have several.
    """

    kind: Literal["classifier"] = "classifier"
    probabilities: Literal["softmax", "sigmoid"] = "softmax"


class WaveformManifest(ClipManifest):
    """A network on samples, with the gradient of any target with respect to them.

    It runs at `input.sample_rate`, or at the host's rate where that is None. At a rate of its own only what the dream
    adds is resampled to the host's (`resampled`), never the dry sound.
    """

    kind: Literal["waveform"] = "waveform"
    input: Waveform
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    resampled: Literal["added"] = "added"
