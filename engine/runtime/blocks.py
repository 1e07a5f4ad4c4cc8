"""Blocks of sound, as a host hands them over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
"""What a host hands over in one call: float32, shape (channels, samples)."""

MAX_CHANNELS = 8
