"""Random changes to features that leave the instrument the same: the network learns from every room and recorder.

All of them act on a batch of log band features, float32 of shape (notes, bands, frames), where a filter is an addition,
a gain likewise, and a change of pitch a shift over the bands. Each is a function of a batch and a generator, so that a
seed repeats it; amounts are in dB at the surface and in nepers (natural log of amplitude) inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from dreampedal.engine.dsp.bands import BandLayout

NEPERS = math.log(10) / 20
"""Nepers in a decibel."""
FLOOR = BandLayout().floor
OCTAVES_A_BAND = math.log2(320) / 95


@dataclass(frozen=True)
class Recipe:
    """How far each change goes; 0 (or None) leaves one out.

    Fields:
        level_db: range of the loudest band's level after all changes.
        curve_db: peak of the random smooth equaliser.
        tilt_db: largest tilt an octave.
        shift_bands: largest change of pitch, about a semitone a band.
        cut_share: how often a recording is limited in bandwidth, at either end.
        reverb_share: how often a room is added.
        decay_db: largest extra decay a frame.
        noise_db: range of the noise floor below the note's peak.
        band_masks, widest_mask: how many runs of bands are silenced, and how many bands each at most.
    """

    level_db: tuple[float, float] = (-40.0, -4.0)
    curve_db: float = 9.0
    tilt_db: float = 2.0
    shift_bands: int = 2
    cut_share: float = 0.15
    reverb_share: float = 0.3
    decay_db: float = 0.3
    noise_db: tuple[float, float] = (40.0, 100.0)
    band_masks: int = 1
    widest_mask: int = 6


def augmented(features: Tensor, recipe: Recipe, random: Generator) -> Tensor:
    """A batch with every change of the recipe, the same shape, nowhere below the floor."""
    x = shifted(features, recipe.shift_bands, random)
    x = decayed(x, recipe.decay_db, random)
    x = reverberated(x, recipe.reverb_share, random)
    x = x + equalisers(x.shape[0], x.shape[1], recipe, random)[..., None]
    x = noisy(x, recipe.noise_db, random)
    x = band_limited(x, recipe.cut_share, random)
    x = levelled(x, recipe.level_db, random)
    return masked(x, recipe.band_masks, recipe.widest_mask, random).clamp_min(FLOOR)


def shifted(x: Tensor, most: int, random: Generator) -> Tensor:
    """Each note moved by up to `most` bands up or down; bands that move in hold the floor."""
    count, bands, frames = x.shape
    shift = torch.randint(-most, most + 1, (count, 1), generator=random)
    source = torch.arange(bands) - shift
    moved = x.gather(1, source.clamp(0, bands - 1)[..., None].expand(-1, -1, frames))
    return torch.where(((source >= 0) & (source < bands))[..., None], moved, x.new_tensor(FLOOR))


def decayed(x: Tensor, most_db: float, random: Generator) -> Tensor:
    """Half of the notes die away sooner, by up to `most_db` a frame more."""
    slope = _uniform(-most_db, most_db, (x.shape[0], 1, 1), random).clamp_min(0) * NEPERS
    return x - slope * torch.arange(x.shape[-1])


def reverberated(x: Tensor, share: float, random: Generator) -> Tensor:
    """A room on some of the notes: what sounded dies away by 0.3 to 3 dB a frame, below the direct sound."""
    count, bands, frames = x.shape
    fall = _log_uniform(0.3, 3.0, (count, 1), random) * NEPERS
    below = _uniform(3, 25, (count, 1), random) * NEPERS
    wet = torch.rand(count, 1, generator=random) < share
    below = torch.where(wet, below, below.new_tensor(200.0)).expand(-1, bands)
    tail, out = torch.full((count, bands), FLOOR), torch.empty_like(x)
    for t in range(frames):
        out[..., t] = torch.maximum(x[..., t], tail - below)
        tail = torch.maximum(x[..., t], tail - fall)
    return out


def equalisers(count: int, bands: int, recipe: Recipe, random: Generator) -> Tensor:
    """Random smooth curves and tilts in nepers, shape (count, bands)."""
    place = torch.linspace(0, math.pi, bands)
    order = torch.arange(1, 13)
    shape = torch.cos(order[:, None] * place) / order[:, None] ** 0.5
    weights = torch.randn(count, order.numel(), generator=random)
    curve = weights @ shape
    peak = curve.abs().amax(1, keepdim=True).clamp_min(1e-6)
    curve = curve / peak * _uniform(0, recipe.curve_db, (count, 1), random)
    octaves = (torch.arange(bands) - bands / 2) * OCTAVES_A_BAND
    return (curve + _uniform(-recipe.tilt_db, recipe.tilt_db, (count, 1), random) * octaves) * NEPERS


def noisy(x: Tensor, below_db: tuple[float, float], random: Generator) -> Tensor:
    """Steady noise added, some dB below the note's peak, tilted at random; powers add."""
    count, bands, _ = x.shape
    peak = x.amax((1, 2), keepdim=True)
    octaves = ((torch.arange(bands) - bands / 2) * OCTAVES_A_BAND)[:, None]
    tilt = _uniform(-6, 3, (count, 1, 1), random) * octaves
    ripple = torch.randn((1, *x.shape[1:]), generator=random) * 3
    noise = peak + (tilt + ripple - _uniform(*below_db, (count, 1, 1), random)) * NEPERS
    return 0.5 * torch.logaddexp(2 * x, 2 * noise)


