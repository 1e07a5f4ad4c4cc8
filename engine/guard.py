"""The effect guard: what an effect adds stays finite, free of DC and within 3 dB of the dry sound's loudness.

It acts on the added signal alone (wet minus aligned dry), so where an effect adds nothing it is the identity, exactly.
Loudness is the K-weighted mean square of ITU-R BS.1770-5, annex 1, here as a running mean over `MEMORY_SECONDS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .fft import FASTMATH

MARGIN_DB = 3.0
MEMORY_SECONDS = 0.1
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


@dataclass
class GuardState:
    """What the guard remembers between two hops; a fresh one has heard silence."""

    sections: NDArray[np.float64]
    pole: float
    filters: NDArray[np.float64]
    """(channels, signals, sections, 2); the signals are dry and added."""
    dc: NDArray[np.float64]
    """(channels, 2): the last sample into and out of the DC filter."""
    energy: NDArray[np.float64]
    """Running K-weighted mean squares: dry·dry, dry·added, added·added."""
    gain: NDArray[np.float64]
    """The gain on what is added at the end of the last hop, shape (1,)."""
    muted_samples: NDArray[np.int64]
    """Samples that were NaN or infinite, shape (1,)."""
    held_hops: NDArray[np.int64]
    """Hops whose loudness had to be held back, shape (1,)."""

    @classmethod
    def silent(cls, sample_rate: float, channels: int) -> GuardState:
        """The state after endless silence."""
        return cls(
            sections=k_weighting(sample_rate),
            pole=float(np.exp(-2 * np.pi * DC_HZ / sample_rate)),
            filters=np.zeros((channels, 2, 2, 2)),
            dc=np.zeros((channels, 2)),
            energy=np.zeros(3),
            gain=np.zeros(1),
            muted_samples=np.zeros(1, np.int64),
            held_hops=np.zeros(1, np.int64),
        )


@njit(cache=True, nogil=True)
def largest_gain(dry: float, cross: float, added: float, ratio: float) -> float:
    """The largest gain s from 0 to 1 at which dry + s·added has a mean square from dry / ratio to dry · ratio.

    The mean square is dry + 2·s·cross + s²·added: a quadratic that starts inside of the range at s = 0.
    """
    if added <= 0.0:
        return 1.0
    gain = min(1.0, (np.sqrt(cross * cross + added * (ratio - 1.0) * dry) - cross) / added)
    inside = cross * cross - added * (1.0 - 1.0 / ratio) * dry
    if cross < 0.0 and inside > 0.0:
        gain = min(gain, (-cross - np.sqrt(inside)) / added)
    return float(max(0.0, gain))


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def guard(
    dry: NDArray[np.float32],
    added: NDArray[np.float32],
    sections: NDArray[np.float64],
    pole: float,
    keep: float,
    filters: NDArray[np.float64],
    dc: NDArray[np.float64],
    energy: NDArray[np.float64],
    gain: NDArray[np.float64],
    muted_samples: NDArray[np.int64],
    held_hops: NDArray[np.int64],
) -> None:
    """Hold back one hop of `added` (channels, hop) in place, beside the aligned `dry`. `keep` is the means' decay."""
    channels, hop = dry.shape
    dry_power = cross_power = added_power = 0.0
    for channel in range(channels):
        before, after = dc[channel, 0], dc[channel, 1]
        for n in range(hop):
            x = float(added[channel, n])
            if not np.isfinite(x):
                x = 0.0
                muted_samples[0] += 1
            after = x - before + pole * after
            before = x
            added[channel, n] = after
            a, b = float(dry[channel, n]), after
            for section in range(2):
                b0, b1, b2 = sections[section, 0], sections[section, 1], sections[section, 2]
                a1, a2 = sections[section, 3], sections[section, 4]
                p, q = filters[channel, 0, section], filters[channel, 1, section]
                y, z = b0 * a + p[0], b0 * b + q[0]
                p[0], q[0] = b1 * a - a1 * y + p[1], b1 * b - a1 * z + q[1]
                p[1], q[1] = b2 * a - a2 * y, b2 * b - a2 * z
                a, b = y, z
            dry_power += a * a
            cross_power += a * b
            added_power += b * b
        dc[channel, 0], dc[channel, 1] = before, after if abs(after) > 1e-20 else 0.0
        for signal in range(2):
            for section in range(2):
                for n in range(2):
                    if abs(filters[channel, signal, section, n]) < 1e-30:
                        filters[channel, signal, section, n] = 0.0
    energy[0] = keep * energy[0] + (1.0 - keep) * dry_power / hop
    energy[1] = keep * energy[1] + (1.0 - keep) * cross_power / hop
    energy[2] = keep * energy[2] + (1.0 - keep) * added_power / hop
    start = gain[0]
    if energy[2] > SILENCE:
        gain[0] = largest_gain(energy[0], energy[1], energy[2], 10.0 ** (MARGIN_DB / 10.0))
        held_hops[0] += gain[0] < 1.0
    if start < 1.0 or gain[0] < 1.0:
        ramp = hop if gain[0] > start else max(1, hop // 8)  # loud onsets are held back at once
        for n in range(hop):
            now = np.float32(start + (gain[0] - start) * min(1.0, (n + 1) / ramp))
            for channel in range(channels):
                added[channel, n] *= now
