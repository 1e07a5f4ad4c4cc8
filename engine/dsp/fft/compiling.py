"""How the kernels under the FFT are compiled, in vectors and in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
"""Reordering is allowed; NaN and infinity keep their meaning, since the guard looks for them."""

INLINED: Any = {"nogil": True, "fastmath": FASTMATH, "forceinline": True, "no_cpython_wrapper": True}
"""How what only kernels call is compiled."""
