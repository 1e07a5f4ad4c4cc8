"""Pitch, as a loss: the period that a sound had should go on to be its period.

The autocorrelation of a frame is the inverse transform of its power. A tracker picks the shortest lag at which it is
high (Boersma 1993): so at the period of the dry sound it should stay high, and at shorter lags lower than there.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from dreampedal.export.nets.listeners.layouts import hann

SHORTEST, LONGEST = 48, 640
"""Lags in samples at 48 kHz: 1000 Hz down to 75 Hz."""
VOICED = 0.6
"""Height of the peak from which a frame of the dry sound has a pitch."""
STAYS = 0.65
"""Height that a peak should keep."""
MARGIN = 0.05
"""By which it should stand above shorter lags."""
NEAR = 0.06
"""Share of the period around it that belongs to its own peak."""
RISE = 0.02
"""What an octave shorter is worth to a tracker."""


@lru_cache
def _of_window(size: int) -> Tensor:
    """The autocorrelation of the window itself at the lags, which is divided out."""
    power = torch.fft.rfft(hann(size), 2 * size).abs().square()
    whole = torch.fft.irfft(power)
    found: Tensor = whole[SHORTEST:LONGEST] / whole[0]
    return found.float()


def autocorrelation(power: Tensor) -> Tensor:
    """|X|² (n, frames, bins) to the normalised autocorrelation at the lags, (n, frames, lags)."""
    whole = torch.fft.irfft(power)
    size = whole.shape[-1]
    found: Tensor = whole[..., SHORTEST:LONGEST] / (whole[..., :1] + 1e-9) / _of_window(size)
    return found


def lost(before: Tensor, after: Tensor) -> Tensor:
    """How much of the pitch of frames |X|² `before` is lost in `after`, mean over voiced frames: 0 if nothing."""
    with torch.no_grad():
        dry = autocorrelation(before)
        lags = torch.arange(SHORTEST, LONGEST)
        favoured = dry - RISE * torch.log2(lags / SHORTEST)
        place = favoured.argmax(-1)
        height = dry.gather(-1, place[..., None])[..., 0]
        voiced = (height > VOICED) & (height < 1.2) & (place > 0) & (place < len(lags) - 1)
        period = lags[place]
        shorter = lags < period[..., None] * (1 - NEAR)
    wet = autocorrelation(after)
    kept = wet.gather(-1, place[..., None])[..., 0]
    rival = (wet - RISE * torch.log2(lags / SHORTEST)).masked_fill(~shorter, -1.0).amax(-1)
    kept_favoured = kept - RISE * torch.log2(period / SHORTEST)
    loss = (STAYS - kept).clamp_min(0) + (rival + MARGIN - kept_favoured).clamp_min(0)
    return (loss * voiced).sum() / voiced.sum().clamp_min(1)