def band_limited(x: Tensor, share: float, random: Generator) -> Tensor:
    """Some notes through a low-pass (1.5 to 14 kHz), some through a high-pass (60 to 400 Hz), 12 to 96 dB an octave."""
    count, bands, _ = x.shape
    octave = torch.arange(bands) * OCTAVES_A_BAND
    cut = x.new_zeros(count, bands)
    for low, high, sign in ((1_500.0, 14_000.0, 1), (60.0, 400.0, -1)):
        corner = torch.log2(_log_uniform(low, high, (count, 1), random) / 50)
        steep = _log_uniform(12, 96, (count, 1), random) * NEPERS
        on = torch.rand(count, 1, generator=random) < share
        cut = cut + on * steep * (sign * (octave - corner)).clamp_min(0)
    return x - cut[..., None]


def levelled(x: Tensor, level_db: tuple[float, float], random: Generator) -> Tensor:
    """Each note at a random level: its loudest band somewhere in the range."""
    level = _uniform(*level_db, (x.shape[0], 1, 1), random) * NEPERS
    return x + level - x.amax((1, 2), keepdim=True)


def masked(x: Tensor, masks: int, widest: int, random: Generator) -> Tensor:
    """Runs of up to `widest` bands silenced, after Park et al. 2019, "SpecAugment"."""
    place = torch.arange(x.shape[1])
    first = torch.randint(0, x.shape[1], (x.shape[0], masks, 1), generator=random)
    width = torch.randint(0, widest + 1, (x.shape[0], masks, 1), generator=random)
    gone = ((place >= first) & (place < first + width)).any(1)
    return x.masked_fill(gone[..., None], FLOOR)


def mixed(x: Tensor, labels: Tensor, share: float, random: Generator) -> tuple[Tensor, Tensor]:
    """Some notes sounding together with another of the batch, and labels by how loud each is.

    Args:
        x: features, (notes, bands, frames); the other note is brought to the level of the one before they meet.
        labels: class weights, (notes, classes).
        share: how many of the notes are mixed.
    """
    count = round(share * x.shape[0])
    drawn = torch.randperm(x.shape[0], generator=random)
    one, other = drawn[:count], drawn.roll(1)[:count]
    below = _uniform(0, 30, (count, 1, 1), random) * NEPERS
    level = x.amax((1, 2), keepdim=True)
    both = 0.5 * torch.logaddexp(2 * x[one], 2 * (x[other] - level[other] + level[one] - below))
    weight = 1 / (1 + torch.exp(-2 * below))[..., 0]
    soft = weight * labels[one] + (1 - weight) * labels[other]
    return x.index_copy(0, one, both), labels.index_copy(0, one, soft)


def _uniform(low: float, high: float, shape: tuple[int, ...], random: Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random)


def _log_uniform(low: float, high: float, shape: tuple[int, ...], random: Generator) -> Tensor:
    return torch.exp(_uniform(math.log(low), math.log(high), shape, random))
