"""What tests of streams share: an effect that is nothing but latency, and signals cut into blocks."""

from itertools import cycle

import numpy as np

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Count


class Wait(Effect, family=True):
    """A delay that calls itself latency."""

    samples = Count(1000, low=0, high=100_000, fixed=True)

    def stream(self, sample_rate, channels, max_block=8192):
        return DelayLine(self.samples, channels)

    def latency_at(self, sample_rate):
        return self.samples


def in_blocks(play, audio, sizes):
    """The concatenated output of `play` for blocks of these sizes, and of the rest."""
    ends = np.cumsum(sizes)
    return np.concatenate([play(block) for block in np.split(audio, ends[ends < audio.shape[1]], axis=1)], axis=1)


def in_parts(effect, audio, rate, sizes):
    """What an effect returns for a signal in blocks of these sizes, over and over, and its flush."""
    parts, start = [], 0
    for length in cycle(sizes):
        parts.append(effect(audio[:, start : start + length], rate, reset=False))
        start += length
        if start >= audio.shape[1]:
            return np.concatenate([*parts, effect.flush()], axis=1)


def streamed(effect, audio, rate, blocks):
    """Everything that comes out of an effect's `stream`, block by block, and the stream."""
    stream, start, out = effect.stream(rate, audio.shape[0], max(blocks)), 0, []
    while start < audio.shape[1]:
        for length in blocks:
            out.append(stream.process(np.ascontiguousarray(audio[:, start : start + length])).copy())
            start += length
    return np.concatenate(out, axis=1), stream
