"""Windows of analysis and synthesis that give back the signal, and the Gaussian next to each.

All are periodic. With a symmetric kind the synthesis window is the canonical dual of the analysis window (Wexler and
Raz 1990; Gröchenig 2001, section 7.6). The asymmetric kind pairs a long analysis with a short synthesis (Mauler and
Martin 2007): the resolution of the one, the latency of the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float64]

LOWEST = 0.01
"""Where the Gauss window is cut off, as a share of its height."""


def hann(size: int) -> Window:
    """The Hann window of `size` samples.

    >>> hann(4).round(12).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def hamming(size: int) -> Window:
    """The Hamming window of `size` samples: 0.54 and 0.46."""
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(size) / size)


def blackman(size: int) -> Window:
    """The Blackman window of `size` samples: 0.42, 0.5 and 0.08."""
    turn = 2 * np.pi * np.arange(size) / size
    return 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn)


def gauss(size: int) -> Window:
    """A Gaussian over `size` samples that begins with a hundredth of its height."""
    return np.asarray(LOWEST ** ((2 * np.arange(size) / size - 1) ** 2))


SYMMETRIC: dict[str, Callable[[int], Window]] = {
    "hann": hann,
    "hamming": hamming,
    "blackman": blackman,
    "gauss": gauss,
}

ASYMMETRIC = "asymmetric"

KINDS = (*SYMMETRIC, ASYMMETRIC)
"""What `window_pair` knows by name."""

GAMMA = {"hann": 0.25645, "hamming": 0.29794, "blackman": 0.17954, "gauss": -np.pi / (4 * np.log(LOWEST))}
"""γ over the square of the size: the Gaussian exp(-π·n²/γ) next to a window.

The first three are those that Průša and Søndergaard (2016) publish; that of the Gauss window is exact.
"""


def window_pair(kind: str, size: int, hop_samples: int) -> tuple[Window, Window]:
    """Analysis and synthesis window of `size` samples, for frames every `hop_samples` (1 to half of the size).

    The synthesis window of the asymmetric kind reaches over the last four hops only, or over the last two where four
    are longer than the frame.

    >>> analysis, synthesis = window_pair("asymmetric", 1024, 128)
    >>> int((synthesis == 0).sum()), float(abs((analysis * synthesis).reshape(8, 128).sum(axis=0) - 1).max()) < 1e-12
    (512, True)
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"window {kind!r}: expected one of {', '.join(KINDS)}")
    if kind in SYMMETRIC:
        window = SYMMETRIC[kind](size)
        return window, dual_window(window, hop_samples)
    return asymmetric_pair(size, hop_samples, (size - first_sounding(kind, size, hop_samples)) // hop_samples)


def first_sounding(kind: str, size: int, hop_samples: int) -> int:
    """The first sample of a frame that its synthesis window reaches."""
    if kind != ASYMMETRIC:
        return 0
    return size - (4 if 4 * hop_samples <= size else 2) * hop_samples


def asymmetric_pair(size: int, hop_samples: int, overlap: int) -> tuple[Window, Window]:
    """Analysis and synthesis window of `size` samples; synthesis only over the last `overlap` hops (an even number).

    The analysis window rises over most of the frame and falls over half of those hops. The product of the two is a
    Hann window, which adds up to 1 (Mauler and Martin 2007, section 3).
    """
    support, fall = overlap * hop_samples, overlap * hop_samples // 2
    rise = np.sin(np.pi / 2 * (np.arange(size - fall) + 0.5) / (size - fall))
    analysis = np.concatenate([rise, np.cos(np.pi / 2 * (np.arange(fall) + 0.5) / fall)])
    product = np.sin(np.pi * (np.arange(support) + 0.5) / support) ** 2
    synthesis = np.zeros(size)
    synthesis[-support:] = 2 / overlap * product / analysis[-support:]
    return analysis, synthesis


def dual_window(window: Window, hop_samples: int) -> Window:
    """The canonical dual: the window over the sum of its own squares, shifted by every multiple of the hop."""
    squares = np.zeros(hop_samples)
    np.add.at(squares, np.arange(window.size) % hop_samples, window**2)
    return np.asarray(window / squares[np.arange(window.size) % hop_samples])


def gaussian(kind: str, analysis: Window) -> tuple[float, float]:
    """γ in samples², and the centre in samples, of the Gaussian exp(-π·(n - centre)²/γ) next to an analysis window.

    Phase gradient heap integration takes a window for this Gaussian. For a symmetric kind γ is `GAMMA`; for the
    asymmetric one it is that of the Gaussian whose square has the same mean and variance.

    >>> gaussian("hann", hann(2048))
    (1075629.2608, 1024.0)
    """
    power = analysis**2 / np.sum(analysis**2)
    place = np.arange(analysis.size)
    centre = float(power @ place)
    if kind in GAMMA:
        return GAMMA[kind] * analysis.size**2, analysis.size / 2
    return 4 * np.pi * float(power @ (place - centre) ** 2), centre
