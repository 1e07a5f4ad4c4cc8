"""Mixes: parallel paths that stay aligned.

>>> from pedalboard import Gain
>>> Mix([Gain(0), Gain(0)])(np.ones(3, np.float32), 44100).tolist()
[2.0, 2.0, 2.0]
"""

from __future__ import annotations

import numpy as np
import pedalboard

from .board import Rack, once
from .effect import Block, Stream
from .routing import parallel


class Mix(Rack):
    """Effects and native plugins side by side on the same sound, summed, aligned by latency. Empty, it is silent."""

    native_kind = pedalboard.Mix

    def _latency(self, latencies: list[int]) -> int:
        return max(latencies, default=0)

    def _joined(self, sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
        return parallel(self._plugins, sample_rate, channels, max_block, exact)

    def _once_each(self, block: Block, sample_rate: float, buffer_size: int) -> Block:
        total = np.zeros_like(block)
        for plugin in self._plugins:
            total += once(plugin, block, sample_rate, buffer_size)
        return total
