"""What every mode is to its stream: a class that renders the newest offset, and says what it cannot do.

The model listens with its own window and hop in every mode. What differs is how the newest offset reaches the sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.carrying import Carrying
from dreampedal.effects.spectral.carriers.motion import Motion
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.engine.runtime.blocks import Block


class Renderer(ABC):
    """Renders the offset of a stream's state, a hop of its own at a time."""

    name: ClassVar[str]
    """What `mode` is set to for it."""
    label: ClassVar[str]
    """What of it takes its time, as a table of latencies has it."""
    how: ClassVar[str]
    """How it plays, as the documentation of `mode` has it."""
    usual_latency: ClassVar[int]
    """Samples at 44.1 and 48 kHz, on the frames of the models that ship; modes are listed by it."""
    refuses: ClassVar[Mapping[str, str]] = {}
    """Parameters that stay at their defaults in this mode, and why, as an error says it."""

    waited_samples = 0
    """How long a frame waits for later ones before it is played."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec, self.hop, self.latency = spec, self.hop_of(spec), self.latency_of(spec)
        plays_carriers = spec.carriers and not set(spec.carriers) & set(self.refuses)
        self.carrying = Carrying(spec) if plays_carriers else None
        self.motion = Motion(spec.channels, spec.sample_rate)

    @classmethod
    @abstractmethod
    def hop_of(cls, spec: StreamSpec) -> int:
        """Samples between two calls of `advance`; goes into the hop of the analysis without a remainder."""

    @classmethod
    @abstractmethod
    def latency_of(cls, spec: StreamSpec) -> int:
        """Samples between a sample going in and coming out, look-ahead included."""

    @abstractmethod
    def reset(self) -> None:
        """Back to endless silence."""

    @abstractmethod
    def render(self, block: Block, done: int, out: Block, state: SpectralState) -> int:
        """Take `block[:, done:]` into the line and write `out[:, done:]`, up to the end of the hop; returns where."""

    @abstractmethod
    def advance(self, state: SpectralState) -> None:
        """A hop of input is whole: make the next one ready."""

    def follow(self, state: SpectralState) -> None:
        """A new offset has been found."""
        return

    def select_bands(self, mask: NDArray[np.bool_]) -> None:
        """Which bands move, shape (bands,); called before anything is played, and when the range changes."""
        return
