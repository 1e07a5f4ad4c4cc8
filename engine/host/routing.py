"""How plugins are joined into one stream: one after another, or side by side.

Both hold effects of ours, native plugins and pedalboard's own containers, nested at will. Containers of pedalboard are
taken apart, since `pedalboard.Mix` forgets what its paths withhold from block to block.

Every plugin of a series begins with the first sample of the signal: what comes before it, the latency of those ahead,
is kept from it (`Late`). So its frames and oscillators lie on the signal as they would if it were alone, and a stream
equals the compensated call, only later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.contract.effect import Effect, Stream
from dreampedal.engine.host.natives.habits import habits_of
from dreampedal.engine.host.natives.native import CONSTANT_BLOCK, Blocks, glides, native_parameters
from dreampedal.engine.host.natives.streams.external import ExternalStream
from dreampedal.engine.host.natives.streams.native import NativeStream
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.turns import Turn

Item = Effect | Plugin | None
"""What a board holds. None passes the sound through, as in pedalboard."""

_SERIES = pedalboard.Chain
_PARALLEL = pedalboard.Mix


class Series:
    """Streams one after another."""

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._streams: list[Stream] = []
        self._turn = Turn("a stream of a board")
        self.latency = 0
        for stream in streams:
            self._streams.append(Late(stream, self.latency) if self.latency else stream)
            self.latency += stream.latency

    @property
    def parts(self) -> Sequence[Stream]:
        return self._streams

    def process(self, block: Block) -> Block:
        with self._turn:
            for stream in self._streams:
                block = stream.process(block)
            return block


class Late:
    """A stream that begins `wait` samples after its host."""

    def __init__(self, stream: Stream, wait: int) -> None:
        self.latency = stream.latency
        self._stream, self._wait = stream, wait

    @property
    def parts(self) -> Sequence[Stream]:
        return (self._stream,)

    def process(self, block: Block) -> Block:
        if not self._wait:
            return self._stream.process(block)
        kept = min(self._wait, block.shape[1])
        self._wait -= kept
        silence = np.zeros((block.shape[0], kept), np.float32)
        return np.concatenate([silence, self._stream.process(block[:, kept:])], axis=1)


class Parallel:
    """Streams side by side on the same sound, summed, the faster ones delayed to the latency of the slowest."""

    def __init__(self, streams: Sequence[Stream], channels: int, max_block: int) -> None:
        self.latency = max((stream.latency for stream in streams), default=0)
        self._paths = [(stream, DelayLine(self.latency - stream.latency, channels)) for stream in streams]
        self._sum = np.zeros((channels, max_block), np.float32)
        self._turn = Turn("a stream of a mix")

    @property
    def parts(self) -> Sequence[Stream]:
        return [stream for stream, _ in self._paths]

    def process(self, block: Block) -> Block:
        with self._turn:
            total = self._sum[:, : block.shape[1]]
            total[:] = 0
            for stream, line in self._paths:
                total += line.process(stream.process(block))
            return total


def all_in(stream: Stream) -> Iterator[Stream]:
    """A stream, and all that play inside it, in the order in which they play."""
    yield stream
    for part in getattr(stream, "parts", ()):
        yield from all_in(part)


def series(items: Iterable[Item], sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
    """The stream of items one after another; natives that add no latency run together, in one call a block."""
    streams: list[Stream] = []
    together: list[Plugin] = []

    def close() -> None:
        if together:
            streams.append(NativeStream(tuple(together), sample_rate, channels, max_block, exact))
            together.clear()

    for item in _unchained(items):
        if isinstance(item, Plugin) and _is_direct(item, sample_rate, channels):
            together.append(item)
        else:
            close()
            streams.append(opened(item, sample_rate, channels, max_block, exact))
    close()
    return streams[0] if len(streams) == 1 else Series(streams)


def parallel(items: Iterable[Item], sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
    """The stream of items side by side. With none of them, silence, as in pedalboard."""
    streams = [opened(item, sample_rate, channels, max_block, exact) for item in items]
    return Parallel(streams, channels, max_block)


def opened(item: Item, sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
    """The stream of one item."""
    if isinstance(item, Effect):
        make = item.compensated_stream if exact else item.stream
        return make(sample_rate, channels, max_block)
    if item is None or isinstance(item, _SERIES):
        return series(item or (), sample_rate, channels, max_block, exact)
    if isinstance(item, _PARALLEL):
        return parallel(item, sample_rate, channels, max_block, exact)
    if isinstance(item, ExternalPlugin):
        return ExternalStream(item, sample_rate, channels, max_block)
    return NativeStream((item,), sample_rate, channels, max_block, exact)


def latency_of(item: Item, sample_rate: float) -> int:
    """Latency in samples of one item's streams at `sample_rate` Hz."""
    if isinstance(item, Effect):
        return item.latency_at(sample_rate)
    if item is None:
        return 0
    if isinstance(item, _SERIES):
        return sum(latency_of(part, sample_rate) for part in item)
    if isinstance(item, _PARALLEL):
        return max((latency_of(part, sample_rate) for part in item), default=0)
    habits = habits_of(item, sample_rate, channels=2)
    is_steady = habits.blocks in (Blocks.CONSTANT, Blocks.SIZED)
    return habits.latency + (CONSTANT_BLOCK - 1 if is_steady else 0)


def _is_direct(plugin: Plugin, sample_rate: float, channels: int) -> bool:
    """Whether blocks need no buffer, nothing is withheld, and no parameter takes a new clone, which would cut tails."""
    if isinstance(plugin, _PARALLEL | ExternalPlugin):
        return False
    if not all(glides(*parameter) for parameter in native_parameters(plugin).items()):
        return False
    habits = habits_of(plugin, sample_rate, channels)
    return habits.latency == 0 and habits.blocks is not Blocks.CONSTANT


def _unchained(items: Iterable[Item]) -> Iterator[Item]:
    """The items, and those of chains among them, in the order in which they play."""
    for item in items:
        if isinstance(item, _SERIES):
            yield from _unchained(item)
        elif item is not None:
            yield item
