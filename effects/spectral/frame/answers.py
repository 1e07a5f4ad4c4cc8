"""The kernels on both sides of a student: what it hears of a frame, and what is played of its answer."""

from __future__ import annotations

import numpy as np

from dreampedal.effects.spectral.frame.kernels import frame_db
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.jit import njit

LOUDEST = 10.0
"""Nepers, 87 dB over full scale: what is louder is heard as this, so that a broken sample deafens nobody for long."""

SMALLEST = 1e-9
"""Nepers and amplitudes under which nothing is left."""


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def hear(spectrum, newest, gate_db, heard, awake):  # type: ignore[no-untyped-def]
    """Hand over the features of the newest frame, (rows, bands); `awake` (rows,) tells which are above the gate."""
    rows, bands = newest.shape
    per_row = spectrum.shape[1] // rows
    for row in range(rows):
        for band in range(bands):
            heard[row, band] = min(newest[row, band], np.float32(LOUDEST))
        awake[row] = frame_db(spectrum, row * per_row, (row + 1) * per_row) >= gate_db


@njit(cache=True, nogil=True)
def follow(answer, scale, kept, awake, wanted):  # type: ignore[no-untyped-def]
    """Take an answer over, (rows, ...), times `scale`; where a row is not awake, let go of what there was instead.

    `kept` is what is left of that a hop later.
    """
    for row in range(awake.size):
        if awake[row]:
            for n in range(answer.shape[1]):
                wanted[row, n] = np.float32(scale) * answer[row, n]
        else:
            for n in range(answer.shape[1]):
                wanted[row, n] *= np.float32(kept)
                if abs(wanted[row, n]) < np.float32(SMALLEST):
                    wanted[row, n] = np.float32(0)
