"""What a spectral effect's stream is made for, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import MARGIN_DB, Guard
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.stft import Frames

Array = NDArray[np.float32]


@dataclass(frozen=True)
class StreamSpec:
    """The signal of a stream, and how it is listened to."""

    frames: Frames
    """The frames of the analysis at `sample_rate`."""
    layout: BandLayout
    sample_rate: float
    channels: int
    rows: int
    """Offsets side by side: 1 if all channels share one, else a row for each channel."""
    lookahead_frames: int = 0
    phase_lookahead_frames: int = 0
    """Of the renderer's own frames, that an estimated phase waits for."""
    margin_db: float = MARGIN_DB
    """How far the loudness may move from that of the dry sound."""
    carriers: tuple[str, ...] = ()
    """Names of what may be added to the sound (see `carriers`)."""


@dataclass
class HopRamp:
    """A setting on its way to where it was set, a hop at a time."""

    now: float = 0.0
    aim: float = 0.0
    step: float = 0.0
    hops_left: int = 0

    def to(self, aim: float, hops: int) -> None:
        """Be at `aim` after so many hops."""
        if aim != self.aim:
            self.aim, self.step, self.hops_left = aim, (aim - self.now) / hops, hops

    def arrive(self) -> None:
        """Be there at once."""
        self.now, self.hops_left = self.aim, 0

    def move(self) -> None:
        """The next hop."""
        if self.hops_left:
            self.hops_left -= 1
            self.now = self.now + self.step if self.hops_left else self.aim


class InOut(NamedTuple):
    """Where the input goes, and how what comes out is weighed."""

    line: Array
    """The newest window of the input, and the hops that frames wait for: (channels, window + waited_samples).

    Its end is the renderer's hop that is coming in."""
    ramp: NDArray[np.float64]
    """Weights of dry and added, their aims, their steps a sample, and the samples left on the way."""
    muted_inputs: NDArray[np.int64]


class Played(NamedTuple):
    """The offset of the frame that was played last, as it was played."""

    offset: Array
    """(rows, bands)."""
    gains: Array
    """(rows, bins)."""
    gate: Array
    """How far the gate is open, 0 to 1, (rows,)."""
    makeup_gain: NDArray[np.float64]
    """Nepers by which a frame is made louder than it was, for what overlap-add loses of it, (1,)."""


@dataclass
class SpectralState:
    """What a stream remembers between two blocks; the network's columns and its renderer's own apart."""

    io: InOut
    spectra: Array
    """The frames not yet played, a ring: (1 + lookahead, 2, channels, bins)."""
    features: Array
    """Of the newest frame, (rows, bands)."""
    wanted: Array
    """The offset of the frame that is played next, before its loudness is matched, (rows, bands)."""
    added: Array
    """The amplitudes of carriers that are wanted of the frame that is played next, (rows, carriers, bands)."""
    awake: NDArray[np.bool_]
    """Whether a row's newest frame is above the gate."""
    played: Played
    guard: Guard
    floor: HopRamp
    """Least amplitude of a bin that is turned up, against the level of its frame."""
    estimated: HopRamp
    """How much of the phase of what gain changes is estimated."""
    position: int = 0
    """Samples of the renderer's hop that came in."""
    plays: int = 0
    """Hops that the renderer played."""
    hops: int = 0
    lost_hops: int = 0
    """Hops whose offset was not finite."""
    held_hops: int = 0
    """Hops whose ascent was left out, since inference was late."""

    @property
    def oldest(self) -> Array:
        """The frame that is played next, (2, channels, bins)."""
        spectrum: Array = self.spectra[self.hops % self.spectra.shape[0]]
        return spectrum

    @classmethod
    def silent(cls, spec: StreamSpec, hop_samples: int, waited_samples: int) -> SpectralState:
        """After endless silence, where a renderer has such hops, and frames wait for so many samples."""
        frames, rows, bands, held = spec.frames, spec.rows, spec.layout.count, spec.lookahead_frames
        return cls(
            io=InOut(
                line=np.zeros((spec.channels, frames.window_samples + waited_samples), np.float32),
                ramp=np.zeros(7),
                muted_inputs=np.zeros(1, np.int64),
            ),
            spectra=np.zeros((1 + held, 2, spec.channels, frames.bins), np.float32),
            features=np.zeros((rows, bands), np.float32),
            wanted=np.zeros((rows, bands), np.float32),
            added=np.zeros((rows, len(spec.carriers), bands), np.float32),
            awake=np.zeros(rows, np.bool_),
            played=Played(
                offset=np.zeros((rows, bands), np.float32),
                gains=np.ones((rows, frames.bins), np.float32),
                gate=np.zeros(rows, np.float32),
                makeup_gain=np.zeros(1),
            ),
            guard=Guard.silent(spec.sample_rate, spec.channels, hop_samples, spec.margin_db),
            floor=HopRamp(),
            estimated=HopRamp(),
        )
