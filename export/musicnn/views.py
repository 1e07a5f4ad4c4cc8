"""One sound as two networks hear it: mel bands for the published one, log bands for the one that is distilled from it.

A dream adds an offset in nepers to the log bands. What the published network would hear then is its own mel power,
times the same gain where and when that band sounds; so its answer to any offset is known without rendering a sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.model.format.inputs import LogBands, Mel, features
from dreampedal.export.musicnn.networks import BANDS, FRAMES

LAYOUT = BandLayout()
WINDOW, HOP = 2048, 512
"""Of the log bands, at 44.1 and 48 kHz."""
MEL_SECONDS = 0.016
"""From one frame of mel bands to the next."""
CENTRED_BEFORE = WINDOW / 2 - HOP
"""A frame t ends at sample (t + 1)·hop; the middle of its window lies at t·hop less this many samples."""


@dataclass(frozen=True)
class Views:
    """Sounds of one length in both views.

    Fields:
        mel: float16 (n, 96, frames of 16 ms), log10(1 + 10⁴·power).
        bands: float16 (n, 96, frames of 512 samples), natural log of amplitude.
        rates: of each sound, in Hz, shape (n,).
    """

    mel: NDArray[np.float16]
    bands: NDArray[np.float16]
    rates: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rates)


def views(sounds: list[tuple[NDArray[np.float32], int]]) -> Views:
    """Both views of (audio, rate) pairs, cut to the shortest."""
    mel = [features(Mel.musicnn(), audio, rate).astype(np.float16) for audio, rate in sounds]
    bands = [features(LogBands(), audio, rate).astype(np.float16) for audio, rate in sounds]
    frames, columns = min(x.shape[1] for x in mel), min(x.shape[1] for x in bands)
    return Views(
        np.stack([x[:, :frames] for x in mel]),
        np.stack([x[:, :columns] for x in bands]),
        np.array([rate for _, rate in sounds]),
    )


def columns_of(rate: int) -> int:
    """Frames of log bands in the 3 s that the published network hears."""
    return int(FRAMES * MEL_SECONDS * rate / HOP)


def start_column(start: int, rate: int) -> int:
    """The frame of log bands at a frame of mel bands."""
    return round(start * MEL_SECONDS * rate / HOP)


@lru_cache(maxsize=8)
def places(rate: int) -> tuple[Tensor, Tensor]:
    """How an offset on log bands reaches mel bands: weights over bands (96, 96), and over frames (columns, 187)."""
    mel_hz = mel_centres_hz()
    band = np.interp(np.log(mel_hz), np.log(LAYOUT.centres_hz), np.arange(LAYOUT.count))
    middle = (np.arange(FRAMES) * MEL_SECONDS * rate + CENTRED_BEFORE) / HOP
    return _linear(band, LAYOUT.count), _linear(np.clip(middle, 0, columns_of(rate) - 1), columns_of(rate)).T


def moved(mel: Tensor, offset: Tensor, rate: int) -> Tensor:
    """Mel bands as they would be with an offset: (n, 96, 187) and (n, 96, columns) to (n, 96, 187); differentiable."""
    over_bands, over_frames = places(rate)
    gain = over_bands @ offset @ over_frames
    return torch.log10(1 + (10**mel - 1) * torch.exp(2 * gain))


def at_one_loudness(bands: Tensor, offset: Tensor) -> Tensor:
    """The offset less what it adds in K-weighted loudness: `measure.matched` in the bands. (n, 96, columns) both."""
    weight = torch.from_numpy(k_gain(LAYOUT.centres_hz)).to(bands.dtype)[:, None]
    before = (weight * torch.exp(2 * bands)).sum((1, 2), keepdim=True)
    after = (weight * torch.exp(2 * (bands + offset))).sum((1, 2), keepdim=True)
    return offset + 0.5 * torch.log((before + 1e-20) / (after + 1e-20))


def mel_centres_hz() -> NDArray[np.float64]:
    """Centres of musicnn's mel bands in Hz, on Slaney's scale, shape (96,).

    >>> mel_centres_hz()[[0, 95]].round().tolist()
    [31.0, 7748.0]
    """
    from librosa import mel_frequencies

    return np.asarray(mel_frequencies(BANDS + 2, fmax=8000.0)[1:-1])


def _linear(place: NDArray[np.float64], size: int) -> Tensor:
    """Linear interpolation at places between `size` rows: (places, size)."""
    below = np.minimum(np.floor(place).astype(int), size - 2)
    weights = np.zeros((len(place), size), np.float32)
    weights[np.arange(len(place)), below] = 1 - (place - below)
    weights[np.arange(len(place)), below + 1] = place - below
    return torch.from_numpy(weights)
