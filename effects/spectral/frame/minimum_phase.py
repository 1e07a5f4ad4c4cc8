"""Gain of least delay: the minimum-phase response of an offset.

Of all filters with the same magnitude, the one of minimum phase has its energy soonest (Oppenheim and Schafer 2010,
section 12.5). Its phase follows from its log magnitude alone: the real cepstrum, its anticausal half folded onto the
causal one (section 13.5). Where a gain acts at once, it must be causal: a zero-phase gain would need sound to come.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.tables import BandTables, Transform
from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add, rfft
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]


class MinimumPhase:
    """Responses on the bins of a transform of `size` samples (a power of two, at least 16) at `sample_rate` Hz.

    >>> phase = MinimumPhase(BandLayout(), 48_000, 1024)
    >>> response = np.zeros((1, 2, 513), np.float32)
    >>> phase.respond(np.zeros((1, 96), np.float32), response)  # no offset adds nothing
    False
    >>> phase.respond(np.full((1, 96), np.log(2), np.float32), response)
    True
    >>> round(abs(1 + complex(*response[0, :, 50])), 3)  # twice as loud
    2.0
    """

    def __init__(self, layout: BandLayout, sample_rate: float, size: int) -> None:
        self.bands = BandTables.of(lay(layout, sample_rate, size))
        fold = np.zeros(size)
        fold[1 : size // 2], fold[[0, size // 2]] = 2, 1
        self.transform = Transform.of(np.ones(size), fold)
        self.cepstrum: Array = np.zeros(size, np.float32)
        self.magnitude: Array = np.zeros(size // 2 + 1, np.float32)
        self.kernel = Bound(respond)

    def respond(self, offset: Array, response: Array) -> bool:
        """Write what gains of `offset` (rows, bands), in nepers, add: their response less 1, (rows, 2, bins).

        Returns whether anything is added at all.
        """
        return bool(self.kernel(offset, self.bands, self.transform, self.cepstrum, self.magnitude, response))


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def respond(offset, bands, transform, cepstrum, magnitude, response):  # type: ignore[no-untyped-def]
    """The kernel of `MinimumPhase.respond`.

    The synthesis window has 1, 2, ..., 2, 1, 0, ..., 0: times the cepstrum, it is causal.
    """
    adds = False
    for row in range(offset.shape[0]):
        re, im = response[row, 0], response[row, 1]
        if not np.any(offset[row]):
            re[:], im[:] = np.float32(0), np.float32(0)
            continue
        adds = True
        for k in range(bands.below.size):
            here, there = offset[row, bands.below[k]], offset[row, bands.below[k] + 1]
            re[k] = (here + bands.toward[k] * (there - here)) * bands.share[k]
            im[k] = np.float32(0)
        cepstrum[:] = np.float32(0)
        irfft_add(re, im, transform.synthesis, cepstrum, transform.plan)
        rfft(cepstrum, transform.analysis, magnitude, im, transform.plan)
        for k in range(bands.below.size):
            gain, angle = np.exp(re[k]), im[k]
            re[k] = gain * np.cos(angle) - np.float32(1)
            im[k] = gain * np.sin(angle)
    return adds
