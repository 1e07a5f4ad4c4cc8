"""How listeners see sound: log amplitude in triangular bands of one transform, each spaced and summed in its own way.

Sound is mono at 48 kHz; powers are |X|² of Hann windows, shape (n, frames, bins); features are natural logs of
amplitude, shape (n, bands, frames), softly limited at `FLOOR`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 48_000
NEPERS = math.log(10) / 20
"""Nepers in a decibel."""
FLOOR = math.log(1e-4)
"""Of features: 80 dB under full scale."""

Places = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Scale = tuple[Places, Places]
"""From Hz to where bands lie evenly, and back."""


@dataclass(frozen=True)
class Layout:
    """The bands of one listener.

    Fields:
        name: of the layout; count: bands from low_hz to high_hz.
        scale: on which their edges lie evenly: "log", "mel" (O'Shaughnessy 1987) or "slaney" (Slaney 1998).
        of_power: sum powers, or else amplitudes; by_area: weigh each band to a sum of 1.
        window, hop: of the transform, in samples.
    """

    name: str
    count: int
    low_hz: float
    high_hz: float
    scale: str = "log"
    of_power: bool = True
    by_area: bool = False
    window: int = 2048
    hop: int = 512

    @property
    def edges_hz(self) -> NDArray[np.float64]:
        """Edges and centres of the triangles, count + 2."""
        there, back = SCALES[self.scale]
        low, high = there(np.array([self.low_hz, self.high_hz]))
        step = (high - low) / (self.count - 1)
        return back(low + step * np.arange(-1, self.count + 1))

    @property
    def centres_hz(self) -> Tensor:
        """Of the bands, float32 (bands,)."""
        return torch.tensor(self.edges_hz[1:-1], dtype=torch.float32)

    def features(self, power: Tensor) -> Tensor:
        """(n, frames, bins) to (n, bands, frames)."""
        weights, scale = weights_of(self), 4 / self.window
        if self.of_power:
            y = 0.5 * torch.log(power @ weights * scale**2 + 1e-8)
        else:
            y = torch.log(torch.sqrt(power + 1e-12) @ weights * scale + 1e-4)
        return y.transpose(1, 2)

    def heard(self, sound: Tensor) -> Tensor:
        """(n, samples) to (n, bands, frames)."""
        return self.features(power_of(sound, self.window, self.hop))


@lru_cache
def weights_of(layout: Layout) -> Tensor:
    """(bins, bands); each side of a triangle is at least a bin wide."""
    edges, bin_hz = layout.edges_hz, SAMPLE_RATE / layout.window
    hz = np.arange(layout.window // 2 + 1) * bin_hz
    centres = edges[1:-1]
    low, high = np.minimum(edges[:-2], centres - bin_hz), np.maximum(edges[2:], centres + bin_hz)
    rise, fall = (hz[:, None] - low) / (centres - low), (high - hz[:, None]) / (high - centres)
    weights = np.clip(np.minimum(rise, fall), 0, None)
    if layout.by_area:
        weights /= weights.sum(0)
    return torch.tensor(weights, dtype=torch.float32)


@lru_cache
def hann(window: int) -> Tensor:
    """The window of all transforms here."""
    return torch.hann_window(window)


def spectra(sound: Tensor, window: int = 2048, hop: int = 512) -> Tensor:
    """(n, samples) to complex (n, frames, bins); no padding: a frame wherever a whole window lies."""
    found: Tensor = torch.fft.rfft(sound.unfold(-1, window, hop) * hann(window))
    return found


def power_of(sound: Tensor, window: int = 2048, hop: int = 512) -> Tensor:
    """|X|² of `spectra`."""
    found = spectra(sound, window, hop)
    return found.real**2 + found.imag**2


def _slaney(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000) / np.log(6.4))


def _from_slaney(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


SCALES: dict[str, Scale] = {
    "log": (np.log, np.exp),
    "mel": (lambda hz: 2595 * np.log10(1 + hz / 700), lambda mel: 700 * (10 ** (mel / 2595) - 1)),
    "slaney": (_slaney, _from_slaney),
}

BANDS = Layout("bands", 96, 50, 16_000)
"""As DreamPedal's own models hear."""
MEL = Layout("mel", 80, 60, 13_600, "mel", by_area=True)
FINE = Layout("fine", 128, 45, 19_600, "slaney", of_power=False)
SEMITONES = Layout("semitones", 98, 55, 14_900)
COARSE = Layout("coarse", 40, 140, 11_500, "mel")
SHORT = Layout("short", 64, 80, 14_000, "mel", window=1024)
LONG = Layout("long", 132, 60, 15_000, window=4096)
LAYOUTS = {layout.name: layout for layout in (BANDS, MEL, FINE, SEMITONES, COARSE, SHORT, LONG)}
