"""A preset on a recording, against random offsets in place of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dreampedal import load_preset
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.engine.model.model import Model
from dreampedal.presets import preset_names

from .recordings import Audio

RANDOM_OFFSETS = 20


def ascents() -> list[str]:
    """Names of the shipped presets that ascend: what a student plays has no objective of its own (`bench/heard.py`)."""
    return [
        name for name in preset_names() for effect in load_preset(name)
        if isinstance(effect, SpectralEffect) and isinstance(effect.loaded_model(), Model)
    ]  # fmt: skip


def random_like(offset: Audio, rng: np.random.Generator) -> Audio:
    """Noise with the power spectrum of `offset` over bands and frames, hence its RMS and its smoothness."""
    spectrum = np.abs(np.fft.fft2(offset))
    phases = np.angle(np.fft.fft2(rng.standard_normal(offset.shape)))
    return np.real(np.fft.ifft2(spectrum * np.exp(1j * phases))).astype(np.float32)


class Trial:
    """A preset, a recording, and what the spectral effect of the one does to the other; the rest plays on.

    Fields:
        effect: the preset's spectral effect, `source` what it is given, `trace` what it does.
    """

    def __init__(self, preset: str, audio: Audio, rate: float) -> None:
        self.board, self.audio, self.rate = load_preset(preset), audio, rate
        place = next(n for n, effect in enumerate(self.board) if isinstance(effect, SpectralEffect))
        self.effect: SpectralEffect = self.board[place]
        self.source, self.rest = self.board[:place](audio, rate), self.board[place + 1 :]
        self.trace = measure.trace(self.effect, self.source, rate)

    def played(self, wet: Audio) -> Audio:
        """What comes of the effect's output, as loud as the recording."""
        return measure.matched(self.rest(wet, self.rate), self.audio, self.rate)

    def row(self, preset: str, recording: str, after: Audio, value: Callable[[Audio], float]) -> dict[str, object]:
        """The objective of the dry sound, of what the preset makes of it, and of the best of random offsets."""
        rng = np.random.default_rng(7)
        others = (random_like(self.trace.offset, rng) for _ in range(RANDOM_OFFSETS))
        wet = (measure.with_offset(self.effect, self.source, self.rate, other) for other in others)
        drawn = [value(self.played(each)) for each in wet]
        before, reached = value(self.audio), value(after)
        return {
            "preset": preset, "recording": recording, "before": before, "after": reached, "best random": max(drawn),
            "higher": bool(reached > max(before, *drawn)),
        }  # fmt: skip
