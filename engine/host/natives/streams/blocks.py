"""What streams of natives share: blocks of one size, samples that are withheld, and parameters that move in steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from dreampedal.engine.host.natives.native import NotStreamable
from dreampedal.engine.runtime.blocks import Block

CHANGE_SECONDS = 0.02
STEP_SAMPLES = 16


class Voice(Protocol):
    """Clones of natives that play, `(channels, n)` in and out."""

    latency: int
    clones: list[Any]

    def play(self, block: Block) -> Block:
        """What pedalboard returns: the newest samples, as many as are not withheld."""
        ...


def in_full(play: Callable[[Block], Block], block: Block) -> Block:
    """As many samples as a block has: silence stands for those that a plugin withholds at the start of a signal."""
    if block.shape[1] == 0:
        return block
    played = play(block)
    missing = block.shape[1] - played.shape[1]
    return np.pad(played, ((0, 0), (missing, 0))) if missing else played


class Reblocked:
    """A voice that is only ever handed blocks of `size` samples, whatever the host hands over."""

    def __init__(self, voice: Voice, channels: int, size: int) -> None:
        self.latency = voice.latency + size - 1
        self.clones = voice.clones
        self._play, self._size = voice.play, size
        self._waiting = np.zeros((channels, 0), np.float32)
        self._ready = np.zeros((channels, self.latency), np.float32)

    def process(self, block: Block) -> Block:
        waiting = np.concatenate([self._waiting, block], axis=1)
        whole = waiting.shape[1] // self._size * self._size
        parts = [self._play(waiting[:, start : start + self._size]) for start in range(0, whole, self._size)]
        ready = np.concatenate([self._ready, *parts], axis=1)
        if ready.shape[1] < block.shape[1]:
            raise NotStreamable(self.clones[0])
        self._waiting, self._ready = waiting[:, whole:], ready[:, block.shape[1] :]
        return ready[:, : block.shape[1]]


class ParameterRamp:
    """Parameters on their way: for each, what sets it, the value at the start and at the end."""

    def __init__(self, moves: Sequence[tuple[Callable[[float], object], float, float]], sample_rate: float) -> None:
        self._moves = moves
        self._samples, self._played = round(CHANGE_SECONDS * sample_rate), 0

    @property
    def is_over(self) -> bool:
        """Whether all stand where they were to go."""
        return self._played >= self._samples

    def play(self, process: Callable[[Block], Block], block: Block) -> Block:
        """A block, in small steps while parameters move, and the rest of it at once."""
        parts: list[Block] = []
        start = 0
        while start < block.shape[1] and not self.is_over:
            part = block[:, start : start + STEP_SAMPLES]
            self._step(part.shape[1])
            parts.append(process(part))
            start += part.shape[1]
        return np.concatenate([*parts, process(block[:, start:])], axis=1)

    def _step(self, samples: int) -> None:
        """Move on by `samples`, and end on the very value that was asked for."""
        self._played += samples
        part = min(self._played / self._samples, 1.0)
        for put, start, end in self._moves:
            put(end if part == 1.0 else start + (end - start) * part)
