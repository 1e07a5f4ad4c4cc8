"""The carriers of whole sounds, as training has them: the kernels of the engine, frame after frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.frame import CARRIERS, CarrierState, CarrierTables, write_carriers
from dreampedal.engine.dsp.fft.real import FASTMATH, plan_for, rfft
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.checks import real_numbers
from dreampedal.engine.runtime.jit import njit

FRAMES = Frames(2048, 512)
"""Of a student, at 44.1 and 48 kHz."""


def asked_for(names: Sequence[str]) -> NDArray[np.bool_]:
    """A switch for each of `CARRIERS`; a ValueError for a name that is none of them, or is there twice.

    >>> asked_for(["breath", "below"]).tolist()
    [True, False, False, True]
    """
    if unknown := [name for name in names if name not in CARRIERS]:
        raise ValueError(f"carrier {unknown[0]!r}: expected one of {', '.join(CARRIERS)}")
    if len(set(names)) < len(names):
        raise ValueError(f"carriers {', '.join(names)}: expected each of them once")
    return np.array([name in names for name in CARRIERS])


def carriers_of(
    sound: NDArray[np.float32],
    names: Sequence[str] = CARRIERS,
    sample_rate: float = 48_000,
    frames: Frames = FRAMES,
    first: int = 0,
) -> NDArray[np.complex64]:
    """The carriers of some sounds, each after endless silence.

    Args:
        sound: (n, samples), mono, finite.
        names: of the carriers, out of `CARRIERS`, in any order.
        sample_rate: in Hz; it says where the noise begins to fall.
        frames: wherever a whole window lies, 1 + (samples - window) // hop.
        first: number of the first frame, by which the noise is drawn.

    Returns:
        (n, carriers, frames, bins).

    Raises:
        ValueError: for another shape, a sound shorter than a window, and other names.

    >>> n = np.arange(4096)
    >>> found = carriers_of(np.sin(2 * np.pi * n * 40 / 2048, dtype=np.float32)[None], ["below", "above"])
    >>> found.shape, abs(found[0, :, -1]).argmax(axis=1).tolist()
    ((1, 2, 5, 1025), [20, 80])
    """
    sound = np.require(real_numbers("a sound", sound), np.float32, ["C", "W"])
    if sound.ndim != 2 or sound.shape[1] < frames.window_samples:
        raise ValueError(f"sounds of shape {sound.shape}: expected (n, samples), {frames.window_samples} at least")
    asked, places = asked_for(names), np.array([CARRIERS.index(name) for name in names], np.int64)
    count = 1 + (sound.shape[1] - frames.window_samples) // frames.hop_samples
    found = np.empty((sound.shape[0], len(names), count, frames.bins), np.complex64)
    state = CarrierState.silent(sound.shape[0], frames.bins)
    tables = _tables(frames, sample_rate)._replace(plan=plan_for(frames.window_samples))
    parts = found.view(np.float32).reshape(*found.shape, 2)
    _write_all(sound, frames.window, tables, asked, places, state, first, parts)
    return found


@lru_cache(maxsize=4)
def _tables(frames: Frames, sample_rate: float) -> CarrierTables:
    return CarrierTables.of(frames, sample_rate)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _write_all(sound, window, tables, asked, places, state, first, parts):  # type: ignore[no-untyped-def]
    count, hop = sound.shape[0], tables.octaves.hop
    spectrum = np.zeros((2, count, parts.shape[3]), np.float32)
    for frame in range(parts.shape[2]):
        for n in range(count):
            samples = sound[n, frame * hop : frame * hop + window.size]
            rfft(samples, window, spectrum[0, n], spectrum[1, n], tables.plan)
        write_carriers(spectrum, first + frame, tables, asked, state)
        for n in range(count):
            for place in range(places.size):
                made, out = state.carriers[n, places[place]], parts[n, place, frame]
                for k in range(out.shape[0]):
                    out[k, 0], out[k, 1] = made[0, k], made[1, k]
