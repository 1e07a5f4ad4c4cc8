"""Offline ascent: it climbs, within its reach, as loud as before, and the same for the same seed."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from dreampedal.export.nets.listeners.layouts import BANDS, COARSE, Layout
from dreampedal.export.train.distil.records.climbing import Climb, climbed
from dreampedal.export.train.distil.rooms import Rooms

BRIEF = Climb(steps=8, samples=24_000, stretches=1, rooms=Rooms(equaliser_db=3, noise_share=0, limited_share=0))


@dataclass(frozen=True)
class Tilted:
    """Hears how much of a sound lies above (first target) or below (second) the middle of its bands."""

    name: str
    layout: Layout

    def missed(self, features, target):
        middle = self.layout.count // 2
        high, low = (torch.logsumexp(2 * part, (1, 2)) for part in (features[:, middle:], features[:, :middle]))
        return (target * torch.stack([low - high, high - low], 1)).sum(1)


@pytest.fixture(scope="module")
def sound():
    return (0.1 * np.random.default_rng(0).standard_normal(40_000)).astype(np.float32)


def brightness(sound):
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / 48_000)
    return 10 * np.log10(power[hz > 2000].sum() / power[(hz < 900) & (hz > 60)].sum())


def test_what_comes_out_is_nearer_to_the_target_and_as_loud(sound):
    heard_by = [Tilted("bands", BANDS), Tilted("coarse", COARSE)]
    bright, dark = (climbed(sound, one, heard_by, [1, 1], BRIEF, 0) for one in torch.eye(2))
    assert bright.shape == sound.shape and bright.dtype == np.float32
    assert brightness(bright) > brightness(sound) + 3 and brightness(dark) < brightness(sound) - 3
    for wet in (bright, dark):
        assert abs(20 * np.log10(wet.std() / sound.std())) < 8, "loudness is weighed, power is not far from it"
        ratio = np.abs(np.fft.rfft(wet[4096:-4096])) / (np.abs(np.fft.rfft(sound[4096:-4096])) + 1e-9)
        assert 20 * np.log10(np.median(ratio)) < BRIEF.reach_db


def test_the_same_seed_gives_the_same_sound_and_nobody_is_asked_who_has_no_chance(sound):
    @dataclass(frozen=True)
    class Deaf(Tilted):
        def missed(self, features, target):
            raise AssertionError("is not to be asked")

    how = Climb(steps=2, samples=24_000, stretches=1, heard_by=1)
    heard_by = [Deaf("deaf", BANDS), Tilted("coarse", COARSE)]
    first, again = (climbed(sound, torch.eye(2)[0], heard_by, [0, 1], how, 7) for _ in range(2))
    assert np.array_equal(first, again)
