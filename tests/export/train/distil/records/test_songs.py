"""Recordings at one rate and length: what is read, what is repeated, and what is kept."""

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.export.data.recordings import SoundError, open_set
from dreampedal.export.nets.listeners.layouts import COARSE
from dreampedal.export.train.distil.listening import encoded
from dreampedal.export.train.distil.records.songs import kept_records, places_in

RATE = 44_100


def written(path, audio):
    path.parent.mkdir(parents=True, exist_ok=True)
    with AudioFile(str(path), "w", RATE, audio.shape[0]) as file:
        file.write(audio.astype(np.float32))


@pytest.fixture
def songs(tmp_path):
    """A second of 441 Hz on the left only, and half a second of 882 Hz on both sides."""
    seconds = np.arange(RATE) / RATE
    low = np.sin(2 * np.pi * 441 * seconds)
    written(tmp_path / "set" / "rock" / "a.wav", 0.5 * np.stack([low, 0 * low]))
    written(tmp_path / "set" / "jazz" / "b.wav", 0.5 * np.sin(2 * np.pi * 882 * np.stack([seconds, seconds]))[:, ::2])
    return tmp_path / "set"


def test_sounds_are_mono_at_48_khz_and_short_ones_go_round(songs, tmp_path):
    found = kept_records(open_set(songs), 1.0, tmp_path / "cache", "songs")
    assert found.sounds.shape == (2, 48_000) and found.sounds.dtype == np.int16
    assert found.classes == ("jazz", "rock") and found.labels.tolist() == [0, 1]
    spectrum = np.abs(np.fft.rfft(found.sounds / 32_768)) / 24_000
    assert spectrum[1].argmax() == 441 and spectrum[1].max() == pytest.approx(0.25, rel=0.02)
    assert np.array_equal(found.sounds[0, :20_000], found.sounds[0, 24_000:44_000])


def test_what_was_read_is_not_read_again(songs, tmp_path):
    kept_records(open_set(songs), 1.0, tmp_path / "cache")
    seen = []
    kept_records(open_set(songs), 1.0, tmp_path / "cache", progress=lambda *at: seen.append(at))
    assert not seen
    kept_records(open_set(songs), 0.5, tmp_path / "cache", progress=lambda *at: seen.append(at))
    assert seen, "another length is another file"


def test_a_recording_that_is_no_sound_is_named(songs, tmp_path):
    (songs / "rock" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(SoundError, match=r"a\.wav"):
        kept_records(open_set(songs), 1.0, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_features_and_places_of_classes(songs, tmp_path):
    found = kept_records(open_set(songs), 1.0, tmp_path / "cache")
    assert sorted(found.groups.tolist()) == [0, 1]
    assert encoded(found, COARSE).shape == (2, 40, 90)
    assert places_in(found, ("metal", "rock")).tolist() == [-1, 1]
