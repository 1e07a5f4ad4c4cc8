"""Carriers that sound at once: long frames, of which only the last samples are played."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.carrying import CarriedFrames
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.frame.tables import Transform
from dreampedal.engine.dsp.stft import Frames

Array = NDArray[np.float32]


class TailCarriers:
    """Carriers on frames as long as the model's: what is moved an octave has to be told apart first.

    Their synthesis reaches over the last samples alone, as that of the gains does.
    """

    def __init__(self, spec: StreamSpec, hop: int) -> None:
        frames = Frames(spec.frames.window_samples, hop, "asymmetric")
        self.frames, self.transform = CarriedFrames(spec, frames), Transform.of(frames.window, frames.dual)
        self.spectrum = np.zeros((2, spec.channels, frames.bins), np.float32)
        self.overlap = np.zeros((spec.channels, frames.window_samples), np.float32)
        self.tail = frames.window_samples - frames.first

    def reset(self) -> None:
        """Back to endless silence."""
        self.frames.reset()

    def hand_over(self, overlap: Array) -> None:
        """Move what was added to the end of what waits, (channels, samples)."""
        overlap[:, -self.tail :] += self.overlap[:, -self.tail :]
        self.overlap[:] = 0
