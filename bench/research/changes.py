"""Random changes of a batch of features, for the rows of the table of networks."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dreampedal.export.train import augment

STRETCH_FRAMES = 192
"""Frames of each clip that a batch hears: 2.2 s at 44.1 kHz, from a place that is drawn."""

MUSIC = augment.Recipe(
    level_db=(-30.0, -2.0), curve_db=9.0, tilt_db=1.5, shift_bands=2, cut_share=0.1, noise_db=(50.0, 100.0),
    band_masks=1, widest_mask=8,
)  # fmt: skip


def music(x: Tensor, targets: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Log bands of music, (clips, bands, frames) to (clips, bands, STRETCH_FRAMES) as other players and rooms have it.

    Transposed by up to two bands, through random equalisers, noise and limits of bandwidth, at a random level.
    """
    starts = torch.randint(0, max(1, x.shape[-1] - STRETCH_FRAMES + 1), (len(x), 1, 1), generator=random)
    frames = (starts + torch.arange(min(STRETCH_FRAMES, x.shape[-1]))).expand(-1, x.shape[1], -1)
    x = augment.shifted(x.gather(2, frames), MUSIC.shift_bands, random)
    x = x + augment.equalisers(x.shape[0], x.shape[1], MUSIC, random)[..., None]
    x = augment.noisy(x, MUSIC.noise_db, random)
    x = augment.band_limited(x, MUSIC.cut_share, random)
    x = augment.levelled(x, MUSIC.level_db, random)
    return augment.masked(x, MUSIC.band_masks, MUSIC.widest_mask, random).clamp_min(augment.FLOOR), targets


def louder_or_softer(x: Tensor, targets: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Samples, each clip rotated by a time that is drawn, at a level up to 6 dB either way, and perhaps turned over."""
    turns = torch.randint(0, x.shape[-1], (len(x),), generator=random)
    x = torch.stack([one.roll(int(turn), -1) for one, turn in zip(x, turns, strict=True)])
    gain = 10 ** (torch.empty(len(x), 1, 1).uniform_(-6, 6, generator=random) / 20)
    sign = torch.randint(0, 2, (len(x), 1, 1), generator=random) * 2 - 1
    return x * gain * sign, targets
