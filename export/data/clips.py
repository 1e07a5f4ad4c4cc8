"""Encoded clips: what a network hears of every segment, on disk, and which of them are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.inputs import Input


class Rows:
    """Some rows of an array on disk, in any order; indexing reads those rows and no others.

    >>> rows = Rows(np.arange(20).reshape(10, 2), np.array([7, 3, 5]))
    >>> rows.shape, rows[1].tolist(), rows[1:].tolist(), rows[np.array([True, False, True])].tolist()
    ((3, 2), [6, 7], [[6, 7], [10, 11]], [[14, 15], [10, 11]])
    """

    def __init__(self, base: NDArray[Any], places: NDArray[np.int64]) -> None:
        self.base, self.places = base, places

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the array that these rows would be."""
        return (len(self.places), *self.base.shape[1:])

    @property
    def ndim(self) -> int:
        """Dimensions of that array."""
        return self.base.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.base.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = self.places[first]
        rows = gathered(self.base, chosen) if np.ndim(chosen) == 1 else np.asarray(self.base[chosen])
        return rows[(slice(None),) * np.ndim(chosen) + rest] if rest else rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


@dataclass(frozen=True)
class Clips:
    """Clips of a labelled set as a network hears them.

    Fields:
        x: shape (clips, rows, frames), read from disk as it is indexed; float16, or float32 for waveforms.
        labels: the place of each clip's class in `classes`, shape (clips,).
        groups: the place of each clip's group in `group_names`, shape (clips,).
        classes, group_names: what these places mean.
        input: what is heard.
        seconds: length of a clip.
        changed: which clips are randomly changed copies of others, shape (clips,); none of them by default.
    """

    x: NDArray[Any] | Rows = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    groups: NDArray[np.int64] = field(repr=False)
    group_names: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    input: Input
    seconds: float
    changed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool), repr=False)

    def __post_init__(self) -> None:
        if not len(self.changed):
            object.__setattr__(self, "changed", np.zeros(len(self.labels), bool))
        counts = {len(self.x), len(self.labels), len(self.groups), len(self.changed)}
        if len(counts) > 1:
            raise ValueError(f"x, labels, groups and changed have {sorted(counts)} clips: expected as many in each")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[Any]) -> Clips:
        """The clips where `chosen`, shape (clips,), is true, or at the places it lists; nothing is read or copied."""
        chosen = np.asarray(chosen)
        if chosen.dtype == bool and chosen.shape != (len(self),):
            raise ValueError(f"chosen has shape {chosen.shape}: expected a truth value for each of {len(self)} clips")
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        base, held = (self.x.base, self.x.places) if isinstance(self.x, Rows) else (self.x, np.arange(len(self)))
        return Clips(
            Rows(base, held[places]), self.labels[places], self.groups[places], self.group_names, self.classes,
            self.input, self.seconds, self.changed[places],
        )  # fmt: skip


def gathered(base: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Rows of an array on disk at `places`, read in the order in which they lie there."""
    rows = np.empty((len(places), *base.shape[1:]), base.dtype)
    plain = base.view(np.ndarray)
    for target in np.argsort(places, kind="stable"):
        rows[target] = plain[places[target]]
    return rows
