"""Notes of soundfonts as clips for any input, and disks too full for them."""

import os
import re
import resource
import shutil
import subprocess
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from dreampedal.engine.model.format.inputs import LogBands, Mel, Waveform, features
from dreampedal.export.data.instruments.families import CLASSES, Note, general_midi_notes
from dreampedal.export.data.instruments.notes import drawn
from dreampedal.export.data.instruments.patches import Patches
from dreampedal.export.data.instruments.soundfonts import Rendering, note_clips
from tests.export.soundfonts import FLUID, needs_fluid, write_patch


@pytest.fixture
def patches(tmp_path):
    """A folder of patches: a flute and a nylon guitar, each a sine of its own."""
    folder = tmp_path / "patches"
    folder.mkdir()
    write_patch(folder / "073_Flute.pat", hz=880.0)
    write_patch(folder / "024_Nylon.pat", hz=220.0)
    return folder


def test_every_key_is_a_clip_whose_group_is_the_key_at_any_velocity(patches, tmp_path):
    clips = note_clips([patches], Mel(), 0.5, velocities=(40, 110), key_step=6, cache=tmp_path / "cache")
    families = [CLASSES[place] for place in clips.labels]
    assert set(families) == {"flute", "guitar"}
    assert clips.x.dtype == np.float16
    by_group = {}
    for place, group in enumerate(clips.groups):
        by_group.setdefault(clips.group_names[group], []).append(place)
    assert {len(places) for places in by_group.values()} == {2}
    for name, places in by_group.items():
        program, key = map(int, name.split(":"))
        assert {families[place] for place in places} == {"flute" if program == 73 else "guitar"}
        # A sine at this key: the loudest mel band holds its pitch.
        hz = 440 * 2 ** ((key - 69) / 12)
        heard = np.asarray(clips.x[places[0]], np.float32).mean(1)
        tone = features(Mel(), np.sin(2 * np.pi * hz / 22_050 * np.arange(11_025)).astype(np.float32), 22_050).mean(1)
        assert abs(int(heard.argmax()) - int(tone.argmax())) <= 1


def test_what_was_rendered_is_read_again(patches, tmp_path, monkeypatch):
    first = note_clips([patches], Waveform(sample_rate=8000), 0.25, key_step=12, cache=tmp_path / "cache")
    assert first.x.dtype == np.float32

    def never(*_):
        raise AssertionError("rendered again")

    monkeypatch.setattr(Patches, "render", never)
    again = note_clips([patches], Waveform(sample_rate=8000), 0.25, key_step=12, cache=tmp_path / "cache")
    assert np.array_equal(first.x, again.x)
    with pytest.raises(AssertionError, match="rendered again"):
        note_clips([patches], Waveform(sample_rate=8000), 0.5, key_step=12, cache=tmp_path / "cache")


def test_silent_notes_are_left_out(patches, tmp_path, monkeypatch):
    heard = note_clips([patches], Mel(), 0.5, velocities=(110,), key_step=12, cache=tmp_path / "cache")
    with_quiet = note_clips([patches], Mel(), 0.5, velocities=(1, 110), key_step=12, cache=tmp_path / "cache")
    assert len(with_quiet) == len(heard)


def test_several_soundfonts_follow_one_another(patches, tmp_path):
    (tmp_path / "other").mkdir()
    write_patch(tmp_path / "other" / "073_Flute.pat", hz=440.0)
    chosen = {"key_step": 12, "cache": tmp_path / "cache"}
    one, other = (note_clips([path], Mel(), 0.5, **chosen) for path in (patches, tmp_path / "other"))
    both = note_clips([patches, tmp_path / "other"], Mel(), 0.5, **chosen)
    assert np.array_equal(both.x, np.concatenate([one.x, other.x])) and isinstance(both.x, np.memmap)
    assert both.labels.tolist() == [*one.labels, *other.labels]
    assert [both.group_names[i] for i in both.groups] == [
        part.group_names[i] for part in (one, other) for i in part.groups
    ]


