"""A whole spectrogram through a streaming estimator, frame by frame: the very samples that a stream would play."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.phase.streaming import Estimator
from dreampedal.engine.dsp.stft import Frames

Array = NDArray[np.float32]

STREAMED = ("hybrid", "spsi", "rtpghi", "rtpghi_plain", "rtisi", "gsrtisi")


def streamed(magnitude: Array, frames: Frames, method: str, lookahead_frames: int, iterations: int) -> Array:
    """`magnitude` (channels, frames, bins) with estimated phases: planes, (channels, 2, frames, bins).

    The last frames look ahead into silence.
    """
    channels, count, bins = magnitude.shape
    estimator = Estimator(frames, channels, method, lookahead_frames, max(1, iterations))
    spectra, silence = np.zeros((channels, 2, count, bins), np.float32), np.zeros((channels, bins), np.float32)
    for t in range(count + lookahead_frames):
        estimated = estimator.push(np.ascontiguousarray(magnitude[:, t]) if t < count else silence)
        if t >= lookahead_frames:
            spectra[:, :, t - lookahead_frames] = estimated.transpose(1, 0, 2)
    return spectra
