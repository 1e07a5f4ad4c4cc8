"""The one kernel that an audio callback calls: samples in, samples out, in blocks between.

What comes in fills up blocks, and each block that is full is answered by another at once. Where callbacks are no whole
blocks, what goes out has to come from the answer before as well, so that everything is later by up to a block.

All that the kernel works on is one record, `STATE`: the callback hands over its address, which takes less time than to
unpack a dozen arrays. `SIZES`, `ARRAYS`, `COUNTERS` and `OWN` say what is in it; whoever allocates and the kernel
both find it by name.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, cast

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from dreampedal.engine.runtime.jit import njit

EVENTS = 4096
NOTED = ("late", "panic", "resume", "ceiling", "input_xrun", "output_xrun")
"""What is noted, each with its block: a late block, panic, its end, the ceiling, xruns of the device on each side."""

LATE, PANICKED, RESUMED, HELD_BACK, INPUT_LOST, OUTPUT_LOST = range(len(NOTED))

TURNS_KEPT = 16
"""Of the last turns of the device, how many samples each brought is remembered."""

TOGETHER = 0.25
"""A callback that comes sooner than this share of what the last one sounds came together with it."""

SIZES = ("channels", "ring", "slots", "fade", "buffer_blocks", "latency", "size")
"""Channels of the board, samples of a ring, blocks of a ring, samples over which a step fades, blocks between a block
and its result, samples between the same sound in and out, samples of a block."""

ARRAYS: dict[str, tuple[type[np.generic], tuple[str | int, ...]]] = {
    "inputs": (np.float32, ("channels", "ring")),  # what was captured
    "outputs": (np.float32, ("channels", "ring")),  # wet blocks, before the output guard
    "played": (np.float32, ("channels", "ring")),  # what the device was given, behind the output guard
    "ready": (np.int64, ("slots",)),  # the number of the block whose result lies in each slot
    "missed": (np.int64, ("slots",)),  # numbers of blocks that were late, each in its slot
    "arrivals": (np.float64, ("slots",)),  # when each block came, as the caller of `swap` tells, in seconds
    "ends": (np.float64, ("slots",)),  # when its last sample was captured, as far as its callback tells
    "events": (np.int64, (EVENTS, 2)),  # what was noted, and its block, in a ring
    "peaks": (np.float32, (2, "channels")),  # largest input and output sample since someone set them to 0
    "panic": (np.int64, (1,)),  # 1 for silence
    "memory": (np.float32, (2, "channels")),  # the last sample before the guard, and the step that is fading
    "join": (np.float32, ("fade",)),  # what is left of a step, sample by sample
    "turns": (np.int64, (TURNS_KEPT,)),  # samples that came together, the last times
}
"""Type and shape of the arrays that lie elsewhere: the record has their addresses."""

Arrays = cast(Any, namedtuple)("Arrays", ARRAYS)

COUNTERS = (
    "captured", "noted", "muted_samples", "late_blocks", "guard_hits", "input_xruns", "output_xruns",
)  # fmt: skip
"""Blocks that came in, events that were noted, samples that were no numbers, blocks that were late, blocks in which the
ceiling held peaks back, and xruns of the device on each side."""

OWN = {
    "filled": np.int64,  # samples of the block that fills up
    "unit": np.int64,  # the largest number that divides a block and every callback
    "gathered": np.int64,  # samples that came together by now
    "turn": np.int64,  # how often samples came together
    "last": np.int64,  # samples of the last callback
    "clock": np.float64,  # when that came
    "faded": np.int64,  # samples of the fading step that were played
    "was_late": np.int64,  # whether the last block was late
    "was_panicked": np.int64,  # whether it was silenced
    "last_hit": np.int64,  # the last block that the ceiling held back
    "second": np.int64,  # blocks of a second, in which that is noted once
    "guard_gain": np.float64,
    "panic_gain": np.float64,
    "ceiling": np.float64,  # most that a sample reaches
    "release": np.float64,  # what is left of the guard's reduction after a sample
    "panic_slope": np.float64,  # most that `panic_gain` changes in a sample
    "sample_seconds": np.float64,
}
"""What the kernel remembers from one call to the next, and the constants of the output guard."""

STATE = np.dtype([*((name, np.int64) for name in (*SIZES, *ARRAYS, *COUNTERS)), *OWN.items()])
"""Sizes, addresses of arrays, counters, and the kernel's own."""


