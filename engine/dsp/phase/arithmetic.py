"""Logarithm, sine and cosine as polynomials in float32, written so that the loops over bins become vector code.

Angles are in turns: the phase advance of bin m over a hop of a samples is a·m/N turns, which float32 holds exactly
once a·m is reduced modulo N in integers, and reducing any angle is one subtraction. Calls to a mathematical library
would keep LLVM from vectorising the loops and cost ten times as much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.jit import njit

Row = NDArray[np.float32]
Bits = NDArray[np.int32]

SMALLEST = 1e-30
"""Magnitudes below this are taken as this: far below any sound, and the logarithm stays finite."""

_TWO_THIRDS = 0x3F2AAAAB  # the bits of 2/3 in float32
_EXPONENT = ~0x7FFFFF


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def logarithms(values: Row, out: Row, work: Row) -> None:
    """Write the natural logarithm of `values` (0 to 1e15) to `out`, within 4e-6.

    The value is split into 2**e · (1 + f) with f from -1/3 to 1/3 by its bits, and log(1 + f) is a polynomial of
    degree 9 (a Chebyshev fit, 2e-8).
    """
    bits = work.view(np.int32)
    for m in range(values.size):
        out[m] = max(values[m], np.float32(SMALLEST))
    source = out.view(np.int32)
    for m in range(values.size):
        bits[m] = (source[m] - np.int32(_TWO_THIRDS)) & np.int32(_EXPONENT)
        source[m] = source[m] - bits[m]
    for m in range(values.size):
        f = out[m] - np.float32(1)
        p = np.float32(0.1408732831478119)
        p = p * f + np.float32(-0.15403155982494354)
        p = p * f + np.float32(0.1398070901632309)
        p = p * f + np.float32(-0.16412799060344696)
        p = p * f + np.float32(0.20012426376342773)
        p = p * f + np.float32(-0.25008025765419006)
        p = p * f + np.float32(0.3333315849304199)
        p = p * f + np.float32(-0.4999993145465851)
        p = p * f + np.float32(1)
        out[m] = f * p + np.float32(bits[m]) * np.float32(np.log(2.0) / 2**23)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def cosine(turns: np.float32) -> np.float32:
    """Cosine of an angle in turns within ±0.5, to 2e-7."""
    z = turns * turns
    p = np.float32(6.528658390045166)
    p = p * z + np.float32(-25.967599868774414)
    p = p * z + np.float32(60.16762924194336)
    p = p * z + np.float32(-85.45014190673828)
    p = p * z + np.float32(64.93911743164062)
    p = p * z + np.float32(-19.73920440673828)
    return p * z + np.float32(1)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def sine(turns: np.float32) -> np.float32:
    """Sine of an angle in turns within ±0.5, to 4e-7."""
    z = turns * turns
    p = np.float32(3.2381374835968018)
    p = p * z + np.float32(-14.899847030639648)
    p = p * z + np.float32(42.02592849731445)
    p = p * z + np.float32(-76.70301818847656)
    p = p * z + np.float32(81.60513305664062)
    p = p * z + np.float32(-41.34170150756836)
    return turns * (p * z + np.float32(6.2831854820251465))
