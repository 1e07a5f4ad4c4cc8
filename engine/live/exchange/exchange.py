"""Where the audio callback meets the worker: rings of blocks that a kernel moves (swap.py).

With input block k, the wet block k - `buffer_blocks` is played. Blocks are numbered from 0 and lie in slot `k % slots`
of the rings. Nothing waits: the callback publishes a block by counting `captured` up, the worker one by writing its
number into `ready`. A callback may bring one block, several, or pieces of blocks: then all is later by `adaption`.

If the wet block is not there in time, the callback plays the dry sound from its own delay line, the input ring, at the
same latency. The step between the two is not played: it is added to what follows and fades over `JOIN_SECONDS`, so the
sound goes on from the very sample where it was. It returns to the wet sound in the same way. What comes last is the
output guard: a ceiling with no latency, and panic.

>>> exchange = Exchange(sample_rate=48_000, channels=1, block_size=32, latency=0)
>>> silence, out = np.zeros((32, 1), np.float32), np.empty((32, 1), np.float32)
>>> exchange.swap(silence, out)
>>> exchange.captured, exchange.latency
(1, 32)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.ceiling import RELEASE_SECONDS
from dreampedal.engine.live.exchange.pacing import Pacing
from dreampedal.engine.live.exchange.swap import (
    CAPTURED,
    EVENTS,
    FILLED,
    GATHERED,
    INPUT_LOST,
    INPUT_XRUNS,
    NOTED,
    OUTPUT_XRUNS,
    TURNS,
    TURNS_KEPT,
    UNIT,
    note,
    swap,
)
from dreampedal.engine.runtime.blocks import Block

JOIN_SECONDS = 0.01
PANIC_SECONDS = 0.005
RING_SECONDS = 10.0
"""How far the worker and a recorder may fall behind before samples are lost to them."""


@dataclass(frozen=True)
class Noted:
    """Something that the kernel noted."""

    kind: int
    block: int


class Exchange:
    """Rings between one callback and one worker. `captured`, `ready` and `counts` are all that they share.

    Args:
        sample_rate: in Hz.
        channels: of the board, 1 to 8. A device with fewer inputs repeats its last one, one with more outputs as well.
        block_size: samples of each block, constant.
        latency: of the board, in samples.
        buffer_blocks: blocks between a callback and the one that plays its result, at least 1.
        ceiling_db: most that a sample reaches, in dBFS.
        callbacks: samples of each callback in a server's period; empty for callbacks of one block each.
    """

    def __init__(
        self,
        sample_rate: float,
        channels: int,
        block_size: int,
        latency: int,
        buffer_blocks: int = 1,
        ceiling_db: float = -1.0,
        callbacks: tuple[int, ...] = (),
    ) -> None:
        if not -60 <= ceiling_db <= 0:
            raise ValueError(f"ceiling_db = {ceiling_db} dBFS: expected -60 to 0")
        if buffer_blocks < 1:
            raise ValueError(f"buffer_blocks = {buffer_blocks}: expected at least 1 block")
        self.sample_rate, self.channels, self.block_size = sample_rate, channels, block_size
        self.buffer_blocks = buffer_blocks
        self.pacing = Pacing(block_size, buffer_blocks, callbacks)
        self.latency = latency + buffer_blocks * block_size
        """Samples from an input block to the output block of the same sound."""
        backlog = max(RING_SECONDS * sample_rate, 8 * block_size)
        self.slots = math.ceil((self.latency + backlog) / block_size) + 2
        self.inputs = np.zeros((channels, self.slots * block_size), np.float32)
        self.outputs = np.zeros_like(self.inputs)
        """Wet blocks, before the output guard."""
        self.heard = np.zeros_like(self.inputs)
        """What the device was given, behind the output guard."""
        self.ready = np.full(self.slots, -1, np.int64)
        self.arrivals = np.zeros(self.slots)
        """When each block came, as the caller of `swap` tells, in seconds."""
        self.ends = np.zeros(self.slots)
        """When the last sample of each block was captured, as far as that can be told from when its callback came."""
        self.missed = np.full(self.slots, -1, np.int64)
        """Numbers of blocks that were late, each in its slot."""
        self.counts = np.zeros(7, np.int64)
        self.events = np.zeros((EVENTS, 2), np.int64)
        self.peaks = np.zeros((2, channels), np.float32)
        """Largest input and output sample of each channel since someone set them to 0."""
        self.panic = np.zeros(1, np.int64)
        """1 for silence."""
        self._read_events = 0
        self._memory = np.zeros((2, channels), np.float32)
        self._place = np.array([join_samples(sample_rate), 0, 0, 0, round(sample_rate / block_size)], np.int64)
        self._gains = np.array([1.0, 1.0])
        self._join = join_curve(sample_rate)
        release = math.exp(-1 / (RELEASE_SECONDS * sample_rate))
        self._limits = np.array([10 ** (ceiling_db / 20), release, 1 / (PANIC_SECONDS * sample_rate), 1 / sample_rate])
        self._flow = np.zeros(5, np.int64)
        self._flow[UNIT] = self.pacing.unit
        self._turns = np.zeros(TURNS_KEPT, np.int64)
        self._clock = np.zeros(1)
        arrays = (
            self.inputs, self.outputs, self.heard, self.ready, self.counts, self.events, self.peaks, self.panic,
            self._memory, self._place, self._gains, self._join, self._limits, self.arrivals, self.ends, self.missed,
            self._flow, self._turns, self._clock,
        )  # fmt: skip
        sizes = [channels, self.inputs.shape[1], self.slots, self._join.size, buffer_blocks, self.latency, block_size]
        self._table = np.array([*sizes, *(array.ctypes.data for array in arrays)], np.int64)
        """Sizes, and where each array is: the callback hands one array over, not one each."""

    @property
    def captured(self) -> int:
        """Blocks that came in."""
        return int(self.counts[CAPTURED])

    @property
    def adaption(self) -> int:
        """Samples that everything is later because callbacks are no whole blocks; 0 as long as they are."""
        return self.block_size - int(self._flow[UNIT])

    @property
    def together(self) -> int:
        """Samples that came at a time lately, in one callback or in several at once; 0 where that varied."""
        turns = self._turns.copy()
        return int(turns[0]) if self._flow[TURNS] >= TURNS_KEPT and (turns == turns[0]).all() else 0

    @property
    def gathered(self) -> int:
        """Samples that came at this time, by now: more may follow at once."""
        return int(self._flow[GATHERED])

    @property
    def usually_together(self) -> int:
        """The same, and the usual figure where it varied; 0 before anything is known."""
        turns = self._turns[: self._flow[TURNS]]
        return int(np.median(turns)) if turns.size else 0

    def begin_anew(self) -> None:
        """The device was opened again: what it brought before says nothing of how its callbacks come now."""
        self._flow[[FILLED, GATHERED, TURNS]] = 0
        self._flow[UNIT] = self.pacing.unit

    @staticmethod
    def warm() -> None:
        """Make the kernels ready, so that no callback waits for them."""
        small = Exchange(8_000, 1, 32, 0)
        small.swap(np.zeros((32, 1), np.float32), np.empty((32, 1), np.float32))
        small.xrun(INPUT_LOST)

    def swap(self, indata: NDArray[np.float32], outdata: NDArray[np.float32], now: float = 0.0) -> None:
        """One callback: take samples in and give as many out, both (samples, channels of the device), C-contiguous."""
        swap(indata, outdata, now, self._table)

    def xrun(self, kind: int) -> None:
        """The device lost samples: `INPUT_LOST` or `OUTPUT_LOST`, before the block that comes next."""
        self.counts[INPUT_XRUNS if kind == INPUT_LOST else OUTPUT_XRUNS] += 1
        note(self.counts, self.events, kind, self.captured)

    def captured_block(self, block: int) -> Block:
        """Input block number `block`, a view of shape (channels, block_size)."""
        start = block % self.slots * self.block_size
        return self.inputs[:, start : start + self.block_size]

    def heard_block(self, block: int) -> Block:
        """What callback number `block` played, a view of shape (channels, block_size)."""
        start = block % self.slots * self.block_size
        return self.heard[:, start : start + self.block_size]

    def publish(self, block: int, wet: Block) -> None:
        """The worker's result for input block number `block`."""
        start = block % self.slots * self.block_size
        self.outputs[:, start : start + self.block_size] = wet
        self.ready[block % self.slots] = block

    def noted(self) -> list[Noted]:
        """What the kernel noted since the last call; the oldest is lost where it noted too much."""
        last = int(self.counts[NOTED])
        first = max(self._read_events, last - EVENTS)
        self._read_events = last
        return [Noted(*map(int, self.events[at % EVENTS])) for at in range(first, last)]


def join_samples(sample_rate: float) -> int:
    """Samples over which a step fades."""
    return max(1, round(JOIN_SECONDS * sample_rate))


def join_curve(sample_rate: float) -> NDArray[np.float32]:
    """What is left of a step, sample by sample: half a cosine from 1 to 0, level at both ends."""
    size = join_samples(sample_rate)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.arange(1, size + 1) / size), np.float32)
