"""Sounds that a student learns to change: phrases of soundfonts and excerpts of recordings, alone or two at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreampedal.export.data.instruments.phrases import Phrases

UNKNOWN = -1
"""The class of a sound that has none, or several."""
TOGETHER = 0.15
"""Share of sounds that are two at once."""
QUIETEST_DB = 20.0


@dataclass(frozen=True)
class Source:
    """Sounds of one kind, and how often one is drawn.

    Fields:
        sounds: int16 (n, samples) at 48 kHz.
        classes: the place of each one's class, `UNKNOWN` where it has none; None if none of them has one.
        share: against those of other sources.
    """

    sounds: NDArray[np.int16]
    classes: NDArray[np.int64] | None
    share: float


class Sources:
    """Sources to draw from; the same draws for the same random numbers."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = [source for source in sources if len(source.sounds)]
        if not self.sources:
            raise ValueError("no sounds to dream on: expected soundfonts or recordings")
        shares = np.array([source.share for source in self.sources])
        self.shares = shares / shares.sum()

    def drawn(self, count: int, samples: int, random: np.random.Generator) -> tuple[Tensor, NDArray[np.int64]]:
        """So many stretches, float32 (count, samples), and the class of each, int64 (count,)."""
        sounds, classes = np.zeros((count, samples), np.float32), np.full(count, UNKNOWN)
        for row in range(count):
            sounds[row], classes[row] = self._one(samples, random)
            if random.random() < TOGETHER:
                sounds[row] += np.float32(random.random()) * self._one(samples, random)[0]
                classes[row] = UNKNOWN
            sounds[row] *= np.float32(10 ** (-random.random() * QUIETEST_DB / 20))
        return torch.from_numpy(sounds), classes

    def _one(self, samples: int, random: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        source = self.sources[int(random.choice(len(self.sources), p=self.shares))]
        row = int(random.integers(len(source.sounds)))
        begin = int(random.integers(0, source.sounds.shape[1] - samples + 1))
        sound = source.sounds[row, begin : begin + samples].astype(np.float32) / np.float32(32_768)
        return sound, UNKNOWN if source.classes is None else int(source.classes[row])


def of_fonts(fonts: Sequence[Phrases], recordings: NDArray[np.int16], recordings_share: float = 0.35) -> Sources:
    """Phrases, each font by how many it has, and recordings by their share."""
    whole = sum(map(len, fonts))
    share = 1 - recordings_share if len(recordings) else 1.0
    phrases = [Source(font.sounds, font.families, share * len(font) / whole) for font in fonts]
    return Sources([*phrases, Source(recordings, None, recordings_share)])