def test_a_damaged_cache_is_made_again(patches, tmp_path):
    first = np.array(note_clips([patches], Mel(), 0.5, key_step=12, cache=tmp_path / "cache").x)
    for file in sorted((tmp_path / "cache").iterdir()):
        for content in (b"", file.read_bytes()[:-3], b"junk" * 50):
            file.write_bytes(content)
            assert np.array_equal(note_clips([patches], Mel(), 0.5, key_step=12, cache=tmp_path / "cache").x, first)


@contextmanager
def small_disk(folder):
    """A disk of 64 kB."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def small_files(folder):
    """No file may grow over 64 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("promised", [True, False], ids=["promised", "written"])
@pytest.mark.parametrize("full", [small_disk, small_files])
def test_a_disk_too_full_for_the_notes_says_so_before_any_is_rendered(full, promised, patches, tmp_path, monkeypatch):
    monkeypatch.setattr(Patches, "render", lambda *_: pytest.fail("rendered"))
    if not promised:  # as where the system cannot take room for a file
        monkeypatch.delattr(os, "posix_fallocate")
    with full(tmp_path / "cache"):
        with pytest.raises(OSError, match="free some, or choose another cache") as caught:
            note_clips([patches], Waveform(sample_rate=8000), 1.0, cache=tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []
    needed, free = map(float, re.findall(r"([\d.]+) MB", str(caught.value).replace(",", "")))
    assert 1 < needed < 4 and (free <= 0.1 or full is small_files)


def test_a_failure_on_the_way_leaves_no_part(patches, tmp_path, monkeypatch):
    render, played = Patches.render, []

    def fails(*given):
        if len(played) == 5:
            raise RuntimeError("out of breath")
        played.append(given)
        return render(*given)

    monkeypatch.setattr(Patches, "render", fails)
    with pytest.raises(RuntimeError, match="out of breath"):
        note_clips([patches], Mel(), 0.5, key_step=6, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_notes_are_never_all_in_memory(patches, tmp_path):
    tracemalloc.start()
    clips = note_clips([patches, patches], Waveform(), 1.0, cache=tmp_path / "cache")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < most < clips.x.nbytes / 2 and clips.x.nbytes > 8_000_000


def test_what_gives_no_notes_is_an_error(tmp_path):
    (tmp_path / "quiet").mkdir()
    write_patch(tmp_path / "quiet" / "073_Flute.pat")
    for _ in range(2):  # rendered, and from the cache
        with pytest.raises(ValueError, match="quiet: no note of it can be heard"):
            note_clips([tmp_path / "quiet"], Mel(), 0.5, velocities=(1,), key_step=12, cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="no soundfonts"):
        note_clips([], Mel(), 0.5, cache=tmp_path / "cache")


def test_seen_and_unseen_keys_are_told_by_their_names_alone():
    shares = [drawn(f"{program}:{key}") < 0.1 for program in range(128) for key in range(30, 90)]
    assert 0.09 < np.mean(shares) < 0.11


def test_an_input_at_the_hosts_rate_hears_both_rates_evenly_and_as_many_columns(patches, tmp_path):
    rendering = Rendering(LogBands(), 0.5, 0.85, False)
    rates = [rendering.rate_of(note) for note in general_midi_notes((80,))]
    assert 0.45 < np.mean(np.array(rates) == 44_100) < 0.55
    clips = note_clips([patches], LogBands(), 0.5, key_step=7, cache=tmp_path / "cache")
    assert clips.x.shape[1:] == rendering.shape == (96, 43)
    assert Rendering(Mel(), 0.5, 0.85, False).rates == (22_050,)


def test_exactly_the_notes_that_are_wanted_are_played_silent_ones_too(patches, tmp_path):
    wanted = [Note(0, 73, 60, 100), Note(0, 73, 72, 1), Note(3, 73, 60, 100), Note(0, 24, 50, 80)]
    clips = note_clips([patches], LogBands(), 0.5, notes=wanted, cache=tmp_path / "cache")
    assert [clips.group_names[place] for place in clips.groups] == ["73:60", "73:72", "24:50"]


@needs_fluid
def test_a_soundfont_has_all_families(tmp_path):
    clips = note_clips([FLUID], Mel(), 0.5, key_step=24, cache=tmp_path)
    assert set(clips.labels) == set(range(len(CLASSES)))
    assert len(set(clips.groups)) == len(set(zip(clips.groups, clips.labels, strict=True)))
