"""Folders and files as strangers have them: links, odd names, and sounds of next to nothing."""

import os

import numpy as np
import pytest
from scipy.io import wavfile

from dreampedal.engine.model.format.inputs import BandImage, Envelope, LogBands, Mel, Waveform
from dreampedal.export.data.places import sounds_below
from dreampedal.export.data.recordings import Recording, open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode

from .conftest import write

QUARTER = Segmenting(seconds=0.25)
ODD = ("-rf.wav", "a\nb.wav", "Überton ♪.flac", "a'b\"c $(x).wav", "two  spaces .WAV", "[red]bold.wav", "%s%d.wav")


@pytest.fixture
def folder(little, tmp_path):
    """Two classes, a real recording each."""
    for name in ("drums", "flute"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "a.wav").write_bytes((little / name / "a.wav").read_bytes())
    return tmp_path / "set"


def names(folder):
    return [str(path.relative_to(folder)) for path in sounds_below(folder)]


def test_links_to_folders_are_followed_once(folder, little):
    drums = folder / "drums"
    (drums / "album").symlink_to(little / "drums" / "take")
    (drums / "the same").symlink_to(little / "drums" / "take")
    (drums / ".hidden").symlink_to(little / "flute")
    (drums / "b.flac").symlink_to(little / "drums" / "b.flac")
    (drums / "._a.wav").write_text("what another system left")
    assert names(drums) == ["a.wav", "album/one.ogg", "album/two.aiff", "b.flac"]
    assert open_set(folder).groups == ("drums/a.wav", "drums/album", "drums/album", "drums/b.flac", "flute/a.wav")


@pytest.mark.parametrize("target", [".", "..", "../../set/drums", "inner/loop"])
def test_a_link_to_where_it_lies_is_an_error_that_names_it(folder, target):
    """Such a link to the whole set would make sounds of every class members of this one."""
    (folder / "drums" / "inner").mkdir()
    (folder / "drums" / "inner" / "loop").symlink_to(folder / "drums" / target)
    if target == "inner/loop":  # a link to itself leads nowhere, and is no sound by its name
        assert names(folder / "drums") == ["a.wav"]
        return
    with pytest.raises(ValueError, match="inner/loop: a link to a folder that it lies in: remove it"):
        open_set(folder)


@pytest.mark.parametrize("link", ["drums/gone.wav", "harp"])
def test_a_link_that_leads_nowhere_is_not_passed_over(folder, link):
    (folder / link).symlink_to(folder / "nowhere")
    with pytest.raises(ValueError, match=rf"{link}: a link that leads nowhere: mend or remove it"):
        open_set(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_not_passed_over(folder):
    (folder / "drums" / "shut").mkdir(mode=0)
    with pytest.raises(PermissionError, match="shut"):
        open_set(folder)


def test_names_may_be_odd(folder, tmp_path):
    audio, rate = Recording(folder / "drums" / "a.wav", "a", "a").read()
    for place, name in enumerate(ODD):
        write(folder / "drums" / f"whole{name[-5:].strip()}", audio[:, 100 * place :], rate).rename(
            folder / "drums" / name
        )
    labelled = open_set(folder)
    assert {one.path.name for one in labelled.recordings} == {"a.wav", *ODD}
    assert len(encode(labelled, Mel(), QUARTER, cache=tmp_path / "cache")) == 3 * (2 + len(ODD))


def test_a_name_that_is_no_text_is_an_error_that_shows_it(folder, tmp_path):
    try:
        (folder / "drums" / "a.wav").rename(os.fsdecode(bytes(folder / "drums") + b"/caf\xe9.wav"))
    except OSError:
        pytest.skip("this system has text as names only")
    with pytest.raises(ValueError, match="caf\udce9\\.wav: a name that is not UTF-8: rename it"):
        encode(open_set(folder), Mel(), QUARTER, cache=tmp_path / "cache")


@pytest.mark.parametrize("samples", [1, 2, 441])
@pytest.mark.parametrize(
    "chosen", [Mel(), LogBands(), Envelope(), BandImage(window_seconds=0.1), Waveform(sample_rate=8000), Waveform()],
    ids=lambda one: f"{one.kind}{getattr(one, 'sample_rate', '')}",
)  # fmt: skip
def test_a_sound_of_next_to_nothing_is_one_clip(chosen, samples, folder, tmp_path):
    for name, rate in (("drums", 44_100), ("flute", 7350)):
        wavfile.write(folder / name / "a.wav", rate, np.full((samples, 2), 0.5, np.float32))
    clips = encode(open_set(folder), chosen, QUARTER, cache=tmp_path / "cache")
    assert len(clips) == 2 and np.isfinite(clips.x).all() and clips.labels.tolist() == [0, 1]


def test_what_no_number_holds_is_an_error_that_names_the_file(folder, tmp_path):
    wavfile.write(folder / "drums" / "loud.wav", 44_100, np.full(44_100, 3e38, np.float32))
    for trim in (None, 60.0):
        chosen = Segmenting(seconds=0.25, trim_db=trim)
        for input in (Mel(), LogBands(), Envelope(), BandImage(window_seconds=0.1)):
            try:
                clips = encode(open_set(folder), input, chosen, cache=tmp_path / "cache")
            except ValueError as error:
                assert "loud.wav: " in str(error) and "remove it" in str(error)
            else:
                assert np.isfinite(clips.x).all()


def test_a_rate_that_no_recording_has_is_an_error_that_names_the_file(folder, tmp_path):
    wavfile.write(folder / "drums" / "slow.wav", 8, np.full(44_100, 0.5, np.float32))
    with pytest.raises(ValueError, match=r"slow\.wav: a rate of 8 Hz: expected 1000 Hz at least: remove it"):
        encode(open_set(folder), Mel(), QUARTER, cache=tmp_path / "cache")


def test_a_part_that_no_row_has_is_an_error_that_lists_them(folder):
    rows = ["clip,genre,split", "drums/a.wav,rock,train", "flute/a.wav,jazz,held"]
    (folder / "manifest.csv").write_text("\n".join(rows))
    with pytest.raises(ValueError, match="no sound of part 'tset': in the column 'split' are held, train"):
        open_set(folder, part="tset")
