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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.ceiling import RELEASE_SECONDS
from dreampedal.engine.live.exchange.pacing import Pacing
from dreampedal.engine.live.exchange.swap import ARRAYS, EVENTS, INPUT_LOST, STATE, TURNS_KEPT, swap
from dreampedal.engine.runtime.blocks import Block

JOIN_SECONDS = 0.01
PANIC_SECONDS = 0.005
RING_SECONDS = 10.0
"""How far the worker and a recorder may fall behind before samples are lost to them."""


class Noted(NamedTuple):
    """Something that the kernel noted."""

    kind: int
    block: int


class Exchange:
    """Rings between one callback and one worker. `captured`, `ready` and what is counted are all that they share.

    Args:
        sample_rate: in Hz.
        channels: of the board, 1 to 8. A device with fewer inputs repeats its last one, one with more outputs as well.
        block_size: samples of each block, constant.
        latency: of the board, in samples.
        buffer_blocks: blocks between a callback and the one that plays its result, at least 1.
        ceiling_db: most that a sample reaches, in dBFS.
        callbacks: samples of each callback in a server's period; empty for callbacks of one block each.
    """

    # What `swap.ARRAYS` tells of.
    inputs: Block
    outputs: Block
    played: Block
    ready: NDArray[np.int64]
    missed: NDArray[np.int64]
    arrivals: NDArray[np.float64]
    ends: NDArray[np.float64]
    events: NDArray[np.int64]
    peaks: NDArray[np.float32]
    panic: NDArray[np.int64]
    join: NDArray[np.float32]
    turns: NDArray[np.int64]

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
        sizes = {
            "channels": channels,
            "ring": self.slots * block_size,
            "slots": self.slots,
            "fade": join_samples(sample_rate),
            "buffer_blocks": buffer_blocks,
            "latency": self.latency,
            "size": block_size,
        }
        self._state = np.zeros(1, STATE)
        """All that the kernel works on: the callback hands over one address."""
        for name, (dtype, shape) in ARRAYS.items():
            array = np.zeros([sizes[each] if isinstance(each, str) else each for each in shape], dtype)
            self._state[name] = array.ctypes.data
            setattr(self, name, array)
        self.ready[:] = self.missed[:] = -1
        self.join[:] = join_curve(sample_rate)
        self._set(**sizes, unit=self.pacing.unit, faded=sizes["fade"], second=round(sample_rate / block_size))
        self._set(guard_gain=1, panic_gain=1, ceiling=10 ** (ceiling_db / 20), sample_seconds=1 / sample_rate)
        self._set(release=math.exp(-1 / (RELEASE_SECONDS * sample_rate)), panic_slope=1 / (PANIC_SECONDS * sample_rate))
        self._address, self._captured = self._state.ctypes.data, self._state["captured"]
        self._read_events = 0

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            self._state[name] = value

    def counted(self, counter: str) -> int:
        """How often something happened; `swap.COUNTERS` has the names."""
        return int(self._state[counter][0])

    @property
    def captured(self) -> int:
        """Blocks that came in."""
        return int(self._captured[0])

    @property
    def adaption(self) -> int:
        """Samples that everything is later because callbacks are no whole blocks; 0 as long as they are."""
        return self.block_size - int(self._state["unit"][0])

    @property
    def together(self) -> int:
        """Samples that came at a time lately, in one callback or in several at once; 0 where that varied."""
        turns = self._turns()
        return int(turns[0]) if turns.size == TURNS_KEPT and (turns == turns[0]).all() else 0

    @property
    def gathered(self) -> int:
        """Samples that came at this time, by now: more may follow at once."""
        return int(self._state["gathered"][0])

    @property
    def usually_together(self) -> int:
        """The same, and the usual figure where it varied; 0 before anything is known."""
        turns = self._turns()
        return int(np.median(turns)) if turns.size else 0

    def _turns(self) -> NDArray[np.int64]:
        return self.turns[: self._state["turn"][0]].copy()

    def begin_anew(self) -> None:
        """The device was opened again: what it brought before says nothing of how its callbacks come now."""
        self._set(filled=0, gathered=0, turn=0, unit=self.pacing.unit)

    @staticmethod
    def warm() -> None:
        """Make the kernel ready, so that no callback waits for it."""
        small = Exchange(8_000, 1, 32, 0)
        small.swap(np.zeros((32, 1), np.float32), np.empty((32, 1), np.float32))

    def swap(self, indata: NDArray[np.float32], outdata: NDArray[np.float32], now: float = 0.0) -> None:
        """One callback: take samples in and give as many out, both (samples, channels of the device), C-contiguous."""
        swap(indata, outdata, now, self._address)

    def xrun(self, kind: int) -> None:
        """The device lost samples: `INPUT_LOST` or `OUTPUT_LOST`, before the block that comes next."""
        self._state["input_xruns" if kind == INPUT_LOST else "output_xruns"] += 1
        self.events[self.counted("noted") % EVENTS] = kind, self.captured
        self._state["noted"] += 1

    def captured_block(self, block: int) -> Block:
        """Input block number `block`, a view of shape (channels, block_size)."""
        return self.inputs[:, self._slot(block)]

    def played_block(self, block: int) -> Block:
        """What callback number `block` played, a view of shape (channels, block_size)."""
        return self.played[:, self._slot(block)]

    def publish(self, block: int, wet: Block) -> None:
        """The worker's result for input block number `block`."""
        self.outputs[:, self._slot(block)] = wet
        self.ready[block % self.slots] = block

    def _slot(self, block: int) -> slice:
        start = block % self.slots * self.block_size
        return slice(start, start + self.block_size)

    def noted(self) -> list[Noted]:
        """What the kernel noted since the last call; the oldest is lost where it noted too much."""
        last = self.counted("noted")
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
