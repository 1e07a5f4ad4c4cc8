"""The kernels that every mode of the spectral effect shares: before the network, after it, and for each block."""

from __future__ import annotations

import numpy as np

from dreampedal.effects.spectral.frame.guard import SILENCE
from dreampedal.engine.dsp.bands import write_features, write_gains
from dreampedal.engine.dsp.fft.real import FASTMATH, rfft
from dreampedal.engine.runtime.jit import njit

LIFT_SHARE = 0.04
"""Of a difference in loudness, how much the next hop makes up for."""

LIFT_KEPT = 0.98
"""What is left of a lift a hop later, so that none outlives its phrase."""

MOST_LIFT = 0.5
"""Nepers."""


@njit(cache=True, nogil=True, forceinline=True)
def take(block, done, count, line, at, muted_inputs):  # type: ignore[no-untyped-def]
    """Write `count` samples of `block[:, done:]` into `line[:, at:]`; NaN and infinity become zero and are counted."""
    for n in range(count):
        for channel in range(block.shape[0]):
            x = block[channel, done + n]
            if not np.isfinite(x):
                x = np.float32(0)
                muted_inputs[0] += 1
            line[channel, at + n] = x


@njit(cache=True, nogil=True, forceinline=True)
def give(dry, dry_at, added, added_at, count, ramp, out, done):  # type: ignore[no-untyped-def]
    """Write `count` weighted sums of `dry[:, dry_at:]` and `added[:, added_at:]` into `out[:, done:]`.

    `ramp` holds the gains of dry and added, their aims, their steps a sample, and the samples left on the way.
    """
    for n in range(count):
        if ramp[6] > 0:
            ramp[6] -= 1
            for gain in range(2):
                ramp[gain] = ramp[2 + gain] if ramp[6] == 0 else ramp[gain] + ramp[4 + gain]
        on_dry, on_added = np.float32(ramp[0]), np.float32(ramp[1])
        for channel in range(dry.shape[0]):
            out[channel, done + n] = on_dry * dry[channel, dry_at + n] + on_added * added[channel, added_at + n]


@njit(cache=True, nogil=True)
def sound(block, done, line, dry, added, position, ramp, out, muted_inputs):  # type: ignore[no-untyped-def]
    """Take input from `block[:, done:]` and give what was made ready, up to the end of the hop; returns where it is.

    `dry` and `added` are (channels, hop); the last hop of `line` is the one that comes in.
    """
    hop = dry.shape[1]
    count = min(block.shape[1] - done, hop - position)
    take(block, done, count, line, line.shape[1] - hop + position, muted_inputs)
    give(dry, position, added, position, count, ramp, out, done)
    return done + count


