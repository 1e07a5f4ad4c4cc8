"""The kernels that every mode of the spectral effect shares: before the network, after it, and for each block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.frame.guard import SILENCE
from dreampedal.engine.dsp.bands import write_features, write_gains
from dreampedal.engine.dsp.fft.real import FASTMATH, rfft
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

MAKEUP_SHARE = 0.04
"""Of a difference in loudness, how much the next hop makes up for."""

MAKEUP_KEPT = 0.98
"""What is left of a makeup gain a hop later, so that none outlives its phrase."""

MOST_MAKEUP = 0.5
"""Nepers."""


class Columns(NamedTuple):
    """The arrays of an ascent on one signal: (rows, bands, columns) each, but for `level`, (rows, bands)."""

    features: Array
    offset: Array
    """Where the ascent starts."""
    result: Array
    """Where it ends."""
    level: Array
    """How loud each band is; sums to 1."""


class Limits(NamedTuple):
    """What a user allows an offset."""

    amount: float
    """Scale of it before it is applied."""
    most: float
    """Nepers that a band is raised or lowered by at most."""
    gate_db: float
    """Frames under this level fade back to the dry sound."""
    release: float
    """What is left of that fade a hop later."""


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
def pass_on(block, done, out, io, dry, added, position):  # type: ignore[no-untyped-def]
    """Take input from `block[:, done:]` and give what was made ready, up to the end of the hop; returns where it is.

    `dry` and `added` are (channels, hop); the last hop of the line is the one that comes in.
    """
    hop = dry.shape[1]
    count = min(block.shape[1] - done, hop - position)
    take(block, done, count, io.line, io.line.shape[1] - hop + position, io.muted_inputs)
    give(dry, position, added, position, count, io.ramp, out, done)
    return done + count


@njit(cache=True, nogil=True)
def shift(line, hop):  # type: ignore[no-untyped-def]
    """Make room for the next hop at the end of every row of `line`."""
    for channel in range(line.shape[0]):
        for n in range(line.shape[1] - hop):
            line[channel, n] = line[channel, n + hop]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def analyse(line, spectrum, transform, bands, features):  # type: ignore[no-untyped-def]
    """Transform the newest window of the line, and write the frame's features, (rows, bands)."""
    window = transform.analysis
    for channel in range(line.shape[0]):
        samples = line[channel, line.shape[1] - window.size :]
        rfft(samples, window, spectrum[0, channel], spectrum[1, channel], transform.plan)
    write_features(spectrum, bands.first, bands.start, bands.weights, bands.floor, features)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def prepare(spectrum, newest, loudness, decay, frozen, gate_db, known, ascent, awake):  # type: ignore[no-untyped-def]
    """Move every column on by a frame, warm-start the newest offset, and weigh the bands by their loudness.

    `newest` is (rows, bands). The first `known` columns are frames that came in; those after them are foreseen: the
    newest frame again. A frozen offset stays where it is. `awake` (rows,) tells which rows of the newest frame are
    above the gate; how many is returned.
    """
    features, offset, result, level = ascent
    rows, bands, columns = features.shape
    last, above = columns - 1, 0
    per_row = spectrum.shape[1] // rows
    for row in range(rows):
        total = np.float32(0)
        for band in range(bands):
            for column in range(known - 1):
                features[row, band, column] = features[row, band, column + 1]
            for column in range(known - 1, columns):
                features[row, band, column] = newest[row, band]
            for column in range(columns):
                offset[row, band, column] = result[row, band, column if frozen else min(column + 1, last)]
            for column in range(known - 1, columns):
                offset[row, band, column] *= np.float32(decay)
                if abs(offset[row, band, column]) < np.float32(1e-9):
                    offset[row, band, column] = np.float32(0)
            dreamed = newest[row, band] + offset[row, band, known - 1]
            level[row, band] = loudness[band] * np.exp(np.float32(2) * dreamed)
            total += level[row, band]
        for band in range(bands):
            level[row, band] /= max(total, np.float32(1e-20))
        awake[row] = frame_db(spectrum, row * per_row, (row + 1) * per_row) >= gate_db
        above += awake[row]
    return above


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def power_of(spectrum, channel):  # type: ignore[no-untyped-def]
    """The sum of |X|² over the bins of a channel."""
    power = 0.0
    for k in range(spectrum.shape[2]):
        re, im = spectrum[0, channel, k], spectrum[1, channel, k]
        power += np.float64(re * re + im * im)
    return power


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def frame_db(spectrum, begin, end):  # type: ignore[no-untyped-def]
    """RMS level in dBFS of the loudest of the channels `begin` to `end` of a Hann-windowed frame (Parseval)."""
    loudest = 0.0
    size = 2.0 * (spectrum.shape[2] - 1)
    for channel in range(begin, end):
        loudest = max(loudest, 2.0 * power_of(spectrum, channel) / (size * 0.375 * size))
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
def match_loudness(spectrum, wanted, bands, moving, played, limits, is_matched):  # type: ignore[no-untyped-def]
    """From an offset that is `wanted` (rows, bands) to what is `played` of it, and the gain of each bin.

    If `is_matched`, it is lowered or raised as a whole until the frame is as loud as it was: a dream changes what is
    heard, not how loud it is. Returns whether the offset was not finite; it then counts as zero.
    """
    offset, gains, gate, makeup_gain = played
    rows, count = offset.shape
    per_row = spectrum.shape[1] // rows
    lost = False
    for row in range(rows):
        is_open = frame_db(spectrum, row * per_row, (row + 1) * per_row) >= limits.gate_db
        gate[row] = np.float32(1) if is_open else gate[row] * np.float32(limits.release)
        if gate[row] < np.float32(1e-4):
            gate[row] = np.float32(0)
        for band in range(count):
            if not np.isfinite(wanted[row, band]):
                lost = True
            offset[row, band] = np.float32(limits.amount) * gate[row] * moving.mask[band] * wanted[row, band]
    if lost:
        offset[:] = np.float32(0)
    write_gains(offset, bands.below, bands.toward, bands.share, gains)
    for row in range(rows):
        level = np.float32(0)
        if is_matched:
            level = louder_by(spectrum, row * per_row, (row + 1) * per_row, gains[row], moving.bin_loudness)
            level -= np.float32(limits.amount * makeup_gain[0]) * gate[row]
        for band in range(count):
            offset[row, band] -= moving.mask[band] * level
            offset[row, band] = min(max(offset[row, band], np.float32(-limits.most)), np.float32(limits.most))
    write_gains(offset, bands.below, bands.toward, bands.share, gains)
    return lost


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def update_makeup_gain(energy, makeup_gain):  # type: ignore[no-untyped-def]
    """Once a hop: move it toward what the added sound left of, or put on, the running loudness."""
    makeup_gain[0] *= MAKEUP_KEPT
    if energy[0] > SILENCE:
        wet_power = max(energy[0] + 2.0 * energy[1] + energy[2], 0.1 * energy[0])
        makeup_gain[0] -= MAKEUP_SHARE * 0.5 * np.log(wet_power / energy[0])
        makeup_gain[0] = min(max(makeup_gain[0], -MOST_MAKEUP), MOST_MAKEUP)
