"""What the two ways of the FFT share: a plan, and how kernels are compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
"""Reordering is allowed; NaN and infinity keep their meaning, since the guard looks for them."""

INLINED: Any = {"nogil": True, "fastmath": FASTMATH, "forceinline": True, "no_cpython_wrapper": True}
"""How what only kernels call is compiled."""


class Plan(NamedTuple):
    """What a real transform of `size` samples (a power of two, at least 16) needs; kernels take it as it is.

    The factors are shared, the working memory is not: whoever transforms in a thread of its own has its own plan.
    """

    twiddle: Plane
    """Those of the passes: for vectors of shape (n,), in the order in which they are read; else of (2, size / 2)."""
    untangle: Plane
    """Shape (2, size / 2 + 1): -½i·exp(-2πi·k / size)."""
    work: Plane
    """Working memory, shape (4, size / 2)."""
