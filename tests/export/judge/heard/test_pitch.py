"""Pitch kept: a recording keeps its own, and loses it where it is shifted."""

import numpy as np
import pytest

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.judge.heard.pitch import PLACE, basic_pitch, kept

pytestmark = pytest.mark.any_recording
RATE = 48_000


@pytest.fixture
def flute(clip):
    audio, rate = clip("solo_flute")
    return audio[:1, : 3 * int(rate)], rate


@pytest.fixture
def notes():
    found = basic_pitch()
    if found is None:
        pytest.skip(f"the wheel of Basic Pitch is not here: pip download --no-deps basic-pitch, named in {PLACE}")
    return found


def shifted(audio, rate, cents):
    """Played faster, hence higher, and cut or padded to its length."""
    out = resampled(audio, rate, rate / 2 ** (cents / 1200)).astype(np.float32)[:, : audio.shape[1]]
    return np.pad(out, ((0, 0), (0, audio.shape[1] - out.shape[1])))


def tone(hz):
    time = np.arange(2 * RATE) / RATE
    return sum(np.sin(2 * np.pi * hz * n * time) / n for n in range(1, 6))[None].astype(np.float32) * 0.1


@pytest.mark.parametrize(("cents", "share"), [(0, 1), (15, 1), (25, 0), (100, 0), (1200, 0)])
def test_a_tone_keeps_its_pitch_within_twenty_cents(cents, share):
    pytest.importorskip("parselmouth")
    assert kept(tone(220), tone(220 * 2 ** (cents / 1200)), RATE) == pytest.approx(share, abs=0.02)


def test_a_recording_keeps_its_pitch_louder_and_loses_it_shifted(flute):
    pytest.importorskip("parselmouth")
    audio, rate = flute
    assert kept(audio, np.float32(0.3) * audio, rate) > 0.99
    assert kept(audio, shifted(audio, rate, 300), rate) < 0.35
    assert kept(audio, np.zeros_like(audio), rate) == 0


def test_where_nothing_is_voiced_there_is_nothing_to_keep():
    pytest.importorskip("parselmouth")
    assert kept(np.zeros((1, RATE), np.float32), tone(220)[:, :RATE], RATE) is None


def test_the_published_network_hears_the_same_notes_and_not_the_shifted_ones(notes):
    sounding = notes.sounding(tone(440), RATE)
    assert sounding.shape == (173, 88)
    assert sounding[:, 48].mean() > 0.8  # a' = 440 Hz, the 49th key
    assert notes.kept(tone(440), 0.5 * tone(440), RATE) > 0.9
    assert notes.kept(tone(440), tone(440 * 2 ** (2 / 12)), RATE) < 0.2
    assert notes.kept(np.zeros((1, RATE), np.float32), tone(440)[:, :RATE], RATE) is None


def test_another_wheel_is_refused(tmp_path, monkeypatch):
    wheel = tmp_path / "other.whl"
    wheel.write_bytes(b"something else")
    monkeypatch.setenv(PLACE, str(wheel))
    basic_pitch.cache_clear()
    with pytest.raises(ValueError, match=r"other\.whl has SHA-256 .*: expected basic_pitch-0\.4\.0"):
        basic_pitch()
    monkeypatch.setenv(PLACE, str(tmp_path / "none.whl"))
    basic_pitch.cache_clear()
    assert basic_pitch() is None
    basic_pitch.cache_clear()
