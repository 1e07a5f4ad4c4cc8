"""How blocks fit the callbacks of a device: the size of a block, and how many of them lie between it and its result.

A JACK server calls once a period, and PortAudio hands a period over in pieces of at most 1,024 samples, one right after
the other. Blocks that are smaller than the period therefore come in bursts, and the results of a burst are wanted in
the next one. So there are as many blocks of buffering as come in a burst: then the worker has a whole period for them.

>>> paced(None, 1, (1024,))
Pacing(block_size=1024, buffer_blocks=1, callbacks=(1024,))
>>> small = paced(128, 1, (1024,))
>>> small.buffer_blocks, small.delay, small.burst
(8, 1024, 8)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd

SMALLEST_BLOCK = 32

USUAL_BLOCK = 128
"""Where no server has a period."""

LARGEST_PIECE = 1024
"""Most samples that PortAudio hands over in one callback of a JACK server (its buffer processor's own figure)."""

SHORT_PIECE = 128
"""A block that is shorter, only to fit the pieces of an odd period, would cost more than to make blocks of them."""


@dataclass(frozen=True)
class Pacing:
    """Blocks, and the callbacks that bring them."""

    block_size: int
    buffer_blocks: int
    """Between a block and its result."""
    callbacks: tuple[int, ...] = ()
    """Samples of each callback in a server's period; empty for a device that asks for blocks of the size it is told."""

    @property
    def period(self) -> int:
        """Samples that come at a time."""
        return sum(self.callbacks) or self.block_size

    @property
    def burst(self) -> int:
        """Most blocks that are complete at once."""
        return ceil(self.period / self.block_size)

    @property
    def unit(self) -> int:
        """The largest number of samples that divides the block and every callback."""
        return gcd(self.block_size, *self.callbacks)

    @property
    def adaption(self) -> int:
        """Samples that all is later since callbacks are no whole blocks: so many may lack of a block at their end."""
        return self.block_size - self.unit

    @property
    def delay(self) -> int:
        """Samples from the input to the output of a board without latency."""
        return self.adaption + self.buffer_blocks * self.block_size

    @property
    def allowed(self) -> int:
        """Samples that pass, at least, from a block's arrival to the callback that wants its result."""
        return max(1, self.buffer_blocks * self.block_size // self.period) * self.period

    @property
    def pause(self) -> int:
        """Samples that pass, at least, from one arrival of blocks to the next."""
        return max(1, self.block_size // self.period) * self.period

    def fits(self, together: int) -> bool:
        """Whether it is made for a device that brings so many samples at a time; 0 says that this is not known."""
        if not together:
            return True
        return together == self.period if self.callbacks else together <= self.buffer_blocks * self.block_size


def paced(block_size: int | None, buffer_blocks: int, callbacks: tuple[int, ...] = (), burst: int = 1) -> Pacing:
    """How to play.

    Args:
        block_size: what is asked for; None for the server's period, where there is one.
        buffer_blocks: least blocks between a block and its result.
        callbacks: samples of each callback in a server's period; empty where there is none.
        burst: callbacks that were seen to come at once on a device without a server.
    """
    size = block_size or (usual_block(callbacks) if callbacks else USUAL_BLOCK)
    together = ceil(sum(callbacks) / size) if callbacks else burst
    return Pacing(size, max(buffer_blocks, together), callbacks)


def usual_block(callbacks: tuple[int, ...]) -> int:
    """The block that fits a server's period: the whole of it, as far as it comes in one piece, else a part of it.

    >>> [usual_block(each) for each in ((256,), (940,), (1024,) * 4, (1024, 512), (1024, 476), (16,))]
    [256, 940, 1024, 512, 750, 32]
    """
    period, piece = sum(callbacks), gcd(*callbacks)
    if period < SMALLEST_BLOCK:
        return ceil(SMALLEST_BLOCK / period) * period
    if len(callbacks) == 1 or piece >= SHORT_PIECE:
        return piece
    return ceil(period / ceil(period / LARGEST_PIECE))
