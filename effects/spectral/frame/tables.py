"""What kernels read of windows and bands: arrays that belong together travel as one argument."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.bands import LaidBands
from dreampedal.engine.dsp.fft.real import Plan, plan_for

Array = NDArray[np.float32]


class Transform(NamedTuple):
    """A pair of windows of `size` samples, and what their Fourier transform needs."""

    analysis: Array
    synthesis: Array
    plan: Plan

    @classmethod
    def of(cls, analysis: NDArray[np.floating], synthesis: NDArray[np.floating]) -> Transform:
        """The transform between two windows of one size."""
        return cls(analysis.astype(np.float32), synthesis.astype(np.float32), plan_for(analysis.size))


class BandTables(NamedTuple):
    """`LaidBands` as kernels take them: where features come from, and which bins an offset reaches."""

    first: NDArray[np.int32]
    start: NDArray[np.int32]
    weights: Array
    floor: float
    """The least feature."""
    below: NDArray[np.int32]
    toward: Array
    share: Array
    """How much of the offset a bin takes, (bins,)."""

    @classmethod
    def of(cls, bands: LaidBands) -> BandTables:
        """The tables of bands laid over the bins of a frame."""
        return cls(bands.first, bands.start, bands.weights, bands.layout.floor, bands.below, bands.toward, bands.reach)


class MovingBands(NamedTuple):
    """Which bands may move, and what each of them and each bin weighs in loudness."""

    mask: Array
    band_loudness: Array
    bin_loudness: Array
