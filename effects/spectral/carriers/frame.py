"""All carriers of one frame, and their sum at the amplitudes that are asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.breath import BreathTables, write_noise
from dreampedal.effects.spectral.carriers.octaves import OCTAVES, OctaveTables, Room, fresh_turns, write_octaves
from dreampedal.effects.spectral.frame.kernels import power_of
from dreampedal.engine.dsp.fft.real import FASTMATH, Plan, plan_for
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

CARRIERS = (*OCTAVES, "breath")
"""Every carrier by its name, in the order of the kernels."""


class CarrierTables(NamedTuple):
    """What carriers need of the frames that they are made on."""

    octaves: OctaveTables
    breath: BreathTables
    plan: Plan

    @classmethod
    def of(cls, frames: Frames, sample_rate: float) -> CarrierTables:
        """Those of frames at `sample_rate` Hz."""
        return cls(OctaveTables.of(frames), BreathTables.of(frames, sample_rate), plan_for(frames.window_samples))


class CarrierState(NamedTuple):
    """What lies between two frames, and room to work in."""

    turns: Array
    """See `octaves.fresh_turns`."""
    carriers: Array
    """Those of the newest frame, one channel after another: (channels, carriers, 2, bins)."""
    noise: Array
    """(2, bins)."""
    room: Room

    @classmethod
    def silent(cls, channels: int, bins: int) -> CarrierState:
        """After endless silence."""
        return cls(
            turns=fresh_turns(channels, bins),
            carriers=np.zeros((channels, len(CARRIERS), 2, bins), np.float32),
            noise=np.zeros((2, bins), np.float32),
            room=Room.of(bins),
        )


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def write_carriers(spectrum, number, tables, asked, state):  # type: ignore[no-untyped-def]
    """Make `state.carriers` of a frame (2, channels, bins), that of the hop `number`.

    Those that are not `asked` (a switch each, in the order of `CARRIERS`) are silent.
    """
    octaves, breath = asked[0] or asked[1] or asked[2], asked[3]
    if breath:
        write_noise(number, tables.breath, tables.plan, state.noise)
    for channel in range(spectrum.shape[1]):
        re, im, made = spectrum[0, channel], spectrum[1, channel], state.carriers[channel]
        made[:] = np.float32(0)
        if octaves:
            write_octaves(re, im, tables.octaves, asked, state.turns[:, :, channel], state.room, made[:3])
        if breath:
            level = np.float32(np.sqrt(power_of(spectrum, channel)))
            for part in range(2):
                for k in range(re.size):
                    made[3, part, k] = level * state.noise[part, k]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def add_carriers(carriers, amplitudes, onto):  # type: ignore[no-untyped-def]
    """Add carriers (channels, carriers, 2, bins), at amplitudes (rows, carriers, bins), to (2, channels, bins)."""
    per_row = carriers.shape[0] // amplitudes.shape[0]
    for channel in range(carriers.shape[0]):
        for carrier in range(carriers.shape[1]):
            amplitude = amplitudes[channel // per_row, carrier]
            for part in range(2):
                for k in range(amplitude.size):
                    onto[part, channel, k] += amplitude[k] * carriers[channel, carrier, part, k]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def write_amplitudes(added, below, toward, reach, amplitudes):  # type: ignore[no-untyped-def]
    """From amplitudes of bands, (rows, carriers, bands), to those of bins, (rows, carriers, bins): straight between."""
    for row in range(added.shape[0]):
        for carrier in range(added.shape[1]):
            bands = added[row, carrier]
            for k in range(below.size):
                here, there = bands[below[k]], bands[below[k] + 1]
                amplitudes[row, carrier, k] = (here + toward[k] * (there - here)) * reach[k]
