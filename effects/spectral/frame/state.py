"""What a spectral effect's stream is set to, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.estimated import Glide
from dreampedal.effects.spectral.frame.guard import GuardState
from dreampedal.effects.spectral.modes.mode import Place
from dreampedal.engine.dsp.fft.real import Plan, plan_for

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """An effect's parameters as its stream uses them, made anew only when one of them changed."""

    steps: int
    rate: float
    decay: float
    frozen: bool
    amount: float
    gate_db: float
    dry: float
    added: float
    floor: float
    """Least amplitude of a bin that is turned up, against the level of its frame."""
    estimated: float
    """How much of the phase of what gain changes is estimated."""


@dataclass
class State:
    """What a stream remembers between two blocks; the network's columns and its player's own apart."""

    line: Array
    """The newest window of the input, and the hops that frames wait for: (channels, window + waited_samples).

    Its end is the player's hop that is coming in."""
    spectra: Array
    """The frames not yet played, a ring: (1 + lookahead, 2, channels, bins)."""
    heard: Array
    """Features of the newest frame, (rows, bands)."""
    offset: Array
    """The offset of the frame that was played last, as it was played, (rows, bands)."""
    gains: Array
    awake: NDArray[np.bool_]
    """Whether a row's newest frame is above the gate."""
    gate: Array
    lift: NDArray[np.float64]
    guard: GuardState
    ramp: NDArray[np.float64]
    """Weights of dry and added, their aims, their steps a sample, and the samples left on the way."""
    muted_inputs: NDArray[np.int64]
    plan: Plan
    floor: Glide
    estimated: Glide
    position: int = 0
    """Samples of the player's hop that came in."""
    plays: int = 0
    """Hops that the player played."""
    hops: int = 0
    lost_hops: int = 0
    """Hops whose offset was not finite."""
    held_hops: int = 0
    """Hops whose ascent was left out, since inference was late."""

    @classmethod
    def silent(cls, place: Place, waited_samples: int) -> State:
        """After endless silence; frames wait for so many samples."""
        frames, rows, held = place.frames, place.rows, place.lookahead_frames
        return cls(
            line=np.zeros((place.channels, frames.window_samples + waited_samples), np.float32),
            spectra=np.zeros((1 + held, 2, place.channels, frames.bins), np.float32),
            heard=np.zeros((rows, place.layout.count), np.float32),
            offset=np.zeros((rows, place.layout.count), np.float32),
            gains=np.ones((rows, frames.bins), np.float32),
            awake=np.zeros(rows, np.bool_),
            gate=np.zeros(rows, np.float32),
            lift=np.zeros(1),
            guard=GuardState.silent(place.sample_rate, place.channels),
            ramp=np.zeros(7),
            muted_inputs=np.zeros(1, np.int64),
            plan=plan_for(frames.window_samples),
            floor=Glide(),
            estimated=Glide(),
        )
