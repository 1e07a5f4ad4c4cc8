"""Where the audio callback meets the worker: rings of blocks, and the one kernel that a callback calls.

Callback k hands over input block k and takes the wet block k - `buffer_blocks`. Blocks are numbered from 0 and lie in
slot `k % slots` of the rings. Nothing waits: the callback publishes a block by counting `captured` up, the worker one
by writing its number into `ready`.

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
from typing import Any, cast

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from ..ceiling import RELEASE_SECONDS
from ..effect import Block

JOIN_SECONDS = 0.01
PANIC_SECONDS = 0.005
RING_SECONDS = 10.0
"""How far the worker and a recorder may fall behind before samples are lost to them."""

EVENTS = 4096
LATE, PANICKED, RESUMED, HELD_BACK, INPUT_LOST, OUTPUT_LOST = range(6)
"""What is noted, each with its block: a late block, panic, its end, the ceiling, xruns of the device on each side."""

MUTED, LATE_BLOCKS, CEILING_BLOCKS, INPUT_XRUNS, OUTPUT_XRUNS, NOTED, CAPTURED = range(7)
"""Places in `counts`."""


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
    """

    def __init__(
        self,
        sample_rate: float,
        channels: int,
        block_size: int,
        latency: int,
        buffer_blocks: int = 1,
        ceiling_db: float = -1.0,
    ) -> None:
        if not -60 <= ceiling_db <= 0:
            raise ValueError(f"ceiling_db = {ceiling_db} dBFS: expected -60 to 0")
        if buffer_blocks < 1:
            raise ValueError(f"buffer_blocks = {buffer_blocks}: expected at least 1 block")
        self.sample_rate, self.channels, self.block_size = sample_rate, channels, block_size
        self.buffer_blocks = buffer_blocks
        self.latency = latency + buffer_blocks * block_size
        """Samples from input to output, the device's own apart."""
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
        self._limits = np.array([10 ** (ceiling_db / 20), release, 1 / (PANIC_SECONDS * sample_rate)])
        arrays = (
            self.inputs, self.outputs, self.heard, self.ready, self.counts, self.events, self.peaks, self.panic,
            self._memory, self._place, self._gains, self._join, self._limits, self.arrivals,
        )  # fmt: skip
        sizes = [channels, self.inputs.shape[1], self.slots, self._join.size, buffer_blocks, self.latency]
        self._table = np.array([*sizes, *(array.ctypes.data for array in arrays)], np.int64)
        """Sizes, and where each array is: the callback hands one array over, not one each."""

    @property
    def captured(self) -> int:
        """Blocks that came in."""
        return int(self.counts[CAPTURED])

    @staticmethod
    def warm() -> None:
        """Make the kernels ready, so that no callback waits for them."""
        small = Exchange(8_000, 1, 32, 0)
        small.swap(np.zeros((32, 1), np.float32), np.empty((32, 1), np.float32))
        small.xrun(INPUT_LOST)

    def swap(self, indata: NDArray[np.float32], outdata: NDArray[np.float32], now: float = 0.0) -> None:
        """One callback: take a block in and give one out, both (samples, channels of the device), C-contiguous."""
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


