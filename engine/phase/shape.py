"""The Gaussian that stands for a window where phase is integrated from magnitudes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar


def gaussian_fit(window: NDArray[np.floating]) -> tuple[int, float]:
    """The centre in samples and γ in samples² of exp(-π(n - centre)² / γ) that is nearest to a window in least squares.

    For a Hann window γ is about 0.2583·N² (Průša and Søndergaard 2016 use 0.25645·N²; the two sound the same).

    >>> centre, gamma = gaussian_fit(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048))
    >>> centre, round(gamma / 2048**2, 3)
    (1024, 0.258)
    """
    return _fit(np.asarray(window, np.float64).tobytes())


@lru_cache(maxsize=32)
def _fit(window_bytes: bytes) -> tuple[int, float]:
    window = np.frombuffer(window_bytes)
    samples = np.arange(window.size)
    centre = round(float(np.sum(samples * window**2) / np.sum(window**2)))
    shape = window / window.max()

    def distance(gamma: float) -> float:
        return float(np.sum((shape - np.exp(-np.pi * (samples - centre) ** 2 / (gamma * window.size**2))) ** 2))

    return centre, float(minimize_scalar(distance, bounds=(0.005, 2), method="bounded").x) * window.size**2
