"""A recording that is not there is never another one without a word."""

import numpy as np
import pytest

from . import conftest
from .conftest import DEMO

read = conftest.read.__wrapped__  # not what was read before, from where the clips are


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(conftest, "CLIPS", tmp_path / "clips")
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "clips"


@pytest.mark.parametrize("ci", [False, True])
def test_a_checkout_without_clips_skips_what_needs_one_and_names_it(folder, monkeypatch, ci):
    if ci:
        monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match=f"the recording solo_piano is not here: expected {folder}"):
        read("solo_piano")


def test_the_demo_recording_is_always_there_and_stands_for_any(folder):
    demo, rate = read(DEMO.stem)
    stand_in, same = read("solo_piano", any_recording=True)
    assert np.array_equal(demo, stand_in) and rate == same == 44_100


@pytest.mark.parametrize("any_recording", [False, True])
def test_one_that_is_missing_among_others_is_no_checkout_without_clips(folder, monkeypatch, any_recording):
    folder.mkdir()
    with pytest.raises(pytest.skip.Exception, match="mix_orchestra is not here"):
        read("mix_orchestra", any_recording)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="mix_orchestra is not here"):
        read("mix_orchestra", any_recording)


@pytest.mark.any_recording
def test_a_mark_says_that_any_recording_will_do(clip, clips):
    assert clip("solo_piano")[0].shape[0] == 2 and DEMO.stem in clips


@pytest.mark.any_recording
@pytest.mark.very_recording
def test_another_mark_takes_that_back(request):
    assert not conftest.any_will_do(request)
