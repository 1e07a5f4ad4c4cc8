"""The presets that ship: at least six, each with a sound of its own."""

import re
from itertools import combinations

import numpy as np
import pytest

from dreampedal import Board, library, load_preset
from dreampedal.engine.effect import Effect
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


@pytest.mark.parametrize("name", SHIPPED)
def test_without_amount_what_dreams_is_the_identity(name, guitar):
    audio, rate = guitar
    board = Board(effect for effect in read_preset(name, ["amount=0"]).board if isinstance(effect, Effect))
    assert np.abs(board(audio, rate) - audio).max() < 1e-6


def test_no_two_sound_alike(guitar, played):
    """What two presets add to the guitar is never the same but for its level."""
    audio, _ = guitar
    added = {name: (sound - audio).ravel() for name, sound in played.items()}
    for one, other in combinations(SHIPPED, 2):
        alike = added[one] @ added[other] / (np.linalg.norm(added[one]) * np.linalg.norm(added[other]))
        assert abs(alike) < 0.9, (one, other, alike)
