"""How well a sound fits the magnitudes that it was made for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def convergence_db(target: NDArray[np.floating], found: NDArray[np.floating]) -> float:
    """Spectral convergence C in dB: 20·log10(‖found - target‖ / ‖target‖), lower is better.

    `target` are the wanted magnitudes and `found` those of the sound that was made, analysed with the same frames; both
    of one shape. Sturmel and Daudet 2011, equation 5, in dB. A ValueError for shapes that differ or a silent target.

    >>> round(convergence_db(np.ones((3, 4)), np.full((3, 4), 1.1)), 6)
    -20.0
    """
    if target.shape != found.shape:
        raise ValueError(f"magnitudes of shape {found.shape}: expected that of the target, {target.shape}")
    level = float(np.linalg.norm(target.astype(np.float64)))
    if level == 0:
        raise ValueError("the target is silent: expected some magnitude above zero")
    error = float(np.linalg.norm(found.astype(np.float64) - target.astype(np.float64)))
    return float("-inf") if error == 0 else 20 * float(np.log10(error / level))
