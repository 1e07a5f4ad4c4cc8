"""Mixes: parallel paths that stay aligned.

>>> from pedalboard import Gain
>>> Mix([Gain(0), Gain(0)])(np.ones(3, np.float32), 44100).tolist()
[2.0, 2.0, 2.0]
"""

from __future__ import annotations

import numpy as np
import pedalboard

from dreampedal.engine.host.board import Rack, once
from dreampedal.engine.host.contract.effect import Stream
from dreampedal.engine.host.routing import parallel
from dreampedal.engine.runtime.blocks import Block


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
