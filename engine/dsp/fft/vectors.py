"""The transforms of `fft` in whole vectors of eight complex numbers (see `lanes`).

The first pass takes the window, the last one untangles the spectrum or adds onto the signal, so that nothing is read or
written only to be moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.compiling import COMPILED, INLINED, Plane
from dreampedal.engine.dsp.fft.lanes import (
    WIDTH,
    add_pairs,
    backwards,
    conjugate,
    load,
    load_pairs,
    minus_i,
    store,
    store_first,
)
from dreampedal.engine.dsp.fft.passes import eight, eight_apart, four, four_apart, middle, radix_of, spread
from dreampedal.engine.runtime.jit import njit


def table(half: int) -> NDArray[np.float64]:
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


@njit(**COMPILED)
def forward(samples: Plane, window: Plane, re: Plane, im: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """`rfft` of at least `SMALLEST` samples."""
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


@njit(**COMPILED)
def add_inverse(re: Plane, im: Plane, window: Plane, onto: Plane, twiddle: Plane, untangle: Plane, work: Plane) -> None:
    """`irfft_add` of at least `SMALLEST` samples."""
    _tangle(re, im, work[1], work[0], untangle)
    step = work.shape[1] // 8
    for p in range(0, step, WIDTH):
        spread(eight_apart(work[0], work[1], p, step), twiddle, p, work[2], work[3])
    row = middle(work, twiddle)
    z_re, z_im = work[row], work[row + 1]
    step = z_re.size // 4
    for q in range(0, step, WIDTH):
        z = four_apart(z_re, z_im, q, step)
        add_pairs(onto, window, 2 * q, conjugate(minus_i(z[0])))
        add_pairs(onto, window, 2 * (q + step), conjugate(minus_i(z[1])))
        add_pairs(onto, window, 2 * (q + 2 * step), conjugate(minus_i(z[2])))
        add_pairs(onto, window, 2 * (q + 3 * step), conjugate(minus_i(z[3])))


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
