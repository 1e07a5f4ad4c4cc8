"""How the engine plays an offset, in torch: gains on frames of 2048 samples every 512, each as loud as it was.

The twin of `effects.spectral.frame.kernels.match_loudness` and of mode `studio`, for sound at 48 kHz, differentiable
in the offset.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE, hann

WINDOW, HOP = 2048, 512
OVERLAP = WINDOW // HOP
BINS = WINDOW // 2 + 1
POWER_OF_WINDOWS = 1.5
"""The sum of Hann² over overlapping frames."""


@lru_cache
def to_bands() -> Tensor:
    """Weights of |X|² in each band of the engine's features, (bins, bands)."""
    bands = lay(BandLayout(), SAMPLE_RATE, WINDOW)
    weights = np.zeros((BINS, bands.layout.count), np.float32)
    for band, (first, start, end) in enumerate(zip(bands.first, bands.start[:-1], bands.start[1:], strict=True)):
        weights[first : first + end - start, band] = bands.weights[start:end]
    return torch.from_numpy(weights)


@lru_cache
def to_bins() -> Tensor:
    """How much of a band's offset each bin takes, (bands, bins)."""
    bands = lay(BandLayout(), SAMPLE_RATE, WINDOW)
    weights = np.zeros((bands.layout.count, BINS), np.float32)
    weights[bands.below, np.arange(BINS)] += (1 - bands.toward) * bands.reach
    weights[bands.below + 1, np.arange(BINS)] += bands.toward * bands.reach
    return torch.from_numpy(weights)


def as_loud(wet: Tensor, dry: Tensor) -> Tensor:
    """Frames `wet` (n, frames, bins), each scaled until it is as loud as that of `dry`."""
    weights = loudness_of_bins()
    before, after = ((frames.real**2 + frames.imag**2) @ weights for frames in (dry, wet))
    return wet * ((before + 1e-20) / (after + 1e-20)).sqrt()[..., None]


@lru_cache
def loudness_of_bins() -> Tensor:
    """What each bin within the bands weighs in loudness, (bins,)."""
    hz = np.arange(BINS) * SAMPLE_RATE / WINDOW
    bands = lay(BandLayout(), SAMPLE_RATE, WINDOW)
    return torch.from_numpy((bands.reach * k_gain(hz)).astype(np.float32))


def features(power: Tensor) -> Tensor:
    """|X|² (n, frames, bins) to the features that the engine's models hear, (n, bands, frames)."""
    least = float(np.exp(2 * BandLayout().floor))
    return 0.5 * torch.log((power @ to_bands()).clamp_min(least)).transpose(1, 2)


def gains(offset: Tensor) -> Tensor:
    """Offset in nepers (n, bands, frames) to the linear gain of each bin, (n, frames, bins)."""
    return torch.exp(offset.transpose(1, 2) @ to_bins())


def matched(power: Tensor, offset: Tensor, reach: Tensor) -> Tensor:
    """The offset that leaves each frame as loud as it was, within `reach` (n,) nepers: (n, bands, frames)."""
    gain = gains(offset)
    lobe = gain.clone()
    lobe[..., 1:-1] = (gain[..., :-2] + 4 * gain[..., 1:-1] + gain[..., 2:]) / 6
    weighed = power * loudness_of_bins()
    louder = 0.5 * torch.log(((weighed * lobe.square()).sum(-1) + 1e-20) / (weighed.sum(-1) + 1e-20))
    most = reach[:, None, None]
    return torch.maximum(torch.minimum(offset - louder[:, None], most), -most)


def overlap_added(frames: Tensor) -> Tensor:
    """Spectra (n, frames, bins) to sound, (n, (frames - 1) · 512 + 2048), true but for the first and last 3 hops."""
    parts = (torch.fft.irfft(frames) * (hann(WINDOW) / POWER_OF_WINDOWS)).unflatten(-1, (OVERLAP, HOP))
    pad = torch.nn.functional.pad
    shifted = [pad(parts[:, :, k], (0, 0, k, OVERLAP - 1 - k)) for k in range(OVERLAP)]
    return torch.stack(shifted).sum(0).flatten(1)
