"""Batches of clips for training: drawn from a seed, read ahead in a thread.

Which clips are in a batch, in which order, and how they are mixed follows from the seed, the epoch and the number of
the batch alone, so that a training that goes on from a checkpoint sees what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dreampedal.export.data.clips import Clips

AHEAD = 3
"""Batches that are read ahead: so many, one in the making and the one in use are in memory."""

Change = Callable[[Tensor, Tensor, Generator], tuple[Tensor, Tensor]]
"""A random change of the features (clips, rows, frames) of a batch and of its targets (clips, classes)."""


class Batches:
    """The batches of each epoch.

    Args:
        clips: to draw from.
        size: clips in a batch; all of them where there are fewer.
        seed: of everything that is drawn.
        balanced: whether each class comes equally often, its clips taking turns; otherwise each clip comes once an
            epoch (but for a last batch of a single clip, which is left out).
        mixup: both parameters of the beta distribution by which each clip is mixed with another of its batch, and their
            targets with them (Zhang et al. 2018); 0 mixes none.
        change: made to each batch, before its clips are mixed.

    Raises:
        ValueError: if there are no clips, or an argument is out of its range.
    """

    def __init__(
        self,
        clips: Clips,
        size: int,
        seed: int = 0,
        balanced: bool = True,
        mixup: float = 0.0,
        change: Change | None = None,
    ) -> None:
        if not len(clips) or size < 1 or mixup < 0:
            raise ValueError(
                f"{len(clips)} clips in batches of {size}, mixup {mixup:g}: expected 1 or more, mixup from 0"
            )
        self.clips, self.size, self.seed = clips, min(size, len(clips)), seed
        self.balanced, self.mixup, self.change = balanced, mixup, change

    def __len__(self) -> int:
        """Batches of an epoch."""
        whole, rest = divmod(len(self.clips), self.size)
        return whole + (rest > 1 or (self.balanced and rest > 0))

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Features, float32 (clips, rows, frames), and targets, float32 (clips, classes), of each batch."""
        places = self.places(number)
        ends = range(0, len(self) * self.size, self.size)
        return _ahead(lambda i: self._batch(places[ends[i] : ends[i] + self.size], number, i), len(self))

    def places(self, number: int) -> NDArray[np.int64]:
        """The clips of an epoch in the order in which they come."""
        random = np.random.default_rng([self.seed, number])
        if not self.balanced:
            return random.permutation(len(self.clips))[: len(self) * self.size]
        members = [places for name in range(len(self.clips.classes)) if (places := self._members(name)).size]
        total = len(self) * self.size
        share = np.full(len(members), total // len(members))
        share[random.permutation(len(members))[: total % len(members)]] += 1
        drawn = [_turns(places, count, random) for places, count in zip(members, share, strict=True)]
        return random.permutation(np.concatenate(drawn))

    def _members(self, name: int) -> NDArray[np.intp]:
        return np.flatnonzero(self.clips.labels == name)

    def _batch(self, places: NDArray[np.int64], epoch: int, number: int) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(_rows(self.clips, places)).float()
        targets = torch.zeros(len(places), len(self.clips.classes))
        targets[torch.arange(len(places)), torch.from_numpy(self.clips.labels[places])] = 1
        random = np.random.default_rng([self.seed, epoch, number])
        if self.change is not None:
            x, targets = self.change(x, targets, Generator().manual_seed(int(random.integers(2**63))))
        if self.mixup > 0:
            share = torch.from_numpy(random.beta(self.mixup, self.mixup, len(places))).float()
            other = torch.from_numpy(random.permutation(len(places)))
            x = torch.lerp(x[other], x, share[:, None, None])
            targets = torch.lerp(targets[other], targets, share[:, None])
        return x, targets


def _rows(clips: Clips, places: NDArray[np.int64]) -> NDArray[np.float32]:
    rows = clips.x[places]
    return rows if rows.dtype in (np.float16, np.float32) else rows.astype(np.float32)


def _turns(places: NDArray[np.intp], count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """`count` draws in which every place comes equally often, but for one."""
    rounds = -(-count // len(places))
    return np.concatenate([random.permutation(places) for _ in range(rounds)] or [places[:0]])[:count]


def _ahead(make: Callable[[int], tuple[Tensor, Tensor]], count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """What `make` gives for 0 to count - 1, made in a thread that keeps at most `AHEAD` ready."""
    pool = ThreadPoolExecutor(1, "batches")
    try:
        begun = deque(pool.submit(make, number) for number in range(min(AHEAD, count)))
        for number in range(AHEAD, count + AHEAD):
            made = begun.popleft().result()
            if number < count:
                begun.append(pool.submit(make, number))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
