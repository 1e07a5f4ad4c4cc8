"""Delay lines: what parallel paths wait in for the slowest of them."""

from __future__ import annotations

import numpy as np

from dreampedal.engine.runtime.blocks import Block


class DelayLine:
    """A delay of a whole number of samples, the same for any blocks.

    >>> line = DelayLine(2, channels=1)
    >>> line.process(np.array([[1, 2, 3]], np.float32)).tolist(), line.process(np.array([[4]], np.float32)).tolist()
    ([[0.0, 0.0, 1.0]], [[2.0]])
    """

    def __init__(self, samples: int, channels: int) -> None:
        self.latency = samples
        self._memory = np.zeros((channels, samples), np.float32)

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, `latency` samples later."""
        if self.latency == 0:
            return block
        joined = np.concatenate([self._memory, block], axis=1)
        self._memory = joined[:, block.shape[1] :]
        return joined[:, : block.shape[1]]
