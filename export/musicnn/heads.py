"""A head of ours on published networks: what they know of songs, asked for other classes.

The networks stay as they are; what their penultimate layers say of a clip is standardised and goes through one logistic
regression with classes weighed alike, strongly held back (a few hundred clips of a hundred songs teach 400 weights a
class). Head, standardisation and temperature become one linear layer, and the whole one classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor, nn

from dreampedal.export.data.progress import Progress
from dreampedal.export.musicnn.networks import Tagger

SECONDS = 5.0
STRENGTH = 1e-3
"""Scikit-learn's C: the inverse of how strongly the weights are held back. A tenth and ten times of it do as well."""
TEMPERATURES = np.geomspace(0.1, 2.0, 61)


class Headed(Tagger):
    """Published networks side by side, and one linear head on all their penultimate layers.

    Args:
        name: of the whole.
        taggers: frozen; each takes clips of any length, as musicnn does.
        head: from all penultimate layers, one after the other, to the classes.
    """

    probabilities = "softmax"

    def __init__(self, name: str, taggers: Sequence[Tagger], head: nn.Linear, classes: Sequence[str]) -> None:
        super().__init__(name, classes, SECONDS)
        self.published = tuple(taggers)
        self.taggers, self.head = nn.ModuleDict({tagger.name: tagger for tagger in taggers}), head

    def layers(self) -> dict[str, nn.Module]:
        """The penultimate layer of each network, by the network's name."""
        return {tagger.name: tagger.penultimate for tagger in self.published}

    def hidden(self, x: Tensor) -> Tensor:
        """What the head sees: (n, 96, frames) to (n, 200 for each network)."""
        return torch.cat([tagger.hidden(x) for tagger in self.published], 1)


@dataclass(frozen=True)
class Head:
    """Logits are `hidden @ weight.T + bias`; weight (classes, units)."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def probabilities(self, hidden: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, units) to (n, classes)."""
        return softmax(hidden @ self.weight.T + self.bias)

    def sharpened(self, temperature: float) -> Head:
        """The same head with its logits divided by `temperature`."""
        return Head(self.weight / temperature, self.bias / temperature)

    def linear(self) -> nn.Linear:
        """The same as a layer in float32."""
        layer = nn.Linear(self.weight.shape[1], self.weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weight))
            assert layer.bias is not None
            layer.bias.copy_(torch.from_numpy(self.bias))
        return layer


@torch.no_grad()
def hidden_of(
    taggers: Sequence[Tagger],
    clips: NDArray[np.floating],
    batch: int = 8,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """All penultimate layers on clips (n, 96, frames): float32, shape (n, units)."""
    found = []
    for start in range(0, len(clips), batch):
        x = torch.from_numpy(np.asarray(clips[start : start + batch], np.float32))
        found.append(torch.cat([tagger.hidden(x) for tagger in taggers], 1).numpy())
        if progress:
            progress("listening", min(start + batch, len(clips)), len(clips))
    return np.concatenate(found)


def fit_head(hidden: NDArray[np.floating], labels: NDArray[np.int64], strength: float = STRENGTH) -> Head:
    """Logistic regression on standardised units, every class weighed alike.

    Args:
        hidden: (n, units).
        labels: (n,), places of classes; each class is there.
        strength: the inverse of how strongly weights are held back.
    """
    mean, spread = hidden.mean(0, dtype=np.float64), hidden.std(0, dtype=np.float64) + 1e-6
    found = LogisticRegression(C=strength, max_iter=500, class_weight="balanced")
    found.fit((hidden - mean) / spread, labels)
    weight, bias = found.coef_, found.intercept_
    if len(found.classes_) == 2:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / spread
    return Head(weight, bias - weight @ mean)


def cross_validated(
    hidden: NDArray[np.floating],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int = 0,
    count: int = 5,
    strength: float = STRENGTH,
) -> NDArray[np.float64]:
    """Probabilities of every clip from a head that has heard no clip of its recording: (n, classes).

    Each fold's temperature is found within the recordings that its head is fitted to.
    """
    found = np.zeros((len(labels), int(labels.max()) + 1))
    for known, asked in _folds(labels, groups, seed, count):
        head = fit_head(hidden[known], labels[known], strength)
        warmth = temperature(hidden[known], labels[known], groups[known], seed, strength)
        found[asked] = head.sharpened(warmth).probabilities(hidden[asked])
    return found


def temperature(
    hidden: NDArray[np.floating],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int = 0,
    strength: float = STRENGTH,
) -> float:
    """What to divide logits by to be as sure as right on recordings not heard (Guo et al. 2017)."""
    logits = np.zeros((len(labels), int(labels.max()) + 1))
    for known, asked in _folds(labels, groups, seed, 3):
        head = fit_head(hidden[known], labels[known], strength)
        logits[asked] = hidden[asked] @ head.weight.T + head.bias
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits / warmth)[rows, labels] + 1e-12).mean() for warmth in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of logits over the last axis.

    >>> softmax(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    raised = np.exp(logits - logits.max(-1, keepdims=True), dtype=np.float64)
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def _folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int, count: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places to fit on and places to ask about, each recording on one side; a ValueError where a class has too few."""
    found = list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, groups))
    for known, _ in found:
        if missing := set(labels.tolist()) - set(labels[known].tolist()):
            raise ValueError(f"class {min(missing)} has too few recordings for {count} folds: expected {count} or more")
    return found
