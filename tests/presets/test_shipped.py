"""The presets that ship, as a list of files; what they do to a sound is proved in `test_dreams`."""

import re

import numpy as np
import pytest

from dreampedal import library, load_preset
from dreampedal.presets import demo_recording, read_preset, shipped_presets

SHIPPED = list(shipped_presets())


@pytest.fixture(scope="module")
def guitar():
    audio, rate = demo_recording()
    return audio[:, : 3 * 44_100], rate


@pytest.fixture(scope="module")
def played(guitar):
    """What every preset makes of the guitar."""
    return {name: load_preset(name)(*guitar) for name in SHIPPED}


def test_there_are_at_least_six():
    assert len(SHIPPED) >= 6


def test_everything_that_ships_is_small():
    assert all(path.stat().st_size < 4e6 for path in library.names("model").values())
    audio, rate = demo_recording()
    assert 8 <= audio.shape[1] / rate <= 12


@pytest.mark.parametrize("name", SHIPPED)
def test_name_title_and_description(name):
    preset = read_preset(name)
    assert re.fullmatch("[a-z0-9_]+", name)
    assert preset.title and preset.description.endswith(".")


@pytest.mark.parametrize("name", SHIPPED)
def test_is_heard_and_sane(name, guitar, played):
    audio, _ = guitar
    assert played[name].shape == audio.shape
    assert np.isfinite(played[name]).all()
    assert np.sqrt(np.mean((played[name] - audio) ** 2)) > 0.05 * np.sqrt(np.mean(audio**2))
