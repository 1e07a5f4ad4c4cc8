"""Phase gradient heap integration: the phase of a whole spectrogram from its magnitudes alone, in one pass.

For a Gaussian window the gradient of the phase is that of the log magnitude, turned by a right angle; for other
windows nearly so. Integrating it from the loudest bin on, always through the loudest bin that borders on what is
known, keeps errors where they are least heard (Průša, Balazs and Søndergaard 2017, algorithm 1 and equations 19, 20).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

TOLERANCE = 1e-6
"""Bins this far under the loudest take random phases."""

TURN = np.float32(2 * np.pi)


def pghi(magnitude: Array, frames: Frames, seed: int = 0) -> Array:
    """`magnitude` (frames, bins) with estimated phases, which count from the first sample of each frame.

    Args:
        magnitude: of one channel, float32.
        frames: window and hop.
        seed: of the phases below `TOLERANCE`.

    Returns:
        Two planes, (2, frames, bins).

    >>> pghi(np.ones((4, 129), np.float32), Frames(256, 64)).shape
    (2, 4, 129)
    """
    window_samples, hop_samples, gamma = frames.window_samples, frames.hop_samples, frames.gamma
    peak = float(magnitude.max(initial=0.0))
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, magnitude.shape).astype(np.float32)
    if peak > 0:
        floor = max(peak * TOLERANCE, float(np.finfo(np.float32).tiny))
        log = np.log(np.maximum(magnitude, np.float32(floor)))
        hops = np.arange(magnitude.shape[1]) * hop_samples % window_samples
        advance = (2 * np.pi / window_samples * hops).astype(np.float32)
        rise = np.gradient(log, axis=0) if len(log) > 1 else np.zeros_like(log)
        over_time = (advance + hop_samples * window_samples / gamma * np.gradient(log, axis=1)).astype(np.float32)
        over_bins = (-gamma / (hop_samples * window_samples) * rise).astype(np.float32)
        loud = np.flatnonzero(magnitude > floor)
        order = loud[np.argsort(-magnitude.ravel()[loud], kind="stable")].astype(np.int32)
        integrate(magnitude, order, over_time, over_bins, magnitude <= floor, np.zeros(order.size, np.int32), phase)
    phase[:, 1::2] += np.float32(np.pi)  # from the middle of each frame to its first sample
    return np.stack([magnitude * np.cos(phase), magnitude * np.sin(phase)])


@njit(cache=True, nogil=True, forceinline=True)
def add(heap, count, entry, key):  # type: ignore[no-untyped-def]
    """Add an entry to a heap whose first of `count` entries has the largest `key`; returns the new count."""
    at = count
    while at > 0:
        above = (at - 1) >> 1
        if key[heap[above]] >= key[entry]:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = entry
    return count + 1


@njit(cache=True, nogil=True, forceinline=True)
def remove_first(heap, count, key):  # type: ignore[no-untyped-def]
    """Take the first entry away; returns the new count."""
    count -= 1
    entry, at = heap[count], 0
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        if below + 1 < count and key[heap[below + 1]] > key[heap[below]]:
            below += 1
        if key[heap[below]] <= key[entry]:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = entry
    return count


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def integrate(magnitude, order, over_time, over_bins, known, heap, phase):  # type: ignore[no-untyped-def]
    """Write `phase` (frames, bins) wherever it is not `known`; `order` has those bins, the loudest first.

    `over_time` and `over_bins` are its steps to the next frame and to the next bin; each is the mean of both ends.
    """
    count_t, bins = magnitude.shape
    key, known, angle = magnitude.ravel(), known.ravel(), phase.ravel()
    time, freq = over_time.ravel(), over_bins.ravel()
    half = np.float32(0.5)
    for first in order:
        if known[first]:
            continue
        known[first] = True
        angle[first] = np.float32(0)
        count = add(heap, 0, first, key)
        while count > 0:
            here = heap[0]
            count = remove_first(heap, count, key)
            t, k = here // bins, here % bins
            for side in range(4):
                if side == 0:
                    there, inside, step = here + bins, t + 1 < count_t, half
                elif side == 1:
                    there, inside, step = here - bins, t > 0, -half
                elif side == 2:
                    there, inside, step = here + 1, k + 1 < bins, half
                else:
                    there, inside, step = here - 1, k > 0, -half
                if not inside or known[there]:
                    continue
                rate = time[here] + time[there] if side < 2 else freq[here] + freq[there]
                new = angle[here] + step * rate
                angle[there] = new - TURN * np.floor(new / TURN)
                known[there] = True
                count = add(heap, count, np.int32(there), key)
