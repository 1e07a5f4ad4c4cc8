"""The effect guard: what an effect adds stays finite, free of DC and within 3 dB of the dry sound's loudness.

It acts on the added signal alone (wet minus aligned dry), so where an effect adds nothing it is the identity, exactly.
Loudness is the K-weighted mean square of ITU-R BS.1770-5, annex 1, here as a running mean over `MEMORY_SECONDS`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.jit import njit

MARGIN_DB = 3.0
MEMORY_SECONDS = 0.1
MOVE_SECONDS = 0.03
"""Time in which a gain moves between 0 and 1 where nothing is too loud."""
DC_HZ = 5.0
SILENCE = 1e-10
"""Mean square of what is added under which its gain rests (-100 dB)."""


def k_weighting(sample_rate: float) -> NDArray[np.float64]:
    """The two second-order sections of K-weighting at `sample_rate` Hz: rows of b0, b1, b2, a1, a2.

    The analogue prototypes behind the 48 kHz coefficients of ITU-R BS.1770-5, annex 1, tables 1 and 2, by the bilinear
    transform.

    >>> k_weighting(48000).round(8).tolist()[0]
    [1.53512486, -2.69169619, 1.19839281, -1.69065929, 0.73248077]
    """
    high = 10 ** (3.999843853973347 / 20)
    k, q = np.tan(np.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    middle, a0 = high**0.4996667741545416, 1 + k / q + k * k
    shelf = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]
    shelf = [value / a0 for value in [*shelf, 2 * (k * k - 1), 1 - k / q + k * k]]
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]])


def k_gain(hz: NDArray[np.float64], sample_rate: float = 48_000.0) -> NDArray[np.float64]:
    """Power gain of K-weighting at each frequency in `hz`."""
    z = np.exp(-2j * np.pi * np.minimum(hz, sample_rate / 2) / sample_rate)
    gain = np.ones(z.shape)
    for b0, b1, b2, a1, a2 in k_weighting(sample_rate):
        gain *= np.abs((b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)) ** 2
    return gain


class Guard(NamedTuple):
    """What the guard is set to, and the arrays in which it remembers: a fresh one has seen silence."""

    sections: NDArray[np.float64]
    pole: float
    keep: float
    """What is left of the running means after a hop."""
    step: float
    """Most that the gain moves in a hop where nothing is too loud."""
    ratio: float
    """Power by which the sum may differ from the dry sound."""
    filters: NDArray[np.float64]
    """(channels, signals, sections, 2); the signals are dry and added."""
    dc: NDArray[np.float64]
    """(channels, 2): the last sample into and out of the DC filter."""
    powers: NDArray[np.float64]
    """K-weighted squares of a hop under way, (channels, 3): dry·dry, dry·added, added·added."""
    energy: NDArray[np.float64]
    """Running K-weighted mean squares: dry·dry, dry·added, added·added."""
    gain: NDArray[np.float64]
    """The gain on what is added at the end of the last hop, shape (1,)."""
    muted_samples: NDArray[np.int64]
    """Samples that were NaN or infinite, shape (1,)."""
    held_hops: NDArray[np.int64]
    """Hops whose loudness had to be held back, shape (1,)."""

    @classmethod
    def silent(cls, sample_rate: float, channels: int, hop_samples: int, margin_db: float = MARGIN_DB) -> Guard:
        """The guard of hops of `hop_samples` after endless silence."""
        return cls(
            sections=k_weighting(sample_rate),
            pole=float(np.exp(-2 * np.pi * DC_HZ / sample_rate)),
            keep=float(np.exp(-hop_samples / sample_rate / MEMORY_SECONDS)),
            step=hop_samples / sample_rate / MOVE_SECONDS,
            ratio=10 ** (margin_db / 10),
            filters=np.zeros((channels, 2, 2, 2)),
            dc=np.zeros((channels, 2)),
            powers=np.zeros((channels, 3)),
            energy=np.zeros(3),
            gain=np.zeros(1),
            muted_samples=np.zeros(1, np.int64),
            held_hops=np.zeros(1, np.int64),
        )


@njit(cache=True, nogil=True, forceinline=True)
def loudest_gain(dry: float, cross: float, added: float, ratio: float) -> float:
    """The largest gain s from 0 to 1 at which dry + s·added has a mean square up to dry · ratio."""
    if added <= 0.0:
        return 1.0
    return float(min(1.0, (np.sqrt(cross * cross + added * (ratio - 1.0) * dry) - cross) / added))


@njit(cache=True, nogil=True, forceinline=True)
def largest_gain(dry: float, cross: float, added: float, ratio: float) -> float:
    """The largest gain s from 0 to 1 at which dry + s·added has a mean square from dry / ratio to dry · ratio.

    The mean square is dry + 2·s·cross + s²·added: a quadratic that starts inside of the range at s = 0.
    """
    if added <= 0.0:
        return 1.0
    gain = loudest_gain(dry, cross, added, ratio)
    inside = cross * cross - added * (1.0 - 1.0 / ratio) * dry
    if cross < 0.0 and inside > 0.0:
        gain = min(gain, (-cross - np.sqrt(inside)) / added)
    return float(max(0.0, gain))


@njit(cache=True, nogil=True, forceinline=True)
def farthest_gain(dry: float, cross: float, added: float, ratio: float) -> float:
    """As `largest_gain`, where what is added has a phase of its own: half of it may be too quiet, and all of it not.

    Half of what turns a phase around leaves nothing; the whole of it is as loud as the dry sound.

    >>> round(largest_gain(1.0, -1.9, 3.8, 2.0), 3), farthest_gain(1.0, -1.9, 3.8, 2.0)
    (0.156, 1.0)
    """
    if added <= 0.0:
        return 1.0
    gain = loudest_gain(dry, cross, added, ratio)
    if dry + 2.0 * gain * cross + gain * gain * added >= dry / ratio * 0.9999:
        return float(max(0.0, gain))
    return float(largest_gain(dry, cross, added, ratio))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def k_weighted(a, b, sections, filters):  # type: ignore[no-untyped-def]
    """A sample of the dry sound and of what is added, K-weighted; `filters` (2, sections, 2) remember the last ones."""
    for section in range(2):
        b0, b1, b2 = sections[section, 0], sections[section, 1], sections[section, 2]
        a1, a2 = sections[section, 3], sections[section, 4]
        p, q = filters[0, section], filters[1, section]
        y, z = b0 * a + p[0], b0 * b + q[0]
        p[0], q[0] = b1 * a - a1 * y + p[1], b1 * b - a1 * z + q[1]
        p[1], q[1] = b2 * a - a2 * y, b2 * b - a2 * z
        a, b = y, z
    return a, b


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def accumulate_loudness(dry, added, guard, channel, powers):  # type: ignore[no-untyped-def]
    """Mute what is not finite in one channel's `added`, take its DC out, and add its K-weighted powers to `powers`.

    `dry` and `added` are (samples,), `powers` (3,): dry·dry, dry·added, added·added. Any number of samples at a time
    gives the same.
    """
    filters, dc = guard.filters[channel], guard.dc[channel]
    before, after = dc[0], dc[1]
    dry_power, cross_power, added_power = powers[0], powers[1], powers[2]
    for n in range(added.size):
        x = float(added[n])
        if not np.isfinite(x):
            x = 0.0
            guard.muted_samples[0] += 1
        after = x - before + guard.pole * after
        before = x
        added[n] = after
        a, b = k_weighted(float(dry[n]), after, guard.sections, filters)
        dry_power += a * a
        cross_power += a * b
        added_power += b * b
    dc[0], dc[1] = before, after
    powers[0], powers[1], powers[2] = dry_power, cross_power, added_power


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def update_means(guard, samples):  # type: ignore[no-untyped-def]
    """After `samples` of all channels: their powers into the running means; numbers too small become 0."""
    filters, dc = guard.filters, guard.dc
    for channel in range(filters.shape[0]):
        if abs(dc[channel, 1]) <= 1e-20:
            dc[channel, 1] = 0.0
        for signal in range(2):
            for section in range(2):
                for n in range(2):
                    if abs(filters[channel, signal, section, n]) < 1e-30:
                        filters[channel, signal, section, n] = 0.0
    for n in range(3):
        guard.energy[n] = guard.keep * guard.energy[n] + (1.0 - guard.keep) * guard.powers[0, n] / samples


@njit(cache=True, nogil=True, forceinline=True)
def ramped(start, end, n, rise, fall):  # type: ignore[no-untyped-def]
    """The gain on the sample `n` of a hop: up in `rise` samples, down in `fall`."""
    return np.float32(start + (end - start) * min(1.0, (n + 1) / (rise if end > start else fall)))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def ramp_gain(added, start, end, fall):  # type: ignore[no-untyped-def]
    """One hop of `added` (channels, hop) from the gain `start` to `end`: down in `fall` samples, up in all of them."""
    if start < 1.0 or end < 1.0:
        for n in range(added.shape[1]):
            now = ramped(start, end, n, added.shape[1], fall)
            for channel in range(added.shape[0]):
                added[channel, n] *= now


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def update_guard_gain(guard, samples):  # type: ignore[no-untyped-def]
    """The gain after a hop whose added sound has a phase of its own; `guard.powers[0]` are those of all channels.

    What is too loud is held back at once. Otherwise the gain moves by at most `guard.step`: where the whole becomes too
    quiet, the farthest gain jumps.
    """
    update_means(guard, samples)
    energy, gain = guard.energy, guard.gain
    if energy[2] > SILENCE:
        farthest = farthest_gain(energy[0], energy[1], energy[2], guard.ratio)
        now = min(gain[0] + guard.step, max(gain[0] - guard.step, farthest))
        gain[0] = min(now, loudest_gain(energy[0], energy[1], energy[2], guard.ratio))
        guard.held_hops[0] += gain[0] < 1.0


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def accumulate_hop(dry, added, guard):  # type: ignore[no-untyped-def]
    """The powers of a whole hop of all channels into `guard.powers[0]`."""
    guard.powers[0] = 0.0
    for channel in range(dry.shape[0]):
        accumulate_loudness(dry[channel], added[channel], guard, channel, guard.powers[0])


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def guard_rephased(dry, added, guard, fall):  # type: ignore[no-untyped-def]
    """As `guard_hop`, where what is added has a phase of its own: half of it may be too quiet, and all of it not."""
    accumulate_hop(dry, added, guard)
    start = guard.gain[0]
    update_guard_gain(guard, dry.shape[1])
    ramp_gain(added, start, guard.gain[0], fall)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def guard_hop(dry, added, guard):  # type: ignore[no-untyped-def]
    """Hold back one hop of `added` (channels, hop) in place, beside the aligned `dry`."""
    accumulate_hop(dry, added, guard)
    update_means(guard, dry.shape[1])
    start, energy, gain = guard.gain[0], guard.energy, guard.gain
    if energy[2] > SILENCE:
        gain[0] = largest_gain(energy[0], energy[1], energy[2], guard.ratio)
        guard.held_hops[0] += gain[0] < 1.0
    ramp_gain(added, start, gain[0], max(1, dry.shape[1] // 8))  # loud onsets are held back at once
