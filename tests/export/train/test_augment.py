import inspect
import math

import numpy as np
import pytest
import torch

from dreampedal.export.train import augment
from dreampedal.export.train.augment import FLOOR, NEPERS, OCTAVES_A_BAND, Recipe, augmented


@pytest.fixture
def random():
    return torch.Generator().manual_seed(7)


@pytest.fixture
def notes():
    """Forty notes of 30 frames: three partials over a falling slope, from frame 5 on; silence before."""
    x = torch.full((40, 96, 30), FLOOR)
    for band, level in ((20, -2.0), (32, -3.0), (40, -5.0)):
        x[:, band, 5:] = level - 0.05 * torch.arange(25)
    return x


def test_everything_together_keeps_shape_range_and_seed(notes):
    once, again = (augmented(notes, Recipe(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(once, again) and once.shape == notes.shape
    assert once.min() >= np.float32(FLOOR) and torch.isfinite(once).all()
    assert not torch.equal(once, augmented(notes, Recipe(), torch.Generator().manual_seed(4)))


def test_a_recipe_of_nothing_changes_only_the_level(notes, random):
    still = Recipe(
        level_db=(-20, -20), curve_db=0, tilt_db=0, shift_bands=0, cut_share=0, reverb_share=0, decay_db=0,
        noise_db=(300, 300), band_masks=0,
    )  # fmt: skip
    out = augmented(notes, still, random)
    moved = (notes - notes.max() - 20 * NEPERS).clamp_min(FLOOR)
    assert torch.allclose(out, moved, atol=1e-4)


def test_a_shift_moves_whole_bands_and_fills_with_the_floor(notes, random):
    out = augment.shifted(notes, 4, random)
    places = out[:, :, 10].argmax(1) - 20
    assert places.min() == -4 and places.max() == 4
    for note, place in zip(out, places.tolist(), strict=True):
        assert torch.equal(note[20 + place], notes[0, 20]) and torch.equal(note[40 + place], notes[0, 40])
        assert (note[:5] == FLOOR).all() and (note[-5:] == FLOOR).all()


def test_equalisers_are_smooth_and_within_their_range(random):
    recipe = Recipe(curve_db=12, tilt_db=0)
    curves = augment.equalisers(500, 96, recipe, random) / NEPERS
    assert 11 < curves.abs().max() <= 12.001
    assert curves.diff(dim=1).abs().max() < 12
    tilts = augment.equalisers(500, 96, Recipe(curve_db=0, tilt_db=3), random) / NEPERS
    slopes = tilts.diff(dim=1) / OCTAVES_A_BAND
    assert torch.allclose(slopes, slopes[:, :1].expand_as(slopes), atol=1e-3) and 2.8 < slopes.abs().max() <= 3.001


def test_a_room_only_adds_and_never_rings_louder_than_what_rang(notes, random):
    struck = notes.clone()
    struck[..., 10:] = FLOOR
    out = augment.reverberated(struck, 1.0, random)
    assert (out >= struck).all() and (out.amax(2) == struck.amax(2)).all()
    assert (out[:, 20, 11] > FLOOR + 3).all() and (out[:, 20, 11:].diff(dim=1) <= 1e-5).all()
    assert torch.equal(augment.reverberated(struck, 0.0, random), struck)


def test_noise_adds_power_at_its_distance_below_the_peak(notes, random):
    out = augment.noisy(notes, (40, 40), random)
    assert (out >= notes).all()
    quiet = out[:, 60:, :5] - notes.max()
    assert -48 < float(quiet.mean() / NEPERS) < -32 - 6
    assert torch.allclose(out[:, 20, 5], notes[:, 20, 5], atol=0.05)


def test_a_limited_band_loses_only_beyond_its_corner(random):
    flat = torch.zeros(300, 96, 2)
    out = augment.band_limited(flat, 1.0, random)[..., 0]
    assert (out <= 0).all()
    middle = [band for band in range(96) if 400 < 50 * 2 ** (band * OCTAVES_A_BAND) < 1_500]
    assert (out[:, middle] == 0).all()
    assert (out[:, -1] < -0.1 * math.log(10)).all() and (out[:, 0] < 0).all()
    assert (out[:, :40].diff(dim=1) >= -1e-6).all() and (out[:, 60:].diff(dim=1) <= 1e-6).all()


def test_levels_fill_their_range(notes, random):
    peaks = augment.levelled(notes, (-45, -3), random).amax((1, 2)) / NEPERS
    assert -45.01 < peaks.min() < -40 and -8 < peaks.max() < -2.99


def test_masks_silence_whole_bands_and_no_more_than_they_may(random):
    out = augment.masked(torch.zeros(200, 96, 3), 2, 8, random)
    gone = out == FLOOR
    assert (gone.all(2) == gone.any(2)).all() and (out[~gone] == 0).all()
    assert 10 < gone[:, :, 0].sum(1).max() <= 16


def test_extra_decay_only_falls(notes, random):
    slope = augment.decayed(notes, 0.5, random)[:, 20, 5:].diff(dim=1) - notes[:, 20, 5:].diff(dim=1)
    assert (slope <= 1e-5).all() and -0.5 * NEPERS - 1e-5 <= slope.min() < -0.4 * NEPERS


def test_mixed_notes_add_their_powers_and_share_their_label(notes, random):
    labels = torch.eye(40)
    out, targets = augment.mixed(notes, labels, 1.0, random)
    assert (out >= notes - 1e-6).all() and (out <= notes + 0.5 * math.log(2) + 1e-5).all()
    assert torch.allclose(targets.sum(1), torch.ones(40))
    assert (targets.amax(1) >= 0.5).all() and (targets.diag() >= 0.499).all()
    same, kept = augment.mixed(notes, labels, 0.0, random)
    assert torch.equal(same, notes) and torch.equal(kept, labels)


def test_every_change_takes_its_chance_from_the_generator_it_is_given():
    public = [f for name, f in inspect.getmembers(augment, inspect.isfunction) if f.__module__ == augment.__name__]
    assert all("random" in inspect.signature(f).parameters for f in public)
