"""A real FFT for numba kernels: Stockham passes of radix 8 and 4 in float32 on separate real and imaginary planes.

Calling an FFT library for each frame costs more than the transform itself; inlined into the frame's kernel it costs
about two microseconds for 2,048 samples and allocates nothing. A real signal of N samples is packed as n = N/2 complex
ones. Stockham's order (Cochran et al. 1967; Van Loan 1992, section 1.7) needs no bit reversal. The first pass takes the
window, the last one untangles the spectrum or adds onto the signal, so that nothing is read or written only to be
moved; everything goes in whole vectors (see `lanes`).

What kernels call is compiled with `forceinline`. Numba otherwise links a copy that LLVM may have specialised: the
process that compiles a kernel then runs another copy than those which find it in the cache, and rounds differently.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .fft_passes import FASTMATH, INLINED, Plane, eight, eight_apart, four, four_apart, middle, radix_of, spread
from .lanes import WIDTH, add_pairs, backwards, conjugate, load, load_pairs, store, store_first, turned

__all__ = ["FASTMATH", "Plan", "Plane", "irfft_add", "plan", "rfft", "scratch"]

EXACT = {**INLINED, "fastmath": False}
"""The same with no reordering: for sums in float64 that no vector would speed up."""

SMALLEST = 128
"""Samples from which on there are passes of whole vectors; fewer are transformed by the definition."""


class Plan(NamedTuple):
    """Factors for a real transform of `size` samples (a power of two, at least 16)."""

    twiddle: Plane
    """Those of each pass but the last, in the order in which they are read."""
    untangle: Plane
    """Shape (2, size / 2 + 1): -½i·exp(-2πi·k / size)."""


@lru_cache(maxsize=32)
def plan(size: int) -> Plan:
    """The plan for `size` real samples; a ValueError unless it is a power of two from 16 up.

    >>> plan(2048).untangle.shape
    (2, 1025)
    """
    if size < 16 or size & (size - 1):
        raise ValueError(f"transform of {size} samples: expected a power of two, at least 16")
    half = size // 2
    turn = -0.5j * np.exp(-2j * np.pi * np.arange(half + 1) / size)
    twiddle = _twiddle(half) if size >= SMALLEST else np.zeros(0)
    return Plan(twiddle.astype(np.float32), np.stack([turn.real, turn.imag]).astype(np.float32))


def _twiddle(half: int) -> NDArray[np.float64]:
    """exp(-2πi·p·k·stride / half) for output k of transform p of each pass: for the first pass eight p side by side."""
    side_by_side = np.arange(half // 8).reshape(-1, 1, 8)
    first = np.exp(-2j * np.pi / half * side_by_side * np.arange(1, 8).reshape(-1, 1))
    tables = [np.stack([first.real, first.imag], axis=2).reshape(-1)]
    stride = 8
    while half // stride > 4:
        radix = radix_of(half // stride)
        p = np.arange(half // stride // radix).reshape(-1, 1)
        factors = np.exp(-2j * np.pi / half * stride * p * np.arange(1, radix))
        tables.append(np.stack([factors.real, factors.imag], axis=2).reshape(-1))
        stride *= radix
    return np.concatenate(tables)


def scratch(size: int) -> Plane:
    """Working memory for one transform of `size` real samples, shape (4, size / 2)."""
    return np.zeros((4, size // 2), np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def rfft(samples: Plane, window: Plane, re: Plane, im: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """Write the spectrum of `samples * window` (both of N samples) to `re` and `im` (N/2 + 1 bins each).

    All arrays are contiguous.
    """
    if twiddle.size == 0:
        _by_definition(samples, window, re, im, untangle)
        return
    step = work.shape[1] // 8
    for p in range(0, step, WIDTH):
        y = eight(
            load_pairs(samples, window, 2 * p),
            load_pairs(samples, window, 2 * (p + step)),
            load_pairs(samples, window, 2 * (p + 2 * step)),
            load_pairs(samples, window, 2 * (p + 3 * step)),
            load_pairs(samples, window, 2 * (p + 4 * step)),
            load_pairs(samples, window, 2 * (p + 5 * step)),
            load_pairs(samples, window, 2 * (p + 6 * step)),
            load_pairs(samples, window, 2 * (p + 7 * step)),
        )
        spread(y, twiddle, p, work[2], work[3])
    row = middle(work, twiddle)
    _untangle(work[row], work[row + 1], re, im, untangle)


@njit(**INLINED)
def _untangle(z_re: Plane, z_im: Plane, re: Plane, im: Plane, factors: Plane) -> None:
    """The last pass, and from the spectrum Z of the packed signal to that of the real one.

    X[k] = E + O and X[n - k] = conj(E - O), with E = ½(Z[k] + conj Z[n - k]) and
    O = -½i·exp(-2πi·k / N)·(Z[k] - conj Z[n - k]).
    """
    size = z_re.size
    step = size // 4
    t_re, t_im = factors[0], factors[1]
    z = four_apart(z_re, z_im, 0, step)
    even, odd = _even_odd(z[0], conjugate(z[0]), t_re, t_im, 0)
    store_first(re, im, 0, even + odd)
    store_first(re, im, size, even - odd)
    even, odd = _even_odd(z[1], conjugate(z[3]), t_re, t_im, step)
    store_first(re, im, step, even + odd)
    store_first(re, im, 3 * step, conjugate(even - odd))
    store_first(re, im, 2 * step, conjugate(z[2]))
    for q in range(1, step // 2, WIDTH):
        m = step - q - 7
        z = four_apart(z_re, z_im, q, step)
        y = four(
            _mirrored(z_re, z_im, m), _mirrored(z_re, z_im, m + step), _mirrored(z_re, z_im, m + 2 * step),
            _mirrored(z_re, z_im, m + 3 * step),
        )  # fmt: skip
        _part(z[0], y[1], t_re, t_im, re, im, q, m + 3 * step)
        _part(z[1], y[2], t_re, t_im, re, im, q + step, m + 2 * step)
        _part(z[2], y[3], t_re, t_im, re, im, q + 2 * step, m + step)
        _part(z[3], y[0], t_re, t_im, re, im, q + 3 * step, m)


@njit(**INLINED)
def _mirrored(re, im, at):  # type: ignore[no-untyped-def]
    """The conjugates of the eight numbers from `at`, the last one first."""
    return conjugate(backwards(load(re, im, at)))


@njit(**INLINED)
def _even_odd(z, y, t_re, t_im, at):  # type: ignore[no-untyped-def]
    """E and O of eight bins from `at`, from those of Z and their mirror images' conjugates."""
    return (z + y) * np.float32(0.5), (z - y) * load(t_re, t_im, at)


