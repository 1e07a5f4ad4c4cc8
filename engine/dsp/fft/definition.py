"""The transforms of `fft` by their definition, in float64, for frames too short for passes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.compiling import COMPILED, INLINED, Plane
from dreampedal.engine.runtime.jit import njit

EXACT: Any = {"fastmath": False}
"""With no reordering: no vector would speed up these sums."""


def table(half: int) -> NDArray[np.float64]:
    """None: the factors of `untangle` are enough."""
    return np.zeros(0)


@njit(**INLINED | EXACT)
def _turn(factors, step, size):  # type: ignore[no-untyped-def]
    """exp(-2πi·step / size) from the factors of `untangle`, as cosine and sine."""
    step &= size - 1
    sign = 2.0 if 2 * step <= size else -2.0
    step = min(step, size - step)
    return -2.0 * factors[1, step], sign * factors[0, step]


@njit(**COMPILED | EXACT)
def forward(samples: Plane, window: Plane, re: Plane, im: Plane, none: Plane, factors: Plane, work: Plane) -> None:
    """`rfft` of few samples: each bin is a sum."""
    for k in range(samples.size // 2 + 1):
        total_re = total_im = 0.0
        for n in range(samples.size):
            cosine, sine = _turn(factors, k * n, samples.size)
            total_re += samples[n] * window[n] * cosine
            total_im += samples[n] * window[n] * sine
        re[k], im[k] = total_re, total_im
    im[0] = im[samples.size // 2] = 0


@njit(**COMPILED | EXACT)
def add_inverse(re: Plane, im: Plane, window: Plane, onto: Plane, none: Plane, factors: Plane, work: Plane) -> None:
    """`irfft_add` of few samples: each of them is a sum."""
    size = onto.size
    for n in range(size):
        total = 0.5 * re[0] + (0.5 if n % 2 == 0 else -0.5) * re[size // 2]
        for k in range(1, size // 2):
            cosine, sine = _turn(factors, k * n, size)
            total += re[k] * cosine + im[k] * sine
        onto[n] += total * window[n] * 2.0 / size