@cast(Any, intrinsic)
def pointer(typing_context, address):  # type: ignore[no-untyped-def]
    """The pointer that an integer is."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


# It keeps the interpreter's lock: to give it up and to wait for it again would cost more than these few microseconds.
@njit(cache=True)
def swap(indata, outdata, now, address):  # type: ignore[no-untyped-def]
    """A callback at a time `now` in seconds, on the `STATE` that lies at an address."""
    state = carray(pointer(address), (1,), STATE)[0]
    arrays = arrays_of(state)
    size, ring = state.size, state.ring
    frames, at = indata.shape[0], 0
    gather(frames, now, state, arrays.turns)
    state.unit = divisor(state.unit, frames)
    first = state.captured * size + state.filled - (size - state.unit)
    while at < frames:
        block, filled = state.captured, state.filled
        samples = min(size - filled, frames - at)
        read_in(indata[at : at + samples], block * size % ring + filled, state, arrays)
        filled, at = filled + samples, at + samples
        if filled == size:
            filled = 0
            arrays.arrivals[block % state.slots] = now
            arrays.ends[block % state.slots] = now - (frames - at) * state.sample_seconds
            play(block, state, arrays)
            state.captured = block + 1
        state.filled = filled
    write_out(outdata, arrays.played, first % ring)


@njit(cache=True, forceinline=True)
def arrays_of(state):  # type: ignore[no-untyped-def]
    """The arrays that a state has the addresses of."""
    ring, slots = (state.channels, state.ring), (state.slots,)
    return Arrays(
        inputs=carray(pointer(state.inputs), ring, np.float32),
        outputs=carray(pointer(state.outputs), ring, np.float32),
        played=carray(pointer(state.played), ring, np.float32),
        ready=carray(pointer(state.ready), slots, np.int64),
        missed=carray(pointer(state.missed), slots, np.int64),
        arrivals=carray(pointer(state.arrivals), slots, np.float64),
        ends=carray(pointer(state.ends), slots, np.float64),
        events=carray(pointer(state.events), (EVENTS, 2), np.int64),
        peaks=carray(pointer(state.peaks), (2, state.channels), np.float32),
        panic=carray(pointer(state.panic), (1,), np.int64),
        memory=carray(pointer(state.memory), (2, state.channels), np.float32),
        join=carray(pointer(state.join), (state.fade,), np.float32),
        turns=carray(pointer(state.turns), (TURNS_KEPT,), np.int64),
    )


@njit(cache=True, forceinline=True)
def divisor(first, second):  # type: ignore[no-untyped-def]
    """The largest number that divides both."""
    while second:
        first, second = second, first % second
    return first


@njit(cache=True, forceinline=True)
def gather(frames, now, state, turns):  # type: ignore[no-untyped-def]
    """Note how many samples came together: those of callbacks that follow one another at once."""
    if state.gathered and now - state.clock > TOGETHER * state.last * state.sample_seconds:
        turns[state.turn % turns.size] = state.gathered
        state.turn += 1
        state.gathered = 0
    state.gathered += frames
    state.last = frames
    state.clock = now


@njit(cache=True, forceinline=True)
def read_in(indata, start, state, arrays):  # type: ignore[no-untyped-def]
    """Samples of the device into the ring of inputs; what is no number becomes 0."""
    inputs, peaks = arrays.inputs, arrays.peaks
    for channel in range(inputs.shape[0]):
        source = min(channel, indata.shape[1] - 1)
        peak = peaks[0, channel]
        for n in range(indata.shape[0]):
            x = indata[n, source]
            if not np.isfinite(x):
                x = np.float32(0)
                state.muted_samples += 1
            inputs[channel, start + n] = x
            peak = max(peak, abs(x))
        peaks[0, channel] = peak


@njit(cache=True, forceinline=True)
def write_out(outdata, played, start):  # type: ignore[no-untyped-def]
    """What is played, into the samples of the device."""
    for n in range(outdata.shape[0]):
        at = start + n if start + n < played.shape[1] else start + n - played.shape[1]
        for column in range(outdata.shape[1]):
            outdata[n, column] = played[min(column, played.shape[0] - 1), at]


@njit(cache=True, forceinline=True)
def play(block, state, arrays):  # type: ignore[no-untyped-def]
    """What is played in place of an input block: the wet block of `buffer_blocks` before, or else the dry sound."""
    inputs, outputs, played, ready = arrays.inputs, arrays.outputs, arrays.played, arrays.ready
    memory, join, peaks = arrays.memory, arrays.join, arrays.peaks
    size, latency, ring, channels = state.size, state.latency, inputs.shape[1], inputs.shape[0]
    panicked = arrays.panic[0]
    start = block * size % ring
    wanted = block - state.buffer_blocks
    late = wanted >= 0 and ready[wanted % ready.size] != wanted
    wet_at = wanted * size % ring
    dry_at = (block * size - latency) % ring
    if late:
        state.late_blocks += 1
        arrays.missed[block % ready.size] = block
        note(state, arrays.events, LATE, block)
    if late != (state.was_late == 1):
        for channel in range(channels):
            before = dry_before(inputs, channel, block * size - latency) if late else outputs[channel, wet_at]
            if not late and ready[(wanted - 1) % ready.size] == wanted - 1:
                before = outputs[channel, (wet_at - 1) % ring]
            step = memory[0, channel] - before
            memory[1, channel] = step if np.isfinite(step) else np.float32(0)
        state.faded, state.was_late = 0, late
    if panicked != state.was_panicked:
        state.was_panicked = panicked
        note(state, arrays.events, PANICKED if panicked else RESUMED, block)
    aim, touched = 0.0 if panicked else 1.0, False
    faded, guard_gain, panic_gain = state.faded, state.guard_gain, state.panic_gain
    ceiling, release, slope = state.ceiling, state.release, state.panic_slope
    for n in range(size):
        left = join[faded] if faded < join.size else np.float32(0)
        faded = min(faded + 1, join.size)
        panic_gain += min(max(aim - panic_gain, -slope), slope)
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
            y *= np.float32(panic_gain)
            played[channel, start + n] = y
            loudest = max(loudest, abs(y))
        guard_gain = 1.0 - (1.0 - guard_gain) * release
        if loudest * guard_gain > ceiling:
            guard_gain = ceiling / loudest
            touched = True
        for channel in range(channels):
            y = np.float32(played[channel, start + n] * guard_gain)
            y = min(max(y, np.float32(-ceiling)), np.float32(ceiling))
            played[channel, start + n] = y
            peaks[1, channel] = max(peaks[1, channel], abs(y))
    state.faded, state.guard_gain, state.panic_gain = faded, guard_gain, panic_gain
    if touched:
        if state.guard_hits == 0 or block - state.last_hit > state.second:
            note(state, arrays.events, HELD_BACK, block)
        state.last_hit = block
        state.guard_hits += 1


@njit(cache=True, forceinline=True)
def dry_before(inputs, channel, position):  # type: ignore[no-untyped-def]
    """The dry sample before `position` of the input, 0 before its start."""
    return inputs[channel, (position - 1) % inputs.shape[1]] if position >= 1 else np.float32(0)


@njit(cache=True, forceinline=True)
def note(state, events, kind, block):  # type: ignore[no-untyped-def]
    """Write one event into its ring."""
    at = state.noted % events.shape[0]
    events[at, 0] = kind
    events[at, 1] = block
    state.noted += 1
