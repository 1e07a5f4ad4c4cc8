"""Effects whose offset is a function of frames: no network, and nothing to write but that function.

>>> class Loudest(FrameEffect, family=True):
...     def offset_function(self, spec):
...         return lambda features: 0.5 * (features >= features.max())
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.base import BandEffect
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.stream import BandStream
from dreampedal.engine.host.contract.effect import require_stream

Array = NDArray[np.float32]

OffsetFunction = Callable[[Array], NDArray[np.floating[Any]]]
"""From the features of a frame to its offset in nepers, (rows, bands) or what that is spread from."""


class FrameEffect(BandEffect, family=True):
    """An effect that turns the features of each frame into an offset by a function of its own."""

    @abstractmethod
    def offset_function(self, spec: StreamSpec) -> OffsetFunction:
        """What is called with the features of each new frame, once a hop.

        It is asked for whenever a signal begins, so that a function may remember the frames before. It is called where
        the sound is played: it reads parameters as they are, and waits for nothing.
        """

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> BandStream:
        """A stream of this effect; changes of its parameters are heard from the next hop or sample on."""
        require_stream(sample_rate, channels, max_block)
        return FrameStream(self, sample_rate, channels, max_block)


class FrameStream(BandStream):
    """A running effect of this kind."""

    effect: FrameEffect

    def _forget(self) -> None:
        self.offset_of = self.effect.offset_function(self.spec)

    def _find_offset(self, spectrum: Array) -> None:
        if not self.frozen:
            self.state.wanted[:] = self.offset_of(self.state.features)
