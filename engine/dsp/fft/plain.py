"""The transforms of `fft` in plain loops over numbers, for where the vectors of `lanes` do not compile.

Stockham passes of radix 4, and one of radix 2 where the size asks for it, on separate real and imaginary planes. A
reader checks it against the textbook in a minute; LLVM makes of the loops what it can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.compiling import COMPILED, INLINED, Plane
from dreampedal.engine.runtime.jit import njit


def table(half: int) -> NDArray[np.float64]:
    """exp(-2πi·k / half): the real parts, then the imaginary ones."""
    turns = np.exp(-2j * np.pi * np.arange(half) / half)
    return np.concatenate([turns.real, turns.imag])


@njit(**COMPILED)
def forward(samples: Plane, window: Plane, re: Plane, im: Plane, turns: Plane, untangle: Plane, work: Plane) -> None:
    """`rfft` of at least `SMALLEST` samples.

    X[k] = E + O and X[n - k] = conj(E - O), with E = ½(Z[k] + conj Z[n - k]) and
    O = -½i·exp(-2πi·k / N)·(Z[k] - conj Z[n - k]), of the spectrum Z of the packed signal.
    """
    size = work.shape[1]
    for n in range(size):
        work[0, n] = samples[2 * n] * window[2 * n]
        work[1, n] = samples[2 * n + 1] * window[2 * n + 1]
    row = _passes(work, turns)
    z_re, z_im = work[row], work[row + 1]
    half = np.float32(0.5)
    re[0], im[0] = z_re[0] + z_im[0], np.float32(0)
    re[size], im[size] = z_re[0] - z_im[0], np.float32(0)
    for k in range(1, size // 2 + 1):
        even_re, even_im = half * (z_re[k] + z_re[size - k]), half * (z_im[k] - z_im[size - k])
        apart_re, apart_im = z_re[k] - z_re[size - k], z_im[k] + z_im[size - k]
        odd_re = apart_re * untangle[0, k] - apart_im * untangle[1, k]
        odd_im = apart_re * untangle[1, k] + apart_im * untangle[0, k]
        re[k], im[k] = even_re + odd_re, even_im + odd_im
        re[size - k], im[size - k] = even_re - odd_re, odd_im - even_im


@njit(**COMPILED)
def add_inverse(re: Plane, im: Plane, window: Plane, onto: Plane, turns: Plane, untangle: Plane, work: Plane) -> None:
    """`irfft_add` of at least `SMALLEST` samples: the other way round, with real and imaginary parts changed about."""
    size = work.shape[1]
    scale = np.float32(1) / np.float32(size)
    half = np.float32(0.5) * scale
    work[1, 0], work[0, 0] = half * (re[0] + re[size]), half * (re[0] - re[size])
    for k in range(1, size // 2 + 1):
        even_re, even_im = half * (re[k] + re[size - k]), half * (im[k] - im[size - k])
        apart_re, apart_im = scale * (re[k] - re[size - k]), scale * (im[k] + im[size - k])
        odd_re = apart_re * untangle[0, k] + apart_im * untangle[1, k]
        odd_im = apart_im * untangle[0, k] - apart_re * untangle[1, k]
        work[1, k], work[0, k] = even_re + odd_re, even_im + odd_im
        work[1, size - k], work[0, size - k] = even_re - odd_re, odd_im - even_im
    row = _passes(work, turns)
    for n in range(size):
        onto[2 * n] += work[row + 1, n] * window[2 * n]
        onto[2 * n + 1] += work[row, n] * window[2 * n + 1]


@njit(**INLINED)
def _passes(work: Plane, turns: Plane) -> int:
    """The transform of the numbers in rows 0 and 1; returns the row that its real parts are in."""
    size = work.shape[1]
    row, stride = 0, 1
    while stride < size:
        re, im, to_re, to_im = work[row], work[row + 1], work[2 - row], work[3 - row]
        if size // stride == 2:
            _pass_2(re, im, to_re, to_im)
            stride *= 2
        else:
            _pass_4(re, im, to_re, to_im, turns, stride)
            stride *= 4
        row = 2 - row
    return row


@njit(**INLINED)
def _pass_4(re, im, to_re, to_im, turns, stride):  # type: ignore[no-untyped-def]
    """From four numbers that are a quarter apart to four that are `stride` apart."""
    step, imaginary = re.size // 4, re.size
    for start in range(0, step, stride):
        w1_re, w2_re, w3_re = turns[start], turns[2 * start], turns[3 * start]
        at = imaginary + start
        w1_im, w2_im, w3_im = turns[at], turns[at + start], turns[at + 2 * start]
        for at in range(start, start + stride):
            to = at + 3 * start
            s_re, s_im = re[at] + re[at + 2 * step], im[at] + im[at + 2 * step]
            t_re, t_im = re[at] - re[at + 2 * step], im[at] - im[at + 2 * step]
            u_re, u_im = re[at + step] + re[at + 3 * step], im[at + step] + im[at + 3 * step]
            v_re, v_im = im[at + step] - im[at + 3 * step], re[at + 3 * step] - re[at + step]
            to_re[to], to_im[to] = s_re + u_re, s_im + u_im
            a_re, a_im = t_re + v_re, t_im + v_im
            b_re, b_im = s_re - u_re, s_im - u_im
            c_re, c_im = t_re - v_re, t_im - v_im
            to_re[to + stride], to_im[to + stride] = a_re * w1_re - a_im * w1_im, a_re * w1_im + a_im * w1_re
            to_re[to + 2 * stride], to_im[to + 2 * stride] = b_re * w2_re - b_im * w2_im, b_re * w2_im + b_im * w2_re
            to_re[to + 3 * stride], to_im[to + 3 * stride] = c_re * w3_re - c_im * w3_im, c_re * w3_im + c_im * w3_re


@njit(**INLINED)
def _pass_2(re, im, to_re, to_im):  # type: ignore[no-untyped-def]
    """The last pass of a size that is no power of four."""
    step = re.size // 2
    for at in range(step):
        to_re[at], to_im[at] = re[at] + re[at + step], im[at] + im[at + step]
        to_re[at + step], to_im[at + step] = re[at] - re[at + step], im[at] - im[at + step]
