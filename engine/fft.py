"""A real FFT for numba kernels: radix-4 Stockham in float32 on separate real and imaginary planes.

Calling an FFT library for each frame costs more than the transform itself; inlined into the frame's kernel it costs a
few microseconds and allocates nothing. Stockham's order (Cochran et al. 1967; Van Loan 1992, section 1.7) needs no bit
reversal, and its inner loops run over contiguous memory. A real signal of N samples is packed as N/2 complex ones.

What kernels call is compiled with `forceinline`. Numba otherwise links a copy that LLVM may have specialised: the
process that compiles a kernel then runs another copy than those which find it in the cache, and rounds differently.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
"""Reordering is allowed; NaN and infinity keep their meaning, since the guard looks for them."""


class Plan(NamedTuple):
    """Twiddle factors for a real transform of `size` samples (a power of two, at least 16)."""

    twiddle: Plane
    """Shape (6, size / 8): real and imaginary parts of w, w² and w³, with w = exp(-2πi·p / (size / 2))."""
    untangle: Plane
    """Shape (2, size / 2 + 1): exp(-2πi·k / size)."""


@lru_cache(maxsize=32)
def plan(size: int) -> Plan:
    """The plan for `size` real samples; a ValueError unless it is a power of two from 16 up.

    >>> plan(2048).untangle.shape
    (2, 1025)
    """
    if size < 16 or size & (size - 1):
        raise ValueError(f"transform of {size} samples: expected a power of two, at least 16")
    half = size // 2
    angle = -2j * np.pi * np.arange(half // 4) / half
    factors = [np.exp(power * angle) for power in (1, 2, 3)]
    twiddle = np.stack([part for factor in factors for part in (factor.real, factor.imag)])
    turn = np.exp(-2j * np.pi * np.arange(half + 1) / size)
    return Plan(np.ascontiguousarray(twiddle, np.float32), np.stack([turn.real, turn.imag]).astype(np.float32))


def scratch(size: int) -> Plane:
    """Working memory for one transform of `size` real samples, shape (4, size / 2)."""
    return np.zeros((4, size // 2), np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def _first_pass(re: Plane, im: Plane, to_re: Plane, to_im: Plane, w: Plane) -> None:
    """The radix-4 pass with stride 1: the inner loop runs over the twiddle factors."""
    m = re.size // 4
    for p in range(m):
        a_re, b_re, c_re, d_re = re[p], re[p + m], re[p + 2 * m], re[p + 3 * m]
        a_im, b_im, c_im, d_im = im[p], im[p + m], im[p + 2 * m], im[p + 3 * m]
        s_re, s_im, t_re, t_im = a_re + c_re, a_im + c_im, a_re - c_re, a_im - c_im
        u_re, u_im, v_re, v_im = b_re + d_re, b_im + d_im, b_im - d_im, d_re - b_re
        x_re, x_im = t_re + v_re, t_im + v_im
        y_re, y_im = s_re - u_re, s_im - u_im
        z_re, z_im = t_re - v_re, t_im - v_im
        to_re[4 * p] = s_re + u_re
        to_im[4 * p] = s_im + u_im
        to_re[4 * p + 1] = x_re * w[0, p] - x_im * w[1, p]
        to_im[4 * p + 1] = x_re * w[1, p] + x_im * w[0, p]
        to_re[4 * p + 2] = y_re * w[2, p] - y_im * w[3, p]
        to_im[4 * p + 2] = y_re * w[3, p] + y_im * w[2, p]
        to_re[4 * p + 3] = z_re * w[4, p] - z_im * w[5, p]
        to_im[4 * p + 3] = z_re * w[5, p] + z_im * w[4, p]


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def _pass(re: Plane, im: Plane, to_re: Plane, to_im: Plane, w: Plane, stride: int) -> None:
    """A later radix-4 pass: the inner loop runs over `stride` transforms that share their twiddle factors."""
    m = re.size // 4 // stride
    for p in range(m):
        j = p * stride
        w1r, w1i, w2r, w2i, w3r, w3i = w[0, j], w[1, j], w[2, j], w[3, j], w[4, j], w[5, j]
        read = j
        step = m * stride
        write = 4 * j
        a_res, b_res = re[read : read + stride], re[read + step : read + step + stride]
        c_res, d_res = re[read + 2 * step : read + 2 * step + stride], re[read + 3 * step : read + 3 * step + stride]
        a_ims, b_ims = im[read : read + stride], im[read + step : read + step + stride]
        c_ims, d_ims = im[read + 2 * step : read + 2 * step + stride], im[read + 3 * step : read + 3 * step + stride]
        for q in range(stride):
            s_re, s_im = a_res[q] + c_res[q], a_ims[q] + c_ims[q]
            t_re, t_im = a_res[q] - c_res[q], a_ims[q] - c_ims[q]
            u_re, u_im = b_res[q] + d_res[q], b_ims[q] + d_ims[q]
            v_re, v_im = b_ims[q] - d_ims[q], d_res[q] - b_res[q]
            x_re, x_im = t_re + v_re, t_im + v_im
            y_re, y_im = s_re - u_re, s_im - u_im
            z_re, z_im = t_re - v_re, t_im - v_im
            to_re[write + q] = s_re + u_re
            to_im[write + q] = s_im + u_im
            to_re[write + stride + q] = x_re * w1r - x_im * w1i
            to_im[write + stride + q] = x_re * w1i + x_im * w1r
            to_re[write + 2 * stride + q] = y_re * w2r - y_im * w2i
            to_im[write + 2 * stride + q] = y_re * w2i + y_im * w2r
            to_re[write + 3 * stride + q] = z_re * w3r - z_im * w3i
            to_im[write + 3 * stride + q] = z_re * w3i + z_im * w3r


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def _complex_fft(re: Plane, im: Plane, to_re: Plane, to_im: Plane, w: Plane) -> bool:
    """Forward transform, ping-pong between two pairs of planes; True if the result is in the second pair.

    Swapping the real and imaginary planes of both pairs gives the inverse, times the size.
    """
    size = re.size
    _first_pass(re, im, to_re, to_im, w)
    swapped = True
    stride = 4
    while size // stride >= 4:
        if swapped:
            _pass(to_re, to_im, re, im, w, stride)
        else:
            _pass(re, im, to_re, to_im, w, stride)
        swapped = not swapped
        stride *= 4
    if stride < size:
        half = size // 2
        a_re, a_im, b_re, b_im = re, im, to_re, to_im
        if swapped:
            a_re, a_im, b_re, b_im = to_re, to_im, re, im
        for q in range(half):
            x_re, x_im, y_re, y_im = a_re[q], a_im[q], a_re[q + half], a_im[q + half]
            b_re[q], b_im[q] = x_re + y_re, x_im + y_im
            b_re[q + half], b_im[q + half] = x_re - y_re, x_im - y_im
        swapped = not swapped
    return swapped


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def rfft(samples: Plane, window: Plane, re: Plane, im: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """Write the spectrum of `samples * window` (both of N samples) to `re` and `im` (N/2 + 1 bins each)."""
    half = samples.size // 2
    for n in range(half):
        work[0, n] = samples[2 * n] * window[2 * n]
        work[1, n] = samples[2 * n + 1] * window[2 * n + 1]
    row = 2 if _complex_fft(work[0], work[1], work[2], work[3], twiddle) else 0
    z_re, z_im = work[row], work[row + 1]
    re[0], im[0] = z_re[0] + z_im[0], np.float32(0)
    re[half], im[half] = z_re[0] - z_im[0], np.float32(0)
    scale = np.float32(0.5)
    for k in range(1, half):
        even_re, even_im = scale * (z_re[k] + z_re[half - k]), scale * (z_im[k] - z_im[half - k])
        odd_re, odd_im = scale * (z_im[k] + z_im[half - k]), scale * (z_re[half - k] - z_re[k])
        re[k] = even_re + odd_re * untangle[0, k] - odd_im * untangle[1, k]
        im[k] = even_im + odd_re * untangle[1, k] + odd_im * untangle[0, k]


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def irfft_add(re: Plane, im: Plane, window: Plane, onto: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """Add `window` times the inverse transform of `re` and `im` (N/2 + 1 bins) to the N samples of `onto`.

    The imaginary parts of the first and last bin are taken as zero.
    """
    half = onto.size // 2
    work[0, 0], work[1, 0] = re[0] + re[half], re[0] - re[half]
    for k in range(1, half):
        even_re, even_im = re[k] + re[half - k], im[k] - im[half - k]
        turn_re, turn_im = re[k] - re[half - k], im[k] + im[half - k]
        odd_re = turn_re * untangle[0, k] + turn_im * untangle[1, k]
        odd_im = turn_im * untangle[0, k] - turn_re * untangle[1, k]
        work[0, k] = even_re - odd_im
        work[1, k] = even_im + odd_re
    row = 2 if _complex_fft(work[1], work[0], work[3], work[2], twiddle) else 0
    scale = np.float32(1) / np.float32(2 * half)
    for n in range(half):
        onto[2 * n] += work[row, n] * scale * window[2 * n]
        onto[2 * n + 1] += work[row + 1, n] * scale * window[2 * n + 1]
