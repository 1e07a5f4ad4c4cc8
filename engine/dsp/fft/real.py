"""A real FFT for numba kernels: Stockham passes in float32 on separate real and imaginary planes.

Calling an FFT library for each frame costs more than the transform itself; called from the frame's kernel it costs
about two microseconds for 2,048 samples and allocates nothing. A real signal of N samples is packed as n = N/2 complex
ones. Stockham's order (Cochran et al. 1967; Van Loan 1992, section 1.7) needs no bit reversal.

There are two ways to the same spectrum, equal within rounding: in whole vectors (`vectors`), and in plain loops
(`plain`), some five times slower, for where a newer numba or another processor does not compile the vectors. A plan
is made for one of them, and holds the addresses of its transforms: the kernels that call them are the same.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dreampedal.engine.dsp.fft import definition, plain
from dreampedal.engine.dsp.fft.compiling import FASTMATH, Plane, address_of, call
from dreampedal.engine.runtime.jit import njit

__all__ = ["FASTMATH", "Plan", "Plane", "Way", "irfft_add", "plan_for", "rfft", "way"]

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


class Plan(NamedTuple):
    """What a real transform of `size` samples (a power of two, at least 16) needs; kernels take it as it is.

    The factors are shared, the working memory is not: whoever transforms in a thread of its own has its own plan.
    `tuple(plan)` does as well, and numba takes it half a microsecond sooner, since it looks up no class.
    """

    forward: Any
    """The address of `rfft`'s kernel."""
    inverse: Any
    """The address of `irfft_add`'s."""
    twiddle: Plane
    """The factors of the passes in the order in which they are read."""
    untangle: Plane
    """Shape (2, size / 2 + 1): -½i·exp(-2πi·k / size)."""
    work: Plane
    """Working memory, shape (4, size / 2)."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        """A copy has memory of its own, and one for another process the addresses that are valid there."""
        return plan_for, (2 * self.work.shape[1],)


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


def trouble() -> str:
    """Why vectors cannot be used, in a line; empty if they compile and transform as NumPy does.

    They reach into numba and LLVM, which may have changed in any way, or know no such vectors on this processor.
    """
    samples, ones = np.cos(np.arange(SMALLEST, dtype=np.float32) ** 2), np.ones(SMALLEST, np.float32)
    (re, im), back = np.zeros((2, SMALLEST // 2 + 1), np.float32), np.zeros(SMALLEST, np.float32)
    try:
        plan = plan_for(SMALLEST, "vectors")
        rfft(samples, ones, re, im, plan)
        irfft_add(re, im, ones, back, plan)
    except Exception as error:
        return said(error)
    if np.allclose(re + 1j * im, np.fft.rfft(samples), atol=1e-4) and np.allclose(back, samples, atol=1e-5):
        return ""
    return "they compile, and compute something else than they should"


def said(error: Exception) -> str:
    """An error in a line: numba's take a page.

    >>> said(TypeError("no such vector\\n  while compiling"))
    'TypeError: no such vector while compiling'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


def plan_for(size: int, of: str = "") -> Plan:
    """A new plan for `size` real samples, for one of the ways, by default that of this process.

    Raises:
        ValueError: unless `size` is a power of two from 16 up.

    >>> plan_for(2048).untangle.shape
    (2, 1025)
    """
    if size < 16 or size & (size - 1):
        raise ValueError(f"transform of {size} samples: expected a power of two, at least 16")
    of = "definition" if size < SMALLEST else of or way().name
    return Plan(*_kernels(of), *_factors(size, of), np.zeros((4, size // 2), np.float32))


def _passes(of: str) -> Any:
    """The module of a way."""
    if of == "vectors":
        from dreampedal.engine.dsp.fft import vectors

        return vectors
    return plain if of == "plain" else definition


@lru_cache(maxsize=3)
def _kernels(of: str) -> tuple[Any, Any]:
    """The addresses of both transforms."""
    passes = _passes(of)
    return address_of(passes.forward), address_of(passes.add_inverse)


@lru_cache(maxsize=32)
def _factors(size: int, of: str) -> tuple[Plane, Plane]:
    """The factors of the passes, and those that untangle a packed signal."""
    turn = -0.5j * np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    return _passes(of).table(size // 2).astype(np.float32), np.stack([turn.real, turn.imag]).astype(np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def rfft(samples: Plane, window: Plane, re: Plane, im: Plane, plan: Plan) -> None:
    """Write the spectrum of `samples * window` (both of N samples) to `re` and `im` (N/2 + 1 bins each).

    All arrays are contiguous.
    """
    call(plan[0], (samples, window, re, im, plan[2], plan[3], plan[4]))


@njit(cache=True, nogil=True, fastmath=FASTMATH, forceinline=True)
def irfft_add(re: Plane, im: Plane, window: Plane, onto: Plane, plan: Plan) -> None:
    """Add `window` times the inverse transform of `re` and `im` (N/2 + 1 bins) to the N samples of `onto`.

    The imaginary parts of the first and last bin are taken as zero. All arrays are contiguous.
    """
    call(plan[1], (re, im, window, onto, plan[2], plan[3], plan[4]))
