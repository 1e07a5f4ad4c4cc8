"""Recordings to dream on: what is taken of them, what is passed over and said, and what is refused."""

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.export.data.instruments.phrases import SAMPLES
from dreampedal.export.train.distil.run.recordings import EACH, stretches


def write(path, audio, rate=44_100):
    with AudioFile(str(path), "w", rate, 1, bit_depth=32) as file:
        file.write(np.asarray(audio, np.float32)[None])


def noise(samples, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.fixture
def songs(tmp_path):
    folder = tmp_path / "songs"
    (folder / "deep").mkdir(parents=True)
    write(folder / "long.wav", noise(300_000))
    write(folder / "deep" / "brief.wav", noise(9_000, 1))
    write(folder / "silent.wav", np.zeros(200_000))
    write(folder / "click.wav", noise(500, 2))
    write(folder / "hurt.wav", np.where(np.arange(90_000) == 70, np.nan, noise(90_000, 3)))
    return folder


def test_a_long_one_gives_several_and_a_brief_one_is_repeated(songs, tmp_path):
    found = stretches([songs], tmp_path / "kept")
    assert found.sounds.shape == (EACH + 1, SAMPLES) and found.sounds.dtype == np.int16
    assert found.recordings == 2
    assert (np.abs(found.sounds.astype(int)).max(1) > 15_000).all()
    length = round(9_000 * 48_000 / 44_100)
    brief = found.sounds[0].astype(float)  # "deep" comes first
    assert np.corrcoef(brief[: length - 1], brief[length : 2 * length - 1])[0, 1] > 0.9


def test_what_teaches_nothing_is_passed_over_and_counted(songs, tmp_path):
    found = stretches([songs], tmp_path / "kept")
    assert str(found.passed) == "1 silent, 1 shorter than a frame, 1 with NaN or infinity"


def test_they_are_kept_and_the_same_each_time(songs, tmp_path):
    seen = []
    first = stretches([songs], tmp_path / "kept", 3, lambda *at: seen.append(at))
    assert seen[-1] == ("recordings", 5, 5)
    again = stretches([songs], tmp_path / "kept", 3, lambda *at: seen.append(at))
    other = stretches([songs], tmp_path / "other", 3)
    assert len(seen) == 5 and again.passed == first.passed
    assert np.array_equal(first.sounds, again.sounds) and np.array_equal(first.sounds, other.sounds)
    assert not np.array_equal(first.sounds, stretches([songs], tmp_path / "kept", 4).sounds)


def test_no_folder_is_no_sound(tmp_path):
    assert len(stretches([], tmp_path).sounds) == 0


def test_folders_with_nothing_to_hear_are_refused(songs, tmp_path):
    with pytest.raises(ValueError, match="none: no such folder"):
        stretches([tmp_path / "none"], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: no sound in it"):
        stretches([tmp_path / "empty"], tmp_path)
    for name in ("long.wav", "deep/brief.wav"):
        (songs / name).unlink()
    with pytest.raises(ValueError, match="no recording to dream on: 1 silent, 1 shorter"):
        stretches([songs], tmp_path / "kept")


def test_a_file_that_cannot_be_read_is_named(songs, tmp_path):
    (songs / "text.wav").write_text("no sound at all, but a text")
    with pytest.raises(ValueError, match=r"text\.wav"):
        stretches([songs], tmp_path / "kept")
    assert not list((tmp_path / "kept").glob("*.npy"))
