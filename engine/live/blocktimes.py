"""How long a block takes on this machine, at each block size, played at the pace of a device.

A loop without pauses would flatter: caches stay warm and the processor's clock stays high. So each block waits for its
time, in a thread of the priority that the worker of a live stream has.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.host.board import Rack
from dreampedal.engine.live.interpreter import ask_for_real_time, be_live, be_usual
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.runtime.blocks import Block

BLOCK_SIZES = (32, 64, 128, 256, 512, 1024)

SHARE = 0.5
"""Of the period that the p99.9 of a block may take: the rest is for the system."""


@dataclass(frozen=True)
class BlockTimes:
    """The times of the blocks of one size, in seconds."""

    block_size: int
    period: float
    """How long a block sounds."""
    blocks: int
    median: float
    p99: float
    p999: float
    """999 of 1,000 blocks took no longer; of fewer blocks than that, the longest."""
    longest: float

    @property
    def is_safe(self) -> bool:
        """Whether p99.9 is under half of the period."""
        return self.p999 < SHARE * self.period

    def is_in_time(self, jitter: float) -> bool:
        """Whether it is safe and in time even for a callback that comes so many seconds too soon."""
        return self.is_safe and self.p999 + jitter < self.period


def block_times(
    board: Rack,
    audio: Block,
    sample_rate: float,
    block_sizes: Iterable[int] = BLOCK_SIZES,
    seconds: float = 3.0,
) -> Iterator[BlockTimes]:
    """Play a board at each block size in turn, and say how long the blocks took.

    Args:
        board: what plays.
        audio: what is played, of shape (channels, samples), repeated as needed.
        sample_rate: in Hz.
        block_sizes: in samples.
        seconds: how long each block size plays; it takes as long, and a moment to get ready.

    Raises:
        ValueError: for a board that cannot stream, or seconds that are no time.
    """
    if not 0 < seconds < 3600:
        raise ValueError(f"seconds = {seconds:g}: expected more than 0, up to an hour")
    for size in block_sizes:
        player = BoardPlayer(board, sample_rate, audio.shape[0], size)
        blocks = max(1, round(seconds * sample_rate / size))
        be_live()
        try:
            with ThreadPoolExecutor(1, initializer=ask_for_real_time) as worker:
                times = worker.submit(_played, player, audio, size / sample_rate, blocks).result()
        finally:
            be_usual()
        yield summary(times, size, size / sample_rate)


def recommended(times: Iterable[BlockTimes], least: int = 1, jitter: float = 0.0) -> BlockTimes | None:
    """The smallest block size from which on all are safe; None if even the largest is not.

    Args:
        times: of blocks of each size.
        least: samples under which a block is no sooner: those that a device brings at a time.
        jitter: seconds by which a callback may come too soon.

    >>> short, long = BlockTimes(32, 1.0, 9, 0.2, 0.6, 0.7, 0.9), BlockTimes(64, 2.0, 9, 0.2, 0.6, 0.7, 0.9)
    >>> recommended([short, long]).block_size
    64
    """
    found = None
    for each in sorted(times, key=lambda each: -each.block_size):
        if each.block_size < least or not each.is_in_time(jitter):
            break
        found = each
    return found


def summary(times: NDArray[np.float64], block_size: int, period: float) -> BlockTimes:
    """What the times of single blocks, in seconds, come to.

    >>> summary(np.array([0.001, 0.001, 0.004]), 128, 128 / 48_000).p999
    0.004
    """
    median, p99, p999, longest = np.quantile(times, (0.5, 0.99, 0.999, 1.0), method="higher")
    return BlockTimes(block_size, period, len(times), float(median), float(p99), float(p999), float(longest))


def _played(player: BoardPlayer, audio: Block, period: float, blocks: int) -> NDArray[np.float64]:
    """The time of each block, in seconds, played at its pace."""
    size, length = player.block_size, audio.shape[1]
    times = np.empty(blocks)
    block = np.empty((audio.shape[0], size), np.float32)
    at, due = 0, time.perf_counter()
    for number in range(blocks):
        block[:] = audio[:, np.arange(at, at + size) % length]
        at = (at + size) % length
        time.sleep(max(0.0, due - time.perf_counter()))
        begin = time.perf_counter()
        player.process(block)
        times[number] = time.perf_counter() - begin
        due = max(due + period, begin)
    return times
