"""Random rooms: seeded, alike in all layouts, and as far as they say."""

import pytest
import torch
from torch import Generator

from dreampedal.export.nets.listeners.layouts import BANDS, FLOOR, MEL, NEPERS
from dreampedal.export.train.distil.rooms import Rooms

STILL = Rooms(equaliser_db=0, noise_share=0, limited_share=0)


def drawn(seed=0):
    return Generator().manual_seed(seed)


def sounds(count=200, bands=96):
    torch.manual_seed(1)
    return -4 + 0.3 * torch.randn(count, bands, 5)


def test_the_same_seed_gives_the_same_rooms():
    x = sounds(8)
    (first,), (again,), (other,) = (Rooms()([x], [BANDS], drawn(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_without_equaliser_noise_and_limits_only_the_level_changes():
    x = sounds()
    (heard,) = STILL([x], [BANDS], drawn())
    moved = heard - x
    assert (moved - moved.mean((1, 2), keepdim=True)).abs().max() < 0.01
    loudest = heard.amax((1, 2)) / NEPERS
    assert loudest.min() > -34.5 and loudest.max() < -3.5 and loudest.std() > 6


def test_an_equaliser_is_smooth_and_the_same_for_every_layout():
    rooms = Rooms(noise_share=0, limited_share=0, level_db=(-10, -10))
    flat = torch.full((50, 96, 3), -3.0), torch.full((50, 80, 3), -3.0)
    first, second = rooms(flat, [BANDS, MEL], drawn())
    assert (first[..., 0] - first[..., 2]).abs().max() < 1e-5, "a room stands still"
    centres, curve = BANDS.centres_hz.log(), first[:, :, 0]
    place = torch.searchsorted(centres, MEL.centres_hz.log()).clamp(1, 95)
    share = (MEL.centres_hz.log() - centres[place - 1]) / (centres[place] - centres[place - 1])
    expected = curve[:, place - 1].lerp(curve[:, place], share)
    difference = second[:, :, 0] - expected
    difference = difference - difference.mean(1, keepdim=True)  # each is as loud as its own loudest band
    assert difference.abs().max() < 1.5 * NEPERS
    spread = curve.std(1) / NEPERS
    assert 1 < spread.mean() < 6 and spread.max() < 15


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_as_many_sounds_as_said_have_a_noise(share):
    x = torch.full((400, 96, 4), -20.0)
    x[:, 40] = -2
    rooms = Rooms(equaliser_db=0, limited_share=0, noise_share=share, noise_db=(20, 40), level_db=(-4, -4))
    (heard,) = rooms([x], [BANDS], drawn())
    noisy = heard[:, 60].mean(1) - heard.amax((1, 2)) > -65 * NEPERS
    assert abs(float(noisy.float().mean()) - share) < 0.08


def test_nothing_falls_below_the_floor_and_gradients_pass():
    x = sounds(16).requires_grad_(True)
    (heard,) = Rooms()([x], [BANDS], drawn())
    heard.sum().backward()
    assert heard.min() > FLOOR - 1e-4 and bool(x.grad.isfinite().all()) and float(x.grad.abs().sum()) > 0


def test_silence_stays_finite():
    (heard,) = Rooms()([torch.full((20, 96, 5), FLOOR)], [BANDS], drawn())
    assert bool(heard.isfinite().all())
