"""Phase from the gradient of a log magnitude, one frame at a time: RTPGHI without a heap.

For a Gaussian window the derivatives of the phase follow from those of the log magnitude s (Průša, Balazs and
Søndergaard 2017): along time a·m/N + (a·N/γ)·∂s/∂m / 2π turns a hop, along frequency -(γ / a·N)·∂s/∂t / 2π turns a
bin, with the hop a, the window N and derivatives per bin and per hop. RTPGHI (Průša and Søndergaard 2016) integrates
them from the loudest bins outwards, over the frame before and the present one, with a heap. On two frames that order
is a widest-path problem on a chain: the way from an old bin up to bin m is as good as its quietest bin,
L[m] = min(C[m], max(P[m], L[m-1])), with P the old and C the present log magnitude; R comes down likewise, and m is
reached from the largest of P[m], L[m-1] and R[m+1]. Two runs over the bins then integrate upward and downward, with no
heap and no branch that depends on the sound.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..fft import FASTMATH
from .arithmetic import Bits, Row, cosine, sine

ABSENT = -1e30
"""The log magnitude of a bin that no path may cross."""
SEED = -5e29
"""Above `ABSENT`, below everything heard: where integration starts when nothing sounded before."""

WORK_ROWS = 8


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def turn_by_gradient(
    before: Row,
    now: Row,
    rise: Row,
    advance: Row,
    along_time: np.float32,
    along_frequency: np.float32,
    centre: int,
    tolerance: np.float32,
    from_re: Row,
    from_im: Row,
    to_re: Row,
    to_im: Row,
    work: Row,
    origin: Bits,
) -> None:
    """Write the phase of a frame, as cos and sin, to `to_re` and `to_im`, from that of the frame before.

    `before` and `now` are log magnitudes; `rise` is twice the derivative of `now` along time, per hop; `advance` the
    turns of each bin over a hop; `along_time` and `along_frequency` the factors of the gradient in turns; the window's
    centre is at sample `centre` of a frame of 2·(bins - 1); bins more than `tolerance` (a natural logarithm) below the
    loudest pass nothing on. `work` has WORK_ROWS rows, `origin` two.
    """
    bins = now.size
    last = bins - 1
    quiet = np.float32(ABSENT)
    past, left, right, base, step, upward, downward, reached = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7],
    )  # fmt: skip

    loudest, loudest_before, peak = now[0], before[0], 0
    for m in range(bins):
        loudest = max(loudest, now[m])
        loudest_before = max(loudest_before, before[m])
    floor = max(loudest, loudest_before) - tolerance
    for m in range(bins):
        reached[m] = now[m] if now[m] > floor else quiet
        past[m] = before[m] if before[m] > floor else quiet
    while peak < last and now[peak] != loudest:
        peak += 1
    past[peak] = max(past[peak], np.float32(SEED))

    base[0], base[last] = advance[0], advance[last]
    for m in range(1, last):
        slope = (before[m + 1] - before[m - 1]) + (now[m + 1] - now[m - 1])
        base[m] = advance[m] + along_time * slope
    half = np.float32(0.5)
    step[0] = np.float32(0)
    for m in range(1, bins):
        step[m] = max(-half, min(half, along_frequency * (rise[m - 1] + rise[m])))

    up, down = quiet, quiet
    for m in range(bins):
        up = min(reached[m], max(past[m], up))
        left[m] = up
        n = last - m
        down = min(reached[n], max(past[n], down))
        right[n] = down

    # The parent of each bin: 1 for the bin below, -1 for the bin above, 0 for the same bin of the frame before.
    reached[0] = np.float32(-1) if right[1] > past[0] else np.float32(0)
    reached[last] = np.float32(1) if left[last - 1] > past[last] else np.float32(0)
    for m in range(1, last):
        below, above, own = left[m - 1], right[m + 1], past[m]
        side = np.float32(1) if below >= above else np.float32(-1)
        reached[m] = side if max(below, above) > own else np.float32(0)

    # A bin that no path reaches has its own past as parent, which is as good as any.
    low_angle, high_angle = np.float32(0), np.float32(0)
    low, high = 0, last
    climbs, descends = origin[0], origin[1]
    for m in range(bins):
        follows = reached[m] > 0
        low_angle = low_angle + step[m] if follows else base[m]
        low = low if follows else m
        upward[m] = low_angle
        climbs[m] = low
        n = last - m
        follows = reached[n] < 0
        high_angle = high_angle - step[min(n + 1, last)] if follows else base[n]
        high = high if follows else n
        downward[n] = high_angle
        descends[n] = high

    mask = np.int32(2 * last - 1)
    per_sample = np.float32(1) / np.float32(2 * last)
    for m in range(bins):
        falls = reached[m] < 0
        angle = downward[m] if falls else upward[m]
        root = descends[m] if falls else climbs[m]
        # The slope of a phase counted from the frame's first sample, not from the window's centre.
        angle -= np.float32(((np.int32(m) - root) * np.int32(centre)) & mask) * per_sample
        angle -= np.floor(angle + half)
        climbs[m] = root
        upward[m] = angle
    for m in range(bins):
        angle = upward[m]
        c, s = cosine(angle), sine(angle)
        root = climbs[m]
        to_re[m] = from_re[root] * c - from_im[root] * s
        to_im[m] = from_re[root] * s + from_im[root] * c
    # The lowest and the highest bin of a real sound are real.
    for m in (0, last):
        to_re[m] = np.float32(1) if to_re[m] >= 0 else np.float32(-1)
        to_im[m] = np.float32(0)
