"""How loud carriers may be: a frame is as loud as it was, with all that is turned up and added in it."""

from __future__ import annotations

import numpy as np

from dreampedal.engine.dsp.bands import write_gains
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.jit import njit


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def louder_when_carried(spectrum, carriers, begin, end, gains, carried, bands, loudness):  # type: ignore[no-untyped-def]
    """As `louder_by`, with what carriers add at amplitudes `carried`, (carriers, bands), in the same bins."""
    before = after = np.float32(1e-20)
    last = gains.size - 1
    for channel in range(begin, end):
        for k in range(gains.size):
            low, toward = bands.below[k], bands.toward[k]
            x = y = np.float32(0)
            for carrier in range(carried.shape[0]):
                here, there = carried[carrier, low], carried[carrier, low + 1]
                amplitude = (here + toward * (there - here)) * bands.share[k]
                x += amplitude * carriers[channel, carrier, 0, k]
                y += amplitude * carriers[channel, carrier, 1, k]
            re, im = spectrum[0, channel, k], spectrum[1, channel, k]
            gain = (gains[max(k - 1, 0)] + np.float32(4) * gains[k] + gains[min(k + 1, last)]) / np.float32(6)
            x, y = x + gain * re, y + gain * im
            before += loudness[k] * (re * re + im * im)
            after += loudness[k] * (x * x + y * y)
    return np.float32(0.5) * np.log(after / before)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def settle(spectrum, carriers, wanted, bands, moving, played, limits, is_matched, carried):  # type: ignore[no-untyped-def]
    """From amplitudes that are `wanted` to what is `carried` of them, (rows, carriers, bands) both.

    `played` is what `match_loudness` found for the same frame. If `is_matched`, gains and carriers are lowered or
    raised together until the frame is as loud as it was. Returns whether what is wanted was not finite; it then counts
    as 0.
    """
    offset, gains, gate, makeup_gain = played
    rows, count = offset.shape
    per_row = spectrum.shape[1] // rows
    carried[:] = np.float32(0)
    if not np.all(np.isfinite(wanted)):
        return True
    for row in range(rows):
        scale = np.float32(limits.amount) * gate[row]
        for carrier in range(wanted.shape[1]):
            for band in range(count):
                carried[row, carrier, band] = scale * moving.mask[band] * wanted[row, carrier, band]
        if not is_matched or not np.any(carried[row]):
            continue
        begin, end = row * per_row, (row + 1) * per_row
        louder = louder_when_carried(
            spectrum, carriers, begin, end, gains[row], carried[row], bands, moving.bin_loudness
        )
        louder -= np.float32(makeup_gain[0]) * scale
        lowered = np.exp(-louder)
        for carrier in range(wanted.shape[1]):
            for band in range(count):
                carried[row, carrier, band] *= lowered
        for band in range(count):
            now = offset[row, band] - moving.mask[band] * louder
            offset[row, band] = min(max(now, np.float32(-limits.most)), np.float32(limits.most))
    write_gains(offset, bands.below, bands.toward, bands.share, gains)
    return False