@njit(**INLINED)
def _part(z, y, t_re, t_im, re, im, at, mirror):  # type: ignore[no-untyped-def]
    """Write eight bins from `at` and their mirror images from `mirror`."""
    even, odd = _even_odd(z, y, t_re, t_im, at)
    store(re, im, at, even + odd)
    store(re, im, mirror, conjugate(backwards(even - odd)))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def irfft_add(re: Plane, im: Plane, window: Plane, onto: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """Add `window` times the inverse transform of `re` and `im` (N/2 + 1 bins) to the N samples of `onto`.

    The imaginary parts of the first and last bin are taken as zero. All arrays are contiguous.
    """
    if twiddle.size == 0:
        _add_by_definition(re, im, window, onto, untangle)
        return
    _tangle(re, im, work[1], work[0], untangle)
    step = work.shape[1] // 8
    for p in range(0, step, WIDTH):
        spread(eight_apart(work[0], work[1], p, step), twiddle, p, work[2], work[3])
    row = middle(work, twiddle)
    z_re, z_im = work[row], work[row + 1]
    step = z_re.size // 4
    for q in range(0, step, WIDTH):
        z = four_apart(z_re, z_im, q, step)
        add_pairs(onto, window, 2 * q, conjugate(turned(z[0])))
        add_pairs(onto, window, 2 * (q + step), conjugate(turned(z[1])))
        add_pairs(onto, window, 2 * (q + 2 * step), conjugate(turned(z[2])))
        add_pairs(onto, window, 2 * (q + 3 * step), conjugate(turned(z[3])))


@njit(**INLINED)
def _tangle(re: Plane, im: Plane, z_re: Plane, z_im: Plane, factors: Plane) -> None:
    """The spectrum of the packed signal from that of the real one, over n: the other way round of `_untangle`."""
    size = z_re.size
    t_re, t_im = factors[0], factors[1]
    scale = np.float32(1) / np.float32(size)
    half = np.float32(0.5) * scale
    z_re[0], z_im[0] = half * (re[0] + re[size]), half * (re[0] - re[size])
    for k in range(1, size // 2, WIDTH):
        x, y = load(re, im, k), _mirrored(re, im, size - k - 7)
        even, odd = (x + y) * half, (x - y) * conjugate(load(t_re, t_im, k)) * scale
        store(z_re, z_im, k, even + odd)
        store(z_re, z_im, size - k - 7, conjugate(backwards(even - odd)))


@njit(**EXACT)
def _turn(factors, step, size):  # type: ignore[no-untyped-def]
    """exp(-2πi·step / size) from the factors of `_untangle`, as cosine and sine."""
    step &= size - 1
    sign = 2.0 if 2 * step <= size else -2.0
    step = min(step, size - step)
    return -2.0 * factors[1, step], sign * factors[0, step]


@njit(**EXACT)
def _by_definition(samples: Plane, window: Plane, re: Plane, im: Plane, factors: Plane) -> None:
    """`rfft` of few samples: each bin is a sum."""
    for k in range(samples.size // 2 + 1):
        total_re = total_im = 0.0
        for n in range(samples.size):
            cosine, sine = _turn(factors, k * n, samples.size)
            total_re += samples[n] * window[n] * cosine
            total_im += samples[n] * window[n] * sine
        re[k], im[k] = total_re, total_im
    im[0] = im[samples.size // 2] = 0


@njit(**EXACT)
def _add_by_definition(re: Plane, im: Plane, window: Plane, onto: Plane, factors: Plane) -> None:
    """`irfft_add` of few samples: each of them is a sum."""
    size = onto.size
    for n in range(size):
        total = 0.5 * re[0] + (0.5 if n % 2 == 0 else -0.5) * re[size // 2]
        for k in range(1, size // 2):
            cosine, sine = _turn(factors, k * n, size)
            total += re[k] * cosine + im[k] * sine
        onto[n] += total * window[n] * 2.0 / size
