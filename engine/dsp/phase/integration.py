"""Phase from the gradient of a log magnitude, one frame at a time: RTPGHI without a heap.

For a Gaussian window the derivatives of the phase follow from those of the log magnitude s (Průša, Balazs and
Søndergaard 2017): along time a·m/N + (a·N/γ)·∂s/∂m / 2π turns a hop, along frequency -(γ / a·N)·∂s/∂t / 2π turns a
bin, with the hop a, the window N and derivatives per bin and per hop. RTPGHI (Průša and Søndergaard 2016) integrates
them from the loudest bins outwards, over the frame before and the present one, with a heap. On two frames that order
is a widest-path problem on a chain: the way from an old bin up to bin m is as good as its quietest bin,
L[m] = min(C[m], max(P[m], L[m-1])), with P the old and C the present log magnitude; R comes down likewise, and m is
reached from the largest of P[m], L[m-1] and R[m+1]; the root of m is the next bin below, or above, whose parent is its
own past. Sums of the steps from bin 0, and the roots, then give every phase at once, with no heap and no branch that
depends on the sound: mispredicted branches took half of the time. Angles are summed as integers of 2**-32 turns, which
wrap around as angles do and lose nothing over thousands of bins.
"""

from __future__ import annotations

import numpy as np

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.dsp.phase.arithmetic import Bits, Row, cosine, sine
from dreampedal.engine.dsp.phase.state import Gradient
from dreampedal.engine.runtime.jit import njit

ABSENT = -1e30
"""The log magnitude of a bin that no path may cross."""
SEED = -5e29
"""Above `ABSENT`, below everything heard: where integration starts when nothing sounded before."""
ROUND = 2.0**32
"""Units in a turn."""


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def find_roots(before: Row, now: Row, tolerance: np.float32, work: Row, root: Bits) -> None:
    """Write to `root` the bin of the frame before from which the phase of each bin of the present one is integrated.

    `before` and `now` are log magnitudes; bins more than `tolerance` (a natural logarithm) below the loudest pass
    nothing on. `work` has WORK_ROWS rows. A bin that no path reaches has itself as root, which is as good as any.
    """
    bins = now.size
    last = bins - 1
    quiet = np.float32(ABSENT)
    past, left, right, heard, low, high = work[0], work[1], work[2], work[3], work[4], work[5]
    loudest, loudest_before, peak = now[0], before[0], 0
    for m in range(bins):
        loudest = max(loudest, now[m])
        loudest_before = max(loudest_before, before[m])
    floor = max(loudest, loudest_before) - tolerance
    for m in range(bins):
        heard[m] = now[m] if now[m] > floor else quiet
        past[m] = before[m] if before[m] > floor else quiet
    while peak < last and now[peak] != loudest:
        peak += 1
    past[peak] = max(past[peak], np.float32(SEED))

    up, down = quiet, quiet
    for m in range(bins):
        up = min(heard[m], max(past[m], up))
        left[m] = up
        n = last - m
        down = min(heard[n], max(past[n], down))
        right[n] = down

    # Ways up and ways down begin at the bins that are not reached from below, from above: the largest so far. They are
    # numbered in float32, of which the larger is found without a branch.
    first, end = np.float32(0), np.float32(last)
    low[0], low[last] = first, first if left[last - 1] > past[last] else end
    high[last], high[0] = end, end if right[1] > past[0] else first
    for m in range(1, last):
        below, above, own, here = left[m - 1], right[m + 1], past[m], np.float32(np.int32(m))
        low[m] = first if (below > own) & (below >= above) else here
        high[m] = end if (above > own) & (above > below) else here
    for m in range(bins):
        heard[m] = high[m]
    for m in range(bins):
        first = max(first, low[m])
        low[m] = first
        n = last - m
        end = min(end, high[n])
        high[n] = end
    for m in range(bins):
        root[m] = np.int32(low[m] if heard[m] == np.float32(np.int32(m)) else high[m])


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def turn_from_roots(
    before: Row,
    now: Row,
    rise: Row,
    gradient: Gradient,
    root: Bits,
    from_re: Row,
    from_im: Row,
    to_re: Row,
    to_im: Row,
    work: Row,
) -> None:
    """Write the phase of a frame, as cos and sin, to `to_re` and `to_im`, from that of the frame before.

    `before` and `now` are log magnitudes and `root` what `find_roots` gives for them; `rise` is twice the derivative of
    `now` along time, per hop. A frame has 2·(bins - 1) samples.
    """
    bins = now.size
    last = bins - 1
    half, whole = np.float32(0.5), np.float32(ROUND)
    angles, start_re, start_im, slope = work[0], work[1], work[2], work[3]
    step, total, key = work[4].view(np.int32), work[5].view(np.int32), work[6].view(np.int32)

    step[0] = 0
    for m in range(1, bins):
        turns = gradient.along_frequency * (rise[m - 1] + rise[m])
        step[m] = np.int32(whole * max(-half, min(np.float32(0.4999999), turns)))
    climbed = np.int32(0)
    for m in range(bins):
        climbed = np.int32(climbed + step[m])
        total[m] = climbed

    mask, centred = np.int32(2 * last - 1), np.int32(gradient.centre)
    per_sample = np.float32(1) / np.float32(2 * last)
    slope[0] = slope[last] = np.float32(0)
    for m in range(1, last):
        slope[m] = gradient.along_time * ((before[m + 1] - before[m - 1]) + (now[m + 1] - now[m - 1]))
    for m in range(bins):
        # Phases count from the frame's first sample: the window's centre is a delay, by which the roots are ahead.
        turns = gradient.advance[m] + slope[m] + np.float32((np.int32(m) * centred) & mask) * per_sample
        key[m] = np.int32(whole * (turns - np.floor(turns + half))) - total[m]
    for m in range(bins):
        at = root[m]
        angles[m] = np.float32(np.int32(key[at] + total[m])) * np.float32(1 / ROUND)
        start_re[m], start_im[m] = from_re[at], from_im[at]
    for m in range(bins):
        angle = angles[m] - np.float32((np.int32(m) * centred) & mask) * per_sample
        angle -= np.floor(angle + half)
        c, s = cosine(angle), sine(angle)
        x, y = start_re[m], start_im[m]
        to_re[m] = x * c - y * s
        to_im[m] = x * s + y * c
    # The lowest and the highest bin of a real sound are real.
    for m in (0, last):
        to_re[m] = np.float32(1) if to_re[m] >= 0 else np.float32(-1)
        to_im[m] = np.float32(0)
