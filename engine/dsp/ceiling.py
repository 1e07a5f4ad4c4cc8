"""A ceiling for sample peaks, with no latency.

The gain falls at once to what the loudest channel needs and climbs back over `RELEASE_SECONDS`. Where a signal crosses
the ceiling the gain starts from 1, so nothing jumps. Every sample below the ceiling, away from a peak, passes as it is.
"""

from __future__ import annotations

import math

import numpy as np

from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.jit import njit

RELEASE_SECONDS = 0.05


class Ceiling:
    """Keeps all channels of a signal under `ceiling_db` dBFS (at most 0), whatever the blocks are.

    >>> quiet = Ceiling(-6.0, 48_000)
    >>> f"{quiet.process(np.ones((1, 10), np.float32)).max():.3f}"
    '0.501'
    """

    def __init__(self, ceiling_db: float, sample_rate: float) -> None:
        if not -60 <= ceiling_db <= 0:
            raise ValueError(f"ceiling = {ceiling_db} dBFS: expected -60 to 0")
        self.peak = np.float32(10 ** (ceiling_db / 20))
        self.keep = math.exp(-1 / (RELEASE_SECONDS * sample_rate))
        self.gain = 1.0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in, a new array of the same shape out."""
        held = block.copy()
        self.gain = _hold(held, self.peak, self.keep, self.gain)
        return held


@njit(cache=True, nogil=True)
def _hold(block, peak, keep, gain):  # type: ignore[no-untyped-def]  # numba finds the types
    """Apply the gain in place; returns where it stands after the block."""
    channels, samples = block.shape
    for at in range(samples):
        loudest = np.float32(0.0)
        for channel in range(channels):
            loudest = max(loudest, abs(block[channel, at]))
        gain = 1.0 - (1.0 - gain) * keep
        if loudest * gain > peak:
            gain = peak / loudest
        for channel in range(channels):
            block[channel, at] = min(max(np.float32(block[channel, at] * gain), -peak), peak)
    return gain
