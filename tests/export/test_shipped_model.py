"""The note network that ships, on a soundfont that it never heard: the bar of every sixth key, held by a test."""

from pathlib import Path

import pytest

from dreampedal import library
from dreampedal.export.data.instruments import soundfonts
from dreampedal.export.judge.families import evaluate

JUDGE = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")


@pytest.mark.skipif(not JUDGE.is_file(), reason=f"{JUDGE} is not there (Debian: timgm6mb-soundfont)")
def test_it_names_families_of_a_soundfont_it_never_heard(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts, "user_cache_path", lambda name: tmp_path)
    report = evaluate(library.find("model", "notes"), [JUDGE], key_step=6)
    assert report["notes"] > 2_000
    assert report["accuracy"]["macro"] > 0.55
    assert min(report["accuracy"].values()) > 2 / 11
