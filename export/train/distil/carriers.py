"""What resynthesis adds, in torch: the carriers of the engine, at the amplitudes that a student answers.

The law. Let X be the frames of a sound (`listeners.layouts.spectra`: Hann windows of 2048 samples every 512, at 48
kHz), g the gain of each bin and a_c(k, t) the amplitude of carrier c. Then the wet frames are

    Y(k, t) = g(k, t) · X(k, t) + Σ_c a_c(k, t) · C_c(k, t)

and the engine plays s(t) · Y, where s makes the frame as loud (K-weighted) as X is. A student answers a_c for each
band, 0 to 2, linear; between the centres of two bands a_c goes straight in log frequency, and beyond the outermost ones
it falls to 0 within a third of an octave, as an offset does. What C_c is, with an amplitude of 1 in all bands:

- `below`, `deep`, `above`: the peaks of X itself, each moved whole to 1/2, 1/4 or 2 of its frequency with all that it
  weighs. What is 3 dB loud at 400 Hz is 3 dB loud at 200 Hz in `below`. Not whitened: where X has nothing, so has C.
- `breath`: noise as loud (Σ|X|²) as the frame, flat up to 1 kHz and falling by 3 dB an octave above. In one band
  alone an amplitude of 1 is about 17 to 20 dB under the level of the frame, since there are 96.

C depends on the past of the sound and on nothing else, so no gradient goes through it: it may be computed beside the
training, or before it, and is the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.effects.spectral.carriers.whole import FRAMES, carriers_of
from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE


def carrier_spectra(sound: Tensor, names: Sequence[str] = CARRIERS, first: int = 0) -> Tensor:
    """The carriers of sounds (n, samples) at 48 kHz, each after endless silence: complex (n, carriers, frames, bins).

    `names` are those wanted, in their order, out of `CARRIERS`: "below", "deep" (two octaves), "above" and "breath".
    Frames are those of `layouts.spectra`; `first` is the number of the first, by which the noise is drawn. A ValueError
    for other names and for sounds shorter than a window.
    """
    return torch.from_numpy(carriers_of(sound.detach().numpy(), names, SAMPLE_RATE, first=first))


def carried(spectra: Tensor, added: Tensor) -> Tensor:
    """What is added to frames: complex (n, frames, bins).

    Args:
        spectra: of the carriers, complex (n, carriers, frames, bins).
        added: amplitude of each in each band, 0 to 2, (n, carriers, bands, frames).
    """
    amplitudes = torch.einsum("ncbt,bk->nctk", added, reaching(added.shape[2]))
    return (spectra * amplitudes).sum(1)


def reaching(bands: int = 96) -> Tensor:
    """How far each bin takes the amplitude of each band, (bands, bins)."""
    laid = lay(BandLayout(bands), SAMPLE_RATE, FRAMES.window_samples)
    below = torch.from_numpy(laid.below).long()
    toward, reach = torch.from_numpy(laid.toward), torch.from_numpy(laid.reach)
    weights, place = torch.zeros(bands, FRAMES.bins), torch.arange(FRAMES.bins)
    weights[below, place] = (1 - toward) * reach
    weights[below + 1, place] = toward * reach
    return weights