@njit(cache=True, nogil=True)
def shift(line, hop):  # type: ignore[no-untyped-def]
    """Make room for the next hop at the end of every row of `line`."""
    for channel in range(line.shape[0]):
        for n in range(line.shape[1] - hop):
            line[channel, n] = line[channel, n + hop]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def hear(line, spectrum, window, plan, first, start, weights, floor, features):  # type: ignore[no-untyped-def]
    """Transform the newest window of the line, and write the frame's features, (rows, bands)."""
    for channel in range(line.shape[0]):
        samples = line[channel, line.shape[1] - window.size :]
        rfft(samples, window, spectrum[0, channel], spectrum[1, channel], plan)
    write_features(spectrum, first, start, weights, floor, features)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def prepare(  # type: ignore[no-untyped-def]
    spectrum, newest, loudness, decay, frozen, gate_db, heard, features, offset, result, level, awake
):
    """Move every column on by a frame, warm-start the newest offset, and weigh the bands by their loudness.

    `newest` is (rows, bands); `features`, `offset` and `result` are (rows, bands, columns); `level` is (rows, bands)
    and sums to 1. The first `heard` columns are frames that came in; those after them are foreseen: the newest frame
    again. A frozen offset stays where it is. `awake` (rows,) tells which rows of the newest frame are above the gate.
    """
    rows, bands, columns = features.shape
    last = columns - 1
    per_row = spectrum.shape[1] // rows
    for row in range(rows):
        total = np.float32(0)
        for band in range(bands):
            for column in range(heard - 1):
                features[row, band, column] = features[row, band, column + 1]
            for column in range(heard - 1, columns):
                features[row, band, column] = newest[row, band]
            for column in range(columns):
                offset[row, band, column] = result[row, band, column if frozen else min(column + 1, last)]
            for column in range(heard - 1, columns):
                offset[row, band, column] *= np.float32(decay)
                if abs(offset[row, band, column]) < np.float32(1e-9):
                    offset[row, band, column] = np.float32(0)
            dreamed = newest[row, band] + offset[row, band, heard - 1]
            level[row, band] = loudness[band] * np.exp(np.float32(2) * dreamed)
            total += level[row, band]
        for band in range(bands):
            level[row, band] /= max(total, np.float32(1e-20))
        awake[row] = frame_db(spectrum, row * per_row, (row + 1) * per_row) >= gate_db


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def frame_db(spectrum, begin, end):  # type: ignore[no-untyped-def]
    """RMS level in dBFS of the loudest of the channels `begin` to `end` of a Hann-windowed frame (Parseval)."""
    loudest = 0.0
    size = 2.0 * (spectrum.shape[2] - 1)
    for channel in range(begin, end):
        power = 0.0
        for k in range(spectrum.shape[2]):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power += np.float64(re * re + im * im)
        loudest = max(loudest, 2.0 * power / (size * 0.375 * size))
    return 10.0 * np.log10(max(loudest, 1e-30))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def louder_by(spectrum, begin, end, gains, loudness):  # type: ignore[no-untyped-def]
    """Nepers by which `gains` (bins,) make channels `begin` to `end` louder; `loudness` is each bin's weight.

    What overlap-add leaves of a tone is the mean gain over the main lobe of its window, once for the analysis and once
    for the synthesis: of Hann's ¼, ½, ¼ that is 1/6, 2/3, 1/6 of three bins.
    """
    before = after = np.float32(1e-20)
    for channel in range(begin, end):
        for k in range(gains.size):
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            power = loudness[k] * (re * re + im * im)
            before += power
            below, above = gains[max(k - 1, 0)], gains[min(k + 1, gains.size - 1)]
            gain = (below + np.float32(4) * gains[k] + above) / np.float32(6)
            after += power * gain * gain
    return np.float32(0.5) * np.log(after / before)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def settle(  # type: ignore[no-untyped-def]
    spectrum, offset, result, column, awake, mask, loudness, amount, most, gate_db, release, gate, lift, scaled,
    below, toward, reach, gains,
):  # fmt: skip
    """From a column's offset to the gain of each bin; `scaled` (rows, bands) is the offset that is played.

    The offset is lowered or raised as a whole until the frame is as loud as it was: a dream changes what is heard, not
    how loud it is. `lift` makes up for what overlap-add loses of it between frames that differ. Returns whether the
    offset was not finite; it then counts as zero.
    """
    rows, bands = result.shape[0], result.shape[1]
    per_row = spectrum.shape[1] // rows
    lost = False
    for row in range(rows):
        is_open = frame_db(spectrum, row * per_row, (row + 1) * per_row) >= gate_db
        gate[row] = np.float32(1) if is_open else gate[row] * np.float32(release)
        if gate[row] < np.float32(1e-4):
            gate[row] = np.float32(0)
        if not awake[row]:
            result[row] = offset[row]  # one channel's dream does not grow while only another plays
        for band in range(bands):
            if not np.isfinite(result[row, band, column]):
                lost = True
            scaled[row, band] = np.float32(amount) * gate[row] * mask[band] * result[row, band, column]
    if lost:
        scaled[:] = np.float32(0)
        result[:] = np.float32(0)
    write_gains(scaled, below, toward, reach, gains)
    for row in range(rows):
        level = louder_by(spectrum, row * per_row, (row + 1) * per_row, gains[row], loudness)
        level -= np.float32(amount * lift[0]) * gate[row]
        for band in range(bands):
            scaled[row, band] -= mask[band] * level
            scaled[row, band] = min(max(scaled[row, band], np.float32(-most)), np.float32(most))
    write_gains(scaled, below, toward, reach, gains)
    return lost


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def make_up(energy, lift):  # type: ignore[no-untyped-def]
    """Once a hop: raise or lower `lift` toward what the added sound left of, or put on, the running loudness."""
    lift[0] *= LIFT_KEPT
    if energy[0] > SILENCE:
        wet_power = max(energy[0] + 2.0 * energy[1] + energy[2], 0.1 * energy[0])
        lift[0] -= LIFT_SHARE * 0.5 * np.log(wet_power / energy[0])
        lift[0] = min(max(lift[0], -MOST_LIFT), MOST_LIFT)