@cast(Any, intrinsic)
def pointer(typing_context, address):  # type: ignore[no-untyped-def]
    """The pointer that an integer is."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


# It keeps the interpreter's lock: to give it up and to wait for it again would cost more than these few microseconds.
@njit(cache=True)
def swap(indata, outdata, now, table):  # type: ignore[no-untyped-def]
    """`exchange` on the arrays of a table: to unpack so many arguments takes longer than to play a block."""
    counts = carray(pointer(table[10]), (7,), np.int64)
    block = counts[CAPTURED]
    carray(pointer(table[19]), (table[2],), np.float64)[block % table[2]] = now
    channels, ring, slots, fade, buffer_blocks, latency = table[0], table[1], table[2], table[3], table[4], table[5]
    exchange(
        indata, outdata, block, buffer_blocks, latency,
        carray(pointer(table[6]), (channels, ring), np.float32),
        carray(pointer(table[7]), (channels, ring), np.float32),
        carray(pointer(table[8]), (channels, ring), np.float32),
        carray(pointer(table[9]), (slots,), np.int64),
        counts,
        carray(pointer(table[11]), (EVENTS, 2), np.int64),
        carray(pointer(table[12]), (2, channels), np.float32),
        carray(pointer(table[13]), (1,), np.int64),
        carray(pointer(table[14]), (2, channels), np.float32),
        carray(pointer(table[15]), (5,), np.int64),
        carray(pointer(table[16]), (2,), np.float64),
        carray(pointer(table[17]), (fade,), np.float32),
        carray(pointer(table[18]), (3,), np.float64),
    )  # fmt: skip
    counts[CAPTURED] = block + 1


@njit(cache=True, forceinline=True)
def exchange(  # type: ignore[no-untyped-def]
    indata, outdata, block, buffer_blocks, latency, inputs, outputs, heard, ready, counts, events, peaks, panic,
    memory, place, gains, join, limits,
):  # fmt: skip
    """A block in, a block out.

    `memory` holds the last sample that was played before the guard and the step that is fading, (2, channels).
    `place` holds how far the step has faded, whether the last block was late, whether panic was on, the last block
    that the ceiling held back, and the blocks of a second, in which it is noted once. `gains` are those of the ceiling
    and of panic; `limits` the ceiling's peak, how its gain recovers, and panic's slope.
    """
    size, ring, channels = indata.shape[0], inputs.shape[1], inputs.shape[0]
    start = block * size % ring
    for channel in range(channels):
        source = min(channel, indata.shape[1] - 1)
        peak = peaks[0, channel]
        for n in range(size):
            x = indata[n, source]
            if not np.isfinite(x):
                x = np.float32(0)
                counts[MUTED] += 1
            inputs[channel, start + n] = x
            peak = max(peak, abs(x))
        peaks[0, channel] = peak
    wanted = block - buffer_blocks
    late = wanted >= 0 and ready[wanted % ready.size] != wanted
    wet_at = wanted * size % ring
    dry_at = (block * size - latency) % ring
    if late:
        counts[LATE_BLOCKS] += 1
        note(counts, events, LATE, block)
    if late != (place[1] == 1):
        for channel in range(channels):
            before = dry_before(inputs, channel, block * size - latency) if late else outputs[channel, wet_at]
            if not late and ready[(wanted - 1) % ready.size] == wanted - 1:
                before = outputs[channel, (wet_at - 1) % ring]
            step = memory[0, channel] - before
            memory[1, channel] = step if np.isfinite(step) else np.float32(0)
        place[0], place[1] = 0, late
    if panic[0] != place[2]:
        place[2] = panic[0]
        note(counts, events, PANICKED if panic[0] else RESUMED, block)
    aim, touched = 0.0 if panic[0] else 1.0, False
    for n in range(size):
        left = join[place[0]] if place[0] < join.size else np.float32(0)
        place[0] = min(place[0] + 1, join.size)
        gains[1] += min(max(aim - gains[1], -limits[2]), limits[2])
        loudest = np.float32(0)
        for channel in range(channels):
            y = np.float32(0)
            if late:
                if block * size + n >= latency:
                    y = inputs[channel, (dry_at + n) % ring]
            elif wanted >= 0:
                y = outputs[channel, wet_at + n]
            y += memory[1, channel] * left
            if not np.isfinite(y):
                y = np.float32(0)
            memory[0, channel] = y
            y *= np.float32(gains[1])
            heard[channel, start + n] = y
            loudest = max(loudest, abs(y))
        gains[0] = 1.0 - (1.0 - gains[0]) * limits[1]
        if loudest * gains[0] > limits[0]:
            gains[0] = limits[0] / loudest
            touched = True
        for channel in range(channels):
            y = np.float32(heard[channel, start + n] * gains[0])
            y = min(max(y, np.float32(-limits[0])), np.float32(limits[0]))
            heard[channel, start + n] = y
            peaks[1, channel] = max(peaks[1, channel], abs(y))
        for column in range(outdata.shape[1]):
            outdata[n, column] = heard[min(column, channels - 1), start + n]
    if touched:
        if counts[CEILING_BLOCKS] == 0 or block - place[3] > place[4]:
            note(counts, events, HELD_BACK, block)
        place[3] = block
        counts[CEILING_BLOCKS] += 1


@njit(cache=True, forceinline=True)
def dry_before(inputs, channel, position):  # type: ignore[no-untyped-def]
    """The dry sample before `position` of the input, 0 before its start."""
    return inputs[channel, (position - 1) % inputs.shape[1]] if position >= 1 else np.float32(0)


@njit(cache=True, forceinline=True)
def note(counts, events, kind, block):  # type: ignore[no-untyped-def]
    """Write one event into its ring."""
    at = counts[NOTED] % events.shape[0]
    events[at, 0] = kind
    events[at, 1] = block
    counts[NOTED] += 1
