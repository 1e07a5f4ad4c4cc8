"""How an offset is played: what every mode of a spectral effect is to its stream.

The model listens with its own window and hop in every mode. What differs is how the newest offset reaches the sound:

| mode | how | latency |
| --- | --- | --- |
| `studio` | gain on the model's own symmetric frames | a window |
| `live` | gain on the newest 256 samples of asymmetric frames | 256 samples, at 44.1 and 48 kHz |
| `instant` | a filter in the time domain, cross-faded from hop to hop | none |

`live` and `instant` take the gain as a minimum-phase response (see `playing_phase`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import MEMORY_SECONDS
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.blocks import Block

if TYPE_CHECKING:
    from dreampedal.effects.spectral.frame.state import State


@dataclass(frozen=True)
class Place:
    """Where a player plays: the signal, and how the model hears it."""

    frames: Frames
    """The frames of the model at `sample_rate`."""
    layout: BandLayout
    sample_rate: float
    channels: int
    rows: int
    """Offsets side by side: 1 if all channels share one, else a row for each channel."""
    lookahead_frames: int
    phase_lookahead_frames: int = 0
    """Of the player's own frames, that an estimated phase waits for."""


class Player(Protocol):
    """Plays the offset of a stream's `State`, a hop of its own at a time."""

    hop: int
    """Samples between two calls of `play`; goes into the model's hop without a remainder."""
    latency: int
    waited_samples: int
    """How long a frame waits for later ones before it is played."""

    def reset(self) -> None:
        """Back to endless silence."""

    def sound(self, block: Block, done: int, out: Block, state: State) -> int:
        """Take `block[:, done:]` into the line and write `out[:, done:]`, up to the end of the hop; returns where."""
        ...

    def choose(self, mask: NDArray[np.bool_]) -> None:
        """Which bands move, shape (bands,); called before anything is played, and when the range changes."""

    def follow(self, state: State) -> None:
        """A new offset has been found."""

    def play(self, state: State) -> None:
        """A hop of input is whole: make the next one ready."""


def mean_decay(samples: int, sample_rate: float) -> float:
    """What is left of the guard's running means after so many samples."""
    return float(np.exp(-samples / sample_rate / MEMORY_SECONDS))
