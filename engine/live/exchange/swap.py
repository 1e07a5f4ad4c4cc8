"""The one kernel that an audio callback calls: samples in, samples out, in blocks between.

What comes in fills up blocks, and each block that is full is answered by another at once. Where callbacks are no whole
blocks, what goes out has to come from the answer before as well, so that everything is later by up to a block.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from dreampedal.engine.runtime.jit import njit

EVENTS = 4096
LATE, PANICKED, RESUMED, HELD_BACK, INPUT_LOST, OUTPUT_LOST = range(6)
"""What is noted, each with its block: a late block, panic, its end, the ceiling, xruns of the device on each side."""

MUTED, LATE_BLOCKS, CEILING_BLOCKS, INPUT_XRUNS, OUTPUT_XRUNS, NOTED, CAPTURED = range(7)
"""Places in `counts`."""

FILLED, UNIT, GATHERED, TURNS, LAST = range(5)
"""Places in `flow`: samples of the block that fills up, the largest number that divides it and every callback, samples
that came together by now, how often that was so, and samples of the last callback."""

TURNS_KEPT = 16
"""Of the last turns of the device, how many samples each brought is remembered."""

TOGETHER = 0.25
"""A callback that comes sooner than this share of what the last one sounds came together with it."""

SIZES = 7
"""Entries of the table before the addresses of arrays."""


@cast(Any, intrinsic)
def pointer(typing_context, address):  # type: ignore[no-untyped-def]
    """The pointer that an integer is."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


# It keeps the interpreter's lock: to give it up and to wait for it again would cost more than these few microseconds.
@njit(cache=True)
def swap(indata, outdata, now, table):  # type: ignore[no-untyped-def]
    """A callback on the arrays of a table: to unpack so many arguments takes longer than to play a block.

    `table` holds channels, samples of a ring, slots, samples of a join, blocks of buffering, latency and samples of a
    block; then where each array is: inputs, outputs, heard, ready, counts, events, peaks, panic, memory, place, gains,
    join, limits, arrivals, ends, missed, flow, turns, clock.
    """
    channels, ring, slots, fade, buffer_blocks, latency, size = (
        table[0], table[1], table[2], table[3], table[4], table[5], table[6],
    )  # fmt: skip
    inputs = carray(pointer(table[SIZES]), (channels, ring), np.float32)
    outputs = carray(pointer(table[SIZES + 1]), (channels, ring), np.float32)
    heard = carray(pointer(table[SIZES + 2]), (channels, ring), np.float32)
    ready = carray(pointer(table[SIZES + 3]), (slots,), np.int64)
    counts = carray(pointer(table[SIZES + 4]), (7,), np.int64)
    events = carray(pointer(table[SIZES + 5]), (EVENTS, 2), np.int64)
    peaks = carray(pointer(table[SIZES + 6]), (2, channels), np.float32)
    panic = carray(pointer(table[SIZES + 7]), (1,), np.int64)
    memory = carray(pointer(table[SIZES + 8]), (2, channels), np.float32)
    place = carray(pointer(table[SIZES + 9]), (5,), np.int64)
    gains = carray(pointer(table[SIZES + 10]), (2,), np.float64)
    join = carray(pointer(table[SIZES + 11]), (fade,), np.float32)
    limits = carray(pointer(table[SIZES + 12]), (4,), np.float64)
    arrivals = carray(pointer(table[SIZES + 13]), (slots,), np.float64)
    ends = carray(pointer(table[SIZES + 14]), (slots,), np.float64)
    missed = carray(pointer(table[SIZES + 15]), (slots,), np.int64)
    flow = carray(pointer(table[SIZES + 16]), (5,), np.int64)
    turns = carray(pointer(table[SIZES + 17]), (TURNS_KEPT,), np.int64)
    clock = carray(pointer(table[SIZES + 18]), (1,), np.float64)
    frames, at = indata.shape[0], 0
    gather(frames, now, limits[3], flow, turns, clock)
    flow[UNIT] = divisor(flow[UNIT], frames)
    spoken = counts[CAPTURED] * size + flow[FILLED] - (size - flow[UNIT])
    while at < frames:
        block, filled = counts[CAPTURED], flow[FILLED]
        samples = min(size - filled, frames - at)
        listen(indata[at : at + samples], inputs, block * size % ring + filled, peaks, counts)
        filled, at = filled + samples, at + samples
        if filled == size:
            filled = 0
            arrivals[block % slots] = now
            ends[block % slots] = now - (frames - at) * limits[3]
            play(
                block, size, buffer_blocks, latency, inputs, outputs, heard, ready, counts, events, peaks, panic,
                memory, place, gains, join, limits, missed,
            )  # fmt: skip
            counts[CAPTURED] = block + 1
        flow[FILLED] = filled
    speak(outdata, heard, spoken % ring)


@njit(cache=True, forceinline=True)
def divisor(first, second):  # type: ignore[no-untyped-def]
    """The largest number that divides both."""
    while second:
        first, second = second, first % second
    return first


@njit(cache=True, forceinline=True)
def gather(frames, now, sample_seconds, flow, turns, clock):  # type: ignore[no-untyped-def]
    """Note how many samples came together: those of callbacks that follow one another at once."""
    if flow[GATHERED] and now - clock[0] > TOGETHER * flow[LAST] * sample_seconds:
        turns[flow[TURNS] % turns.size] = flow[GATHERED]
        flow[TURNS] += 1
        flow[GATHERED] = 0
    flow[GATHERED] += frames
    flow[LAST] = frames
    clock[0] = now


@njit(cache=True, forceinline=True)
def listen(indata, inputs, start, peaks, counts):  # type: ignore[no-untyped-def]
    """Samples of the device into the ring of inputs; what is no number becomes 0."""
    for channel in range(inputs.shape[0]):
        source = min(channel, indata.shape[1] - 1)
        peak = peaks[0, channel]
        for n in range(indata.shape[0]):
            x = indata[n, source]
            if not np.isfinite(x):
                x = np.float32(0)
                counts[MUTED] += 1
            inputs[channel, start + n] = x
            peak = max(peak, abs(x))
        peaks[0, channel] = peak


@njit(cache=True, forceinline=True)
def speak(outdata, heard, start):  # type: ignore[no-untyped-def]
    """What is heard into the samples of the device."""
    for n in range(outdata.shape[0]):
        at = start + n if start + n < heard.shape[1] else start + n - heard.shape[1]
        for column in range(outdata.shape[1]):
            outdata[n, column] = heard[min(column, heard.shape[0] - 1), at]


@njit(cache=True, forceinline=True)
def play(  # type: ignore[no-untyped-def]
    block, size, buffer_blocks, latency, inputs, outputs, heard, ready, counts, events, peaks, panic, memory, place,
    gains, join, limits, missed,
):  # fmt: skip
    """What is heard in place of an input block: the wet block of `buffer_blocks` before, or else the dry sound.

    `memory` holds the last sample that was played before the guard and the step that is fading, (2, channels).
    `place` holds how far the step has faded, whether the last block was late, whether panic was on, the last block
    that the ceiling held back, and the blocks of a second, in which it is noted once. `gains` are those of the ceiling
    and of panic; `limits` the ceiling's peak, how its gain recovers, panic's slope, and the seconds of a sample.
    """
    ring, channels = inputs.shape[1], inputs.shape[0]
    start = block * size % ring
    wanted = block - buffer_blocks
    late = wanted >= 0 and ready[wanted % ready.size] != wanted
    wet_at = wanted * size % ring
    dry_at = (block * size - latency) % ring
    if late:
        counts[LATE_BLOCKS] += 1
        missed[block % missed.size] = block
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
