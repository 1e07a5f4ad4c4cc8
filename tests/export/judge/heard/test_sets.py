"""What dreams are judged on: whose they are, how long, and what is said where they are missing."""

import numpy as np
import pytest

from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.judge.heard.sets import (
    GCOMPRIS,
    OTHER_FONT,
    SAMPLE_RATE,
    TUNING,
    Sound,
    instruments,
    others,
    phrases,
    tuning,
    unseen,
)
from tests.conftest import CLIPS


def test_at_least_twenty_recordings_and_two_of_each_family():
    if not (GCOMPRIS.is_file() and OTHER_FONT.is_file()):
        pytest.skip("needs the Debian packages gcompris-qt-data and timgm6mb-soundfont")
    found = unseen()
    families = [sound.family for sound in found]
    assert len(found) >= 20 and all(families.count(family) >= 2 for family in CLASSES)
    assert len({sound.key for sound in found}) == len(found) == len({sound.name for sound in found})
    assert not {sound.name for sound in found} & set(TUNING)
    for sound in found:
        assert sound.audio.shape[0] == 1 and SAMPLE_RATE <= sound.audio.shape[1] <= 4 * SAMPLE_RATE
        assert np.abs(sound.audio).max() == pytest.approx(0.5)
        assert np.abs(sound.audio[:, : SAMPLE_RATE // 4]).max() > 0.005  # it begins with sound
    assert [sound.key for sound in phrases(OTHER_FONT, {"bass": 1})] == [found[families.index("bass")].key]


def test_the_tuning_clips_are_the_five():
    if not CLIPS.is_dir():
        pytest.skip(f"the recordings are not here: expected {CLIPS}")
    assert [(sound.name, sound.family) for sound in tuning(CLIPS)] == list(TUNING.items())


def test_a_sound_is_taken_to_every_family_but_its_own():
    sound = Sound("a", "flute", np.zeros((1, 10), np.float32))
    assert [family for _, family in others([sound], CLASSES)] == [family for family in CLASSES if family != "flute"]


def test_what_is_missing_is_named_with_its_package(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.rcc: not there; the Debian package gcompris-qt-data"):
        list(instruments(tmp_path / "none.rcc"))
    with pytest.raises(FileNotFoundError, match=r"none\.sf2: not there; the Debian package timgm6mb-soundfont"):
        list(phrases(tmp_path / "none.sf2", {"bass": 1}))
    assert list(phrases(tmp_path / "none.sf2", {"bass": 0})) == []
