"""The published networks as listeners at 48 kHz, through which a gradient flows back to the sound.

They were trained on 512 samples every 256 at 16 kHz: at 48 kHz the same frames are 1536 samples every 768, with bins at
the same frequencies. So nothing is resampled. A listener's features are log amplitudes, like any other's, so that the
same rooms can be put between it and a sound; the network takes them back to the mel power that it knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dreampedal.export.musicnn.networks import BANDS, FRAMES, Tagger
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE, SCALES, Layout

WINDOW, HOP = 512 * 3, 256 * 3
SAMPLES = WINDOW + (FRAMES - 1) * HOP
"""Of a sound at 48 kHz whose features have the 187 frames that the networks were trained on."""
BIN_HZ = SAMPLE_RATE / WINDOW
POWER = math.log((512 / 4) ** 2 / BIN_HZ)
"""Natural log of the networks' mel power where a listener's feature is 0: their triangles have an area of 1 over Hz and
not over bins, and their spectra are not scaled to the amplitude of a sine."""
GAIN = 1e4
"""Of power before its logarithm, log10(1 + 10⁴·power)."""


def layout() -> Layout:
    """Their bands: corners evenly spaced on Slaney's scale from 0 to 8000 Hz, of equal area."""
    there, back = SCALES["slaney"]
    corners = np.linspace(0, float(there(np.array(8000.0))), BANDS + 2)
    low, high = back(corners[[1, -2]])
    return Layout("musicnn", BANDS, float(low), float(high), "slaney", by_area=True, window=WINDOW, hop=HOP)


def mel_of(features: Tensor) -> Tensor:
    """What the networks see, log10(1 + 10⁴·mel power), of a listener's features; shape kept."""
    return torch.log1p(GAIN * torch.exp(2 * features + POWER)) / math.log(10)


class Published(nn.Module):
    """A published network as a listener: log amplitudes of its bands to logits of some of its tags.

    Args:
        tagger: frozen. musicnn takes any number of frames, its VGG 187.
        tags: of its own, in the order of the answers; all of them if None.
        halves: count in bfloat16, nearly twice as fast; logits are right to about 0.1 then.
    """

    def __init__(self, tagger: Tagger, tags: Sequence[str] | None = None, halves: bool = False) -> None:
        super().__init__()
        self.tags = tuple(tagger.classes if tags is None else tags)
        if unknown := set(self.tags) - set(tagger.classes):
            raise ValueError(f"{tagger.name} has no tag {min(unknown)!r}: expected some of {', '.join(tagger.classes)}")
        self.tagger, self.halves = tagger, halves
        self.places = [tagger.classes.index(tag) for tag in self.tags]

    def hidden(self, features: Tensor) -> Tensor:
        """The penultimate layer: (n, 96, frames) to (n, units)."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.halves):
            seen: Tensor = self.tagger.hidden(mel_of(features))
        return seen.float()

    def forward(self, features: Tensor) -> Tensor:
        """(n, 96, frames) to logits (n, tags)."""
        logits: Tensor = self.tagger.head(self.hidden(features))[:, self.places]
        return logits
