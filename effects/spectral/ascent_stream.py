"""The stream of an effect whose model ascends: a few steps on the offset of the newest frames, every hop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.base import NEPERS_PER_DB
from dreampedal.effects.spectral.frame.kernels import Columns, prepare
from dreampedal.effects.spectral.network_stream import NetworkStream
from dreampedal.effects.spectral.networked import NetworkEffect
from dreampedal.engine.model.model import Model
from dreampedal.engine.runtime.bound import Bound

RESOLUTION_HZ = 24.0
"""Neighbouring bands move together within this: gains that differ from bin to bin do not survive overlap-add."""

Array = NDArray[np.float32]


class AscentStream(NetworkStream):
    """A running effect that ascends; a signal leaves the columns of `ascent`, too."""

    def __init__(self, effect: NetworkEffect, model: Model, sample_rate: float, channels: int, max_block: int) -> None:
        rows = 1 if effect.link else channels
        self.model = model
        self.ascent = ascent = model.ascent(rows, effect.steps, effect.columns, effect.device)
        self.columns = Columns(ascent.features, ascent.offset, ascent.result, ascent.level)
        # A model that runs on the window analyses frames that were played beside those that move; others remember them.
        self.played = ascent.columns - effect.columns
        self.prepare = Bound(prepare)
        super().__init__(effect, sample_rate, channels, max_block)

    def _forget(self) -> None:
        self.ascent.reset()
        self.ascent.features[:] = self.spec.layout.floor
        self.ascent.result[:] = 0
        self.state.wanted = self.ascent.result[:, :, self.played]

    def _find_offset(self, spectrum: Array) -> None:
        """Dream on: climb from the newest frame, and from those that are foreseen."""
        ascent, state = self.ascent, self.state
        awake = self.prepare(
            spectrum, state.features, self.moving.band_loudness, self.decay, self.frozen, self.limits.gate_db,
            self.played + state.spectra.shape[0], self.columns, state.awake,
        )  # fmt: skip
        if self._is_late():
            ascent.result[:] = ascent.offset
        else:
            ascent.rate[0] = self.rate if awake else 0.0
            ascent.run(self.steps)
            ascent.commit()
            ascent.result[:, :, : self.played] = ascent.offset[:, :, : self.played]
        if awake < self.spec.rows:  # one channel's dream does not grow while only another plays
            ascent.result[~state.awake] = ascent.offset[~state.awake]

    def _recover(self) -> None:
        self.ascent.result[:] = 0
        self.ascent.reset()

    def _refresh(self) -> None:
        super()._refresh()
        effect, reach, keep = self.effect, self.effect.reach_db * NEPERS_PER_DB, self._kept()
        self.steps, self.decay = effect.steps, 1.0 if self.frozen else keep
        self.rate = 0.0 if self.frozen else reach * float(np.sqrt(1 - keep)) / effect.steps
        self.ascent.reach[0] = reach

    def _aim(self) -> None:
        wanted = self.effect.injections(self.model)
        for name in wanted.u:
            self.ascent.u[name][:] = wanted.u[name]
            self.ascent.v[name][:] = wanted.v[name]
        self.ascent.classes[:] = wanted.classes

    def _bands(self) -> tuple[float, ...]:
        return *super()._bands(), self.effect.smoothing

    def _select_bands(self) -> None:
        super()._select_bands()
        mask, resolution = self.moving.mask > 0, RESOLUTION_HZ / np.gradient(self.spec.layout.centres_hz)
        self.ascent.mask[:] = mask
        self.ascent.shape[:] = smoother(mask, np.maximum(np.maximum(self.effect.smoothing, resolution), 1e-3))


def smoother(mask: NDArray[np.bool_], widths: NDArray[np.float64]) -> Array:
    """The symmetric matrix that spreads a gradient over neighbouring bands, within `mask`.

    Gaussian, as wide as the geometric mean of the two bands' `widths`, in bands.

    >>> smoother(np.array([True, True, False]), np.full(3, 1e-3)).round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    index = np.arange(mask.size)
    apart = (index[:, None] - index) ** 2 / np.outer(widths, widths)
    kernel = np.exp(-0.5 * apart)
    kernel /= np.sqrt(np.outer(kernel.sum(1), kernel.sum(1)))
    return np.asarray(kernel * np.outer(mask, mask), np.float32)
