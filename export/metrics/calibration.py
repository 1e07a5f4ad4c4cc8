"""Whether a network is right as often as it says (Guo et al. 2017, "On calibration of modern neural networks")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of the reliability curve, of equal width (Guo et al. 2017, section 4)."""


@dataclass(frozen=True)
class Reliability:
    """Accuracy beside confidence, the probability of the class named, in bins (low, high] of confidence.

    `error` is the expected calibration error, the mean of |accuracy - confidence| over what was judged
    (Guo et al. 2017, equation 5). `confidence` and `accuracy` are None in an empty bin.
    """

    error: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]


def reliability(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64], bins: int = BINS) -> Reliability:
    """Accuracy beside confidence, and the expected calibration error.

    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]])
    >>> round(reliability(sure, np.array([0, 1])).error, 3)
    0.4
    """
    confidence, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = np.bincount(place, confidence, bins), np.bincount(place, right, bins)
    means = [[s / n if n else None for s, n in zip(total, count, strict=True)] for total in sums]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(labels))
    return Reliability(
        error, tuple(edges[:-1].tolist()), tuple(edges[1:].tolist()), tuple(count.tolist()),
        tuple(None if m is None else float(m) for m in means[0]),
        tuple(None if m is None else float(m) for m in means[1]),
    )  # fmt: skip
