"""A real FFT for numba kernels: Stockham passes in float32 on separate real and imaginary planes.

Calling an FFT library for each frame costs more than the transform itself; inlined into the frame's kernel it costs
about two microseconds for 2,048 samples and allocates nothing. A real signal of N samples is packed as n = N/2 complex
ones. Stockham's order (Cochran et al. 1967; Van Loan 1992, section 1.7) needs no bit reversal.

There are two ways to the same spectrum, equal within rounding: in whole vectors (`vectors`), and in plain loops
(`plain`), some five times slower, for where a newer numba or another processor does not compile the vectors. A plan
is made for one of them, and its table of factors has another number of dimensions in each: so the kernels that are
compiled, and those that are kept in numba's cache, are each way's own.

What kernels call is compiled with `forceinline`. Numba otherwise links a copy that LLVM may have specialised: the
process that compiles a kernel then runs another copy than those which find it in the cache, and rounds differently.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dreampedal.engine.dsp.fft import plain
from dreampedal.engine.dsp.fft.compiling import FASTMATH, INLINED, Plan, Plane
from dreampedal.engine.runtime.jit import njit

vectors: Any
try:
    from dreampedal.engine.dsp.fft import vectors
    from dreampedal.engine.dsp.fft.lanes_trial import trouble
except Exception as error:  # they reach into numba and LLVM, which may have changed in any way
    vectors, _missing = None, " ".join(f"{type(error).__name__}: {error}".split())

    def trouble() -> str:
        return _missing


__all__ = ["FASTMATH", "Plan", "Plane", "Way", "irfft_add", "plan_for", "rfft", "way"]

EXACT = {**INLINED, "fastmath": False}
"""The same with no reordering: for sums in float64 that no vector would speed up."""

SMALLEST = 128
"""Samples from which on there are passes; fewer are transformed by the definition."""

SWITCH = "DREAMPEDAL_FFT"
"""The environment variable that chooses the way: `vectors` or `plain`."""


class Way(NamedTuple):
    """How transforms are computed in this process."""

    name: str
    """`vectors` or `plain`."""
    why: str
    """Why it is the plain one, in a few words; else empty."""


@lru_cache(maxsize=1)
def way() -> Way:
    """The way of this process: that of `DREAMPEDAL_FFT`, else vectors where they compile and are right.

    Raises:
        ValueError: if the variable holds anything else.
    """
    wanted = os.environ.get(SWITCH, "")
    if wanted == "plain":
        return Way("plain", f"{SWITCH} is set")
    if wanted not in ("", "vectors"):
        raise ValueError(f"{SWITCH} = {wanted!r}: expected vectors or plain")
    why = trouble()
    if why and wanted:
        raise ValueError(f"{SWITCH} = vectors: they cannot be used here: {why}")
    return Way("plain", why) if why else Way("vectors", "")


def plan_for(size: int, of: str = "") -> Plan:
    """A new plan for `size` real samples, for one of the ways, by default that of this process.

    Raises:
        ValueError: unless `size` is a power of two from 16 up.

    >>> plan_for(2048).untangle.shape
    (2, 1025)
    """
    if size < 16 or size & (size - 1):
        raise ValueError(f"transform of {size} samples: expected a power of two, at least 16")
    return Plan(*_factors(size, of or way().name), np.zeros((4, size // 2), np.float32))


@lru_cache(maxsize=32)
def _factors(size: int, of: str) -> tuple[Plane, Plane]:
    half = size // 2
    turn = -0.5j * np.exp(-2j * np.pi * np.arange(half + 1) / size)
    tables = plain if of == "plain" else vectors
    twiddle = tables.table(half) if size >= SMALLEST else np.zeros((2, 0) if of == "plain" else 0)
    return twiddle.astype(np.float32), np.stack([turn.real, turn.imag]).astype(np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def rfft(samples: Plane, window: Plane, re: Plane, im: Plane, plan: Plan) -> None:
    """Write the spectrum of `samples * window` (both of N samples) to `re` and `im` (N/2 + 1 bins each).

    All arrays are contiguous.
    """
    _forward(samples, window, re, im, plan, plan.twiddle)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def irfft_add(re: Plane, im: Plane, window: Plane, onto: Plane, plan: Plan) -> None:
    """Add `window` times the inverse transform of `re` and `im` (N/2 + 1 bins) to the N samples of `onto`.

    The imaginary parts of the first and last bin are taken as zero. All arrays are contiguous.
    """
    _add_inverse(re, im, window, onto, plan, plan.twiddle)


# Whether a branch is compiled can be told by the dimensions of an argument, not by those of a part of one.


@njit(**INLINED)
def _forward(samples: Plane, window: Plane, re: Plane, im: Plane, plan: Plan, twiddle: Plane) -> None:
    if twiddle.size == 0:
        _by_definition(samples, window, re, im, plan.untangle)
    elif twiddle.ndim == 2:  # known when it is compiled: the other way is not
        plain.forward(samples, window, re, im, plan)
    else:
        vectors.forward(samples, window, re, im, plan)


@njit(**INLINED)
def _add_inverse(re: Plane, im: Plane, window: Plane, onto: Plane, plan: Plan, twiddle: Plane) -> None:
    if twiddle.size == 0:
        _add_by_definition(re, im, window, onto, plan.untangle)
    elif twiddle.ndim == 2:
        plain.add_inverse(re, im, window, onto, plan)
    else:
        vectors.add_inverse(re, im, window, onto, plan)


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
