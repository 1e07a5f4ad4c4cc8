"""Confusion matrices, and what is read from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.data.instruments.families import CLASSES


def confusion(true: NDArray[np.int64], heard: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many of each true class (rows) were heard as each class (columns), shape (classes, classes).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(true * classes + heard, minlength=classes * classes).reshape(classes, classes)


def accuracies(matrix: NDArray[np.int64], classes: tuple[str, ...] = CLASSES) -> dict[str, float]:
    """Share heard right of each class that was there, and "macro", the mean of these: every class weighs the same.

    >>> accuracies(np.array([[1, 1], [0, 1]]), ("flute", "reed"))
    {'flute': 0.5, 'reed': 1.0, 'macro': 0.75}
    """
    there = matrix.sum(1)
    shares = {name: matrix[i, i] / there[i] for i, name in enumerate(classes) if there[i]}
    return {**{name: float(share) for name, share in shares.items()}, "macro": float(np.mean(list(shares.values())))}
