"""The passes of the complex FFT: Stockham's order, radix 8, 4 and 2, eight transforms side by side.

A pass of radix r with stride s takes r numbers that are n / r apart to r that are s apart, times their factors. Every
read and write is a whole vector once the stride is eight; the first pass comes to that by transposing (`spread`).
"""

from __future__ import annotations

import numpy as np

from dreampedal.engine.dsp.fft.compiling import INLINED, Plane
from dreampedal.engine.dsp.fft.lanes import WIDTH, load, load_next, load_one, minus_i, store, transposed
from dreampedal.engine.runtime.jit import njit


def radix_of(left: int) -> int:
    """The radix of the next pass, so that the last one, at `left` = 4, has radix 4."""
    if left == 8:
        return 2
    return 4 if left in (16, 64) else 8


@njit(**INLINED)
def four(a, b, c, d):  # type: ignore[no-untyped-def]
    """The DFT of four numbers."""
    s, t, u, v = a + c, a - c, b + d, minus_i(b - d)
    return s + u, t + v, s - u, t - v


@njit(**INLINED)
def four_apart(re, im, at, step):  # type: ignore[no-untyped-def]
    """The DFT of the four numbers that begin with `at` and are `step` apart."""
    return four(load(re, im, at), load(re, im, at + step), load(re, im, at + 2 * step), load(re, im, at + 3 * step))


@njit(**INLINED)
def eight(a, b, c, d, e, f, g, h):  # type: ignore[no-untyped-def]
    """The DFT of eight numbers."""
    eighth = np.float32(0.7071067811865476)
    q, r, s, t = a - e, b - f, minus_i(c - g), d - h
    r, t = (r + minus_i(r)) * eighth, (minus_i(t) - t) * eighth
    y = four(a + e, b + f, c + g, d + h)
    z = four(q, r, s, t)
    return y[0], z[0], y[1], z[1], y[2], z[2], y[3], z[3]


@njit(**INLINED)
def eight_apart(re, im, at, step):  # type: ignore[no-untyped-def]
    """The DFT of the eight numbers that begin with `at` and are `step` apart."""
    return eight(
        load(re, im, at), load(re, im, at + step), load(re, im, at + 2 * step), load(re, im, at + 3 * step),
        load(re, im, at + 4 * step), load(re, im, at + 5 * step), load(re, im, at + 6 * step),
        load(re, im, at + 7 * step),
    )  # fmt: skip


@njit(**INLINED)
def spread(y, twiddle, p, to_re, to_im):  # type: ignore[no-untyped-def]
    """The end of the first pass: twiddle the outputs of the transforms p to p + 7, and write them one by one."""
    w = 14 * p
    z = transposed(
        (
            y[0],
            y[1] * load_next(twiddle, w),
            y[2] * load_next(twiddle, w + 16),
            y[3] * load_next(twiddle, w + 32),
            y[4] * load_next(twiddle, w + 48),
            y[5] * load_next(twiddle, w + 64),
            y[6] * load_next(twiddle, w + 80),
            y[7] * load_next(twiddle, w + 96),
        )
    )
    for n in range(8):
        store(to_re, to_im, 8 * (p + n), z[n])


@njit(**INLINED)
def _pass_8(re, im, to_re, to_im, twiddle, at, stride):  # type: ignore[no-untyped-def]
    """A pass of radix 8 over `stride` transforms that share their factors, which begin at `at`."""
    size = re.size
    step = size // 8
    for p in range(step // stride):
        w = at + 14 * p
        w1, w2, w3, w4 = (
            load_one(twiddle, w), load_one(twiddle, w + 2), load_one(twiddle, w + 4), load_one(twiddle, w + 6),
        )  # fmt: skip
        w5, w6, w7 = load_one(twiddle, w + 8), load_one(twiddle, w + 10), load_one(twiddle, w + 12)
        for q in range(p * stride, (p + 1) * stride, WIDTH):
            y = eight_apart(re, im, q, step)
            to = q + 7 * p * stride
            store(to_re, to_im, to, y[0])
            store(to_re, to_im, to + stride, y[1] * w1)
            store(to_re, to_im, to + 2 * stride, y[2] * w2)
            store(to_re, to_im, to + 3 * stride, y[3] * w3)
            store(to_re, to_im, to + 4 * stride, y[4] * w4)
            store(to_re, to_im, to + 5 * stride, y[5] * w5)
            store(to_re, to_im, to + 6 * stride, y[6] * w6)
            store(to_re, to_im, to + 7 * stride, y[7] * w7)


@njit(**INLINED)
def _pass_4(re, im, to_re, to_im, twiddle, at, stride):  # type: ignore[no-untyped-def]
    """A pass of radix 4 over `stride` transforms that share their factors, which begin at `at`."""
    size = re.size
    step = size // 4
    for p in range(step // stride):
        w = at + 6 * p
        w1, w2, w3 = load_one(twiddle, w), load_one(twiddle, w + 2), load_one(twiddle, w + 4)
        for q in range(p * stride, (p + 1) * stride, WIDTH):
            y = four_apart(re, im, q, step)
            to = q + 3 * p * stride
            store(to_re, to_im, to, y[0])
            store(to_re, to_im, to + stride, y[1] * w1)
            store(to_re, to_im, to + 2 * stride, y[2] * w2)
            store(to_re, to_im, to + 3 * stride, y[3] * w3)


@njit(**INLINED)
def _pass_2(re, im, to_re, to_im, twiddle, at, stride):  # type: ignore[no-untyped-def]
    """A pass of radix 2 over `stride` transforms that share their factor, which begins at `at`."""
    size = re.size
    step = size // 2
    for p in range(step // stride):
        w = load_one(twiddle, at + 2 * p)
        for q in range(p * stride, (p + 1) * stride, WIDTH):
            a, b = load(re, im, q), load(re, im, q + step)
            store(to_re, to_im, q + p * stride, a + b)
            store(to_re, to_im, q + (p + 1) * stride, (a - b) * w)


@njit(**INLINED)
def middle(work: Plane, twiddle: Plane) -> int:
    """All passes between the first, which wrote rows 2 and 3, and the last, of radix 4; returns the row to go on from.

    They are forward: with real and imaginary parts changed about they are the inverse, times the size.
    """
    size = work.shape[1]
    row, stride, at = 2, 8, 14 * (size // 8)
    while size // stride > 4:
        re, im, to_re, to_im = work[row], work[row + 1], work[2 - row], work[3 - row]
        left = size // stride
        if left == 8:
            _pass_2(re, im, to_re, to_im, twiddle, at, stride)
            at, stride = at + 8, 2 * stride
        elif left == 16 or left == 64:
            _pass_4(re, im, to_re, to_im, twiddle, at, stride)
            at, stride = at + 6 * (left // 4), 4 * stride
        else:
            _pass_8(re, im, to_re, to_im, twiddle, at, stride)
            at, stride = at + 14 * (left // 8), 8 * stride
        row = 2 - row
    return row
