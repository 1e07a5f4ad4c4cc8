"""The spectral effect: frames through a network, gradient ascent on an offset, and the offset as gain.

    block -> hop -> frame -> features -> K steps of ascent -> offset -> gain of each bin -> what is added -> guard

Everything happens a hop at a time with fixed shapes, so that no partition of the signal into blocks changes a sample.
The stream synthesises only what it *adds*, frame · (gain - 1): where the offset is 0 the output is the dry sound
itself, and `mix`, `listen` and the guard are weights on two aligned signals. `mode` says how the gains are played, and
so what latency they have (see `modes`); the model listens in the same way in each.

What a frame's offset does is heard for a while: later outputs of a causal layer see the frame through their older taps.
`lookahead_frames` waits for those outputs. `foresight_frames` reckons with them at no latency: the ascent also moves
frames that have not come yet, foreseen as the newest frame again, and keeps only what it found for the newest, as
model predictive control does (Rawlings, Mayne and Diehl 2017, section 1.1). On classes that live from the course of a
sound it multiplies what is gained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral import estimates
from dreampedal.effects.spectral.base import NEPERS_PER_DB, SMOOTHING_SECONDS, BandEffect
from dreampedal.effects.spectral.frame.fill import level_of, match_filled_loudness
from dreampedal.effects.spectral.frame.kernels import Columns, prepare
from dreampedal.effects.spectral.frame.state import StreamSpec
from dreampedal.effects.spectral.listening import Listening
from dreampedal.effects.spectral.stream import BandStream
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.host.contract.effect import require_stream
from dreampedal.engine.runtime.bound import Bound

RESOLUTION_HZ = 24.0
"""Neighbouring bands move together within this: gains that differ from bin to bin do not survive overlap-add."""

Array = NDArray[np.float32]


class SpectralEffect(BandEffect, Listening, family=True):
    """What effects that dream in the spectrum share. A subclass says how its target counts and what that means."""

    def __init__(self, **values: Any) -> None:
        # The model comes first, since it says which targets there are; a default target is checked like any other.
        super().__init__(**({"model": self.model, "target": self.target} | values))
        frames, most = self.lookahead_frames + self.foresight_frames, self.loaded_model().manifest.context_frames - 1
        if frames > most:
            where = f"{type(self).__name__}.lookahead_frames + foresight_frames"
            raise ValueError(f"{where} = {frames}: model {self.model} takes at most {most}")

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> SpectralStream:
        """A stream of this effect; changes of its parameters are heard from the next hop or sample on."""
        require_stream(sample_rate, channels, max_block)
        return SpectralStream(self, sample_rate, channels, max_block)

    def spec(self, sample_rate: float, channels: int) -> StreamSpec:
        """The signal of a stream, and how the model listens to it."""
        return replace(
            super().spec(sample_rate, channels),
            lookahead_frames=self.lookahead_frames,
            phase_lookahead_frames=self.phase_lookahead_frames,
        )

    def latency_parts(self, sample_rate: float) -> list[tuple[str, int]]:
        """What `latency_at` is made of, as names and samples: how the mode plays, and what it looks ahead."""
        spec = self.spec(sample_rate, 1)
        waited = self.lookahead_frames * spec.frames.hop_samples
        without = self.renderer.latency_of(replace(spec, phase_lookahead_frames=0))
        waits = [("look-ahead", waited), ("phase", self.renderer.latency_of(spec) - without)]
        return [(self.renderer.label, without - waited), *(part for part in waits if part[1])]

    def frames_at(self, sample_rate: float) -> Frames:
        """The model's frames at `sample_rate` Hz."""
        manifest = self.loaded_model().manifest
        return Frames(at_rate(manifest.window, sample_rate), at_rate(manifest.hop, sample_rate))

    @property
    def layout(self) -> BandLayout:
        """The bands that the model sees."""
        return BandLayout(**self.loaded_model().manifest.bands.model_dump())

    def models(self) -> dict[str, str]:
        """Content hash of the model, by its name."""
        return {self.model: self.loaded_model().manifest.content_hash}


class SpectralStream(BandStream):
    """A running spectral effect; a signal leaves the columns of `ascent`, too."""

    effect: SpectralEffect

    pace: Callable[[int], bool] | None = None
    """Asked before each ascent, with the hop's number: True, inference is late, leaves it out, and the offset goes on
    as the warm start; the network does not analyse that frame. The same answers give the same samples."""

    def __init__(self, effect: SpectralEffect, sample_rate: float, channels: int, max_block: int) -> None:
        rows = 1 if effect.link else channels
        self.ascent = ascent = effect.loaded_model().ascent(rows, effect.steps, effect.columns, effect.device)
        self.columns = Columns(ascent.features, ascent.offset, ascent.result, ascent.level)
        # A model that runs on the window analyses frames that were played beside those that move; others remember them.
        self.played = ascent.columns - effect.columns
        self.seen_target: str | None = None
        self.shares = (0.0, 1.0) if estimates.is_asked(effect) else (0.0,)
        self.prepare, self.match_filled_loudness = Bound(prepare), Bound(match_filled_loudness)
        super().__init__(effect, sample_rate, channels, max_block)
        estimates.streamed(effect.mode, len(self.shares) > 1)

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
        if self.pace is not None and self.pace(state.hops):
            ascent.result[:] = ascent.offset
            state.held_hops += 1
        else:
            ascent.rate[0] = self.rate if awake else 0.0
            ascent.run(self.steps)
            ascent.commit()
            ascent.result[:, :, : self.played] = ascent.offset[:, :, : self.played]
        if awake < self.spec.rows:  # one channel's dream does not grow while only another plays
            ascent.result[~state.awake] = ascent.offset[~state.awake]

    def _find_gains(self) -> bool:
        lost, state = super()._find_gains(), self.state
        if state.floor.now > 0:
            level = level_of(self.spec.frames.window)
            self.match_filled_loudness(
                state.oldest, state.floor.now, level, self.tables, self.moving, state.played, self.limits
            )
        if lost:
            self.ascent.result[:] = 0
            self.ascent.reset()
        return lost

    def _refresh(self) -> None:
        super()._refresh()
        effect, frames, rate = self.effect, self.spec.frames, self.spec.sample_rate
        hop_seconds, reach = frames.hop_samples / rate, effect.reach_db * NEPERS_PER_DB
        keep = float(np.exp(-hop_seconds / effect.memory_seconds)) if effect.memory_seconds > 0 else 0.0
        self.steps, self.decay = effect.steps, 1.0 if self.frozen else keep
        self.rate = 0.0 if self.frozen else reach * float(np.sqrt(1 - keep)) / effect.steps
        self.ascent.reach[0] = reach
        ramp_hops = max(1, round(SMOOTHING_SECONDS * rate / self.renderer.hop))
        self.state.floor.to(effect.fill * 10 ** (-effect.fill_floor_db / 20), ramp_hops)
        self.state.estimated.to(1.0 if effect.phase == "estimate" else 0.0, ramp_hops)
        if effect.target != self.seen_target:
            self._aim()

    def _aim(self) -> None:
        """Hand the target over."""
        self.seen_target = self.effect.target
        wanted = self.effect.injections()
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
