"""What streams of effects with a model share: hops that are late, and what gain leaves short."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from dreampedal.effects.spectral import estimates
from dreampedal.effects.spectral.base import SMOOTHING_SECONDS
from dreampedal.effects.spectral.frame.fill import level_of, match_filled_loudness
from dreampedal.effects.spectral.networked import NetworkEffect
from dreampedal.effects.spectral.stream import BandStream
from dreampedal.engine.runtime.bound import Bound


class NetworkStream(BandStream):
    """A running effect with a model."""

    effect: NetworkEffect

    pace: Callable[[int], bool] | None = None
    """Asked before each inference, with the hop's number: True, it is late, leaves it out, and the offset that there is
    goes on; the network does not analyse that frame. The same answers give the same samples."""

    def __init__(self, effect: NetworkEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.seen_target: str | None = None
        self.shares = (0.0, 1.0) if estimates.is_asked(effect) else (0.0,)
        self.match_filled_loudness = Bound(match_filled_loudness)
        super().__init__(effect, sample_rate, channels, max_block)
        estimates.streamed(effect.mode, len(self.shares) > 1)

    def _find_gains(self) -> bool:
        lost, state = super()._find_gains(), self.state
        if state.floor.now > 0:
            level = level_of(self.spec.frames.window)
            self.match_filled_loudness(
                state.oldest, state.floor.now, level, self.tables, self.moving, state.played, self.limits
            )
        if lost:
            self._recover()
        return lost

    def _is_late(self) -> bool:
        """Whether the hop goes without its inference; it is counted."""
        if self.pace is None or not self.pace(self.state.hops):
            return False
        self.state.held_hops += 1
        return True

    def _kept(self) -> float:
        """What is left of an offset a hop after it was let go."""
        seconds = self.effect.memory_seconds
        return float(np.exp(-self.spec.frames.hop_samples / self.spec.sample_rate / seconds)) if seconds > 0 else 0.0

    def _refresh(self) -> None:
        super()._refresh()
        effect, rate = self.effect, self.spec.sample_rate
        ramp_hops = max(1, round(SMOOTHING_SECONDS * rate / self.renderer.hop))
        self.state.floor.to(effect.fill * 10 ** (-effect.fill_floor_db / 20), ramp_hops)
        self.state.estimated.to(1.0 if effect.phase == "estimate" else 0.0, ramp_hops)
        if effect.target != self.seen_target:
            self.seen_target = effect.target
            self._aim()

    @abstractmethod
    def _recover(self) -> None:
        """Begin anew after an answer that is no number."""

    @abstractmethod
    def _aim(self) -> None:
        """Hand the target over."""
