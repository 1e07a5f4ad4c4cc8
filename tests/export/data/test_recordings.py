"""Labelled sets: from folders and tables, and every way in which they can be wrong."""

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedalboard.io import AudioFile

from dreampedal.export.data.labels import checked_label, label
from dreampedal.export.data.recordings import LabelledSet, Recording, open_set, opened


@pytest.fixture
def folder(tmp_path):
    """A folder of two classes with one file each, of no real sound: opening reads names only."""
    for name in ("one/a.wav", "two/b.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


def test_folders_become_classes_and_folders_in_them_groups(little_set):
    assert little_set.classes == ("drums", "flute", "guitar") and len(little_set) == 15
    assert np.bincount(little_set.labels).tolist() == [5, 5, 5]
    drums = [one for one in little_set.recordings if one.label == "drums"]
    assert {one.group for one in drums} == {"drums/a.wav", "drums/b.flac", "drums/c.mp3", "drums/take"}


def test_names_of_folders_become_labels(folder):
    (folder / "one").rename(folder / "Hip-Hop & R'n'B")
    assert open_set(folder).classes == ("hip_hop_r_n_b", "two")


def test_recordings_of_any_format_rate_and_channels_are_read(little_set):
    for place, one in enumerate(little_set.recordings):
        audio, rate = little_set.read(place)
        with AudioFile(str(one.path)) as file:
            whole, own_rate = file.read(file.frames), file.samplerate
        assert audio.dtype == np.float32 and rate == own_rate
        if one.path.suffix != ".mp3":  # pedalboard leaves the encoder's silence before and behind
            assert audio.shape == whole.shape
            assert np.abs(audio - whole).max() <= (1e-6 if one.path.suffix == ".ogg" else 0)
        assert 0.65 < audio.shape[1] / rate < 0.8 and np.abs(audio).max() > 0.001


def test_a_stretch_of_a_recording_is_read(little):
    path = little / "drums" / "a.wav"
    whole, rate = Recording(path, "drums", "a").read()
    part, _ = Recording(path, "drums", "a", start_seconds=0.1, length_seconds=0.25).read()
    assert (part == whole[:, round(0.1 * rate) : round(0.1 * rate) + round(0.25 * rate)]).all()


def test_cuts_in_blocks_are_the_samples_themselves(little, monkeypatch):
    one = Recording(little / "drums" / "b.flac", "drums", "b")
    whole, _ = one.read()
    spans = [(0, 500), (300, 800), (790, 5000), (9000, 9001), (20_000, 31_000), (30_000, 99_999)]
    with opened(one) as sound:
        blocks = sound.blocks
        monkeypatch.setattr(sound, "blocks", lambda: blocks(seconds=0.01))
        for (first, end), cut in zip(spans, sound.cuts(spans), strict=True):
            assert (cut == whole[:, first:end]).all()


def test_a_table_names_clips_groups_labels_and_parts(little, tmp_path):
    rows = ["clip,track,style,genre,split,start_seconds,length_seconds"]
    rows += [
        "drums/a.wav,t1,loud,rock,train,,",
        "drums/b.flac, t1 ,,rock,val,,",
        "flute/a.wav,t2,soft,jazz,train,0.1,0.2",
    ]
    for name in ("drums", "flute"):
        (tmp_path / name).symlink_to(little / name)
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    by_genre, by_style = open_set(tmp_path), open_set(tmp_path / "manifest.csv", column="style")
    assert by_genre.classes == ("jazz", "rock") and by_genre.groups == ("t1", "t1", "t2")
    assert by_style.classes == ("loud", "soft") and len(by_style) == 2
    assert len(open_set(tmp_path, part="train")) == 2
    audio, rate = by_genre.read(2)
    assert audio.shape[1] == round(0.2 * rate)
    with pytest.raises(ValueError, match="no column 'mood': there are clip, track"):
        open_set(tmp_path, column="mood")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["clip,genre", "one/a.wav,hip/hop", "two/b.wav,rock"], r"line 2: class 'hip/hop': .* such as 'hip_hop'"),
        (["clip,genre", "one/a.wav,Rock", "two/b.wav,rock"], r"class 'Rock'.*'rock'"),
        (["clip,genre", "one/a.wav,../../up", "two/b.wav,rock"], "small letters"),
        (["clip,genre", "one/gone.wav,jazz", "two/b.wav,rock"], r"line 2: clip 'one/gone.wav': no such file"),
        (["clip,genre", "one/a.wav,rock", "one/a.wav,jazz"], "a.wav stands there twice"),
        (["clip,genre", "one/a.wav,rock", "two/b.wav,rock"], "rock: expected two or more"),
        (["clip,genre", "one/a.wav,", "two/b.wav,"], "none: expected two or more"),
        (["clip,genre,start_seconds", "one/a.wav,rock,soon", "two/b.wav,jazz,0"], "'soon': expected seconds"),
        (["clip,genre,start_seconds", "one/a.wav,rock,nan", "two/b.wav,jazz,0"], "from nan s on: expected more"),
        (["clip,genre,length_seconds", "one/a.wav,rock,0", "two/b.wav,jazz,1"], "0.0 s from 0 s on: expected more"),
        (["clip,genre", "\0" * 3 + "x" * 200_000], "expected a table of comma-separated values"),
        (["genre", "rock"], "no column 'clip'"),
        ([], "no column 'clip': there are none"),
    ],
)
def test_a_wrong_table_is_an_error_that_says_where(folder, rows, message):
    (folder / "manifest.csv").write_text("\n".join(rows))
    with pytest.raises(ValueError, match=message):
        open_set(folder)


def test_a_folder_that_is_no_set_is_an_error(folder):
    with pytest.raises(ValueError, match="no such folder or table"):
        open_set(folder / "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: an empty class"):
        open_set(folder)
    (folder / "empty").rmdir()
    (folder / "ONE").mkdir()
    (folder / "ONE" / "c.wav").touch()
    with pytest.raises(ValueError, match="'ONE' and 'one' both become the class 'one'"):
        open_set(folder)
    for file in ("ONE/c.wav", "two/b.wav"):
        (folder / file).unlink()
        (folder / file).parent.rmdir()
    with pytest.raises(ValueError, match="classes: one: expected two or more"):
        open_set(folder)


def test_classes_keep_what_they_can_of_their_names(folder):
    for name in ("one", "two"):
        (folder / name).rename(folder / {"one": "Flöte", "two": "Ünï ♪"}[name])
    assert open_set(folder).classes == ("flote", "uni")
    (folder / "Flote").mkdir()
    (folder / "Flote" / "c.wav").touch()
    with pytest.raises(ValueError, match="'Flote' and 'Flöte' both become the class 'flote': rename one"):
        open_set(folder)


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_labels_of_plain_names_are_what_they_were(name):
    before = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if before:
        assert label(name) == before
    else:
        with pytest.raises(ValueError, match="expected a name with a letter or digit"):
            label(name)


@given(st.text(min_size=1))
def test_any_name_becomes_a_label_or_is_refused(name):
    with suppress(ValueError):
        assert checked_label(label(name)) == label(label(name)) == label(name)


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "a"), ("a", "b c"), ("b", "c")])
def test_a_set_with_wrong_classes_is_refused(classes, little):
    with pytest.raises(ValueError, match=r"expected|none of the classes"):
        LabelledSet(classes, (Recording(little / "drums" / "a.wav", "a", "a"),))
