"""Notes of soundfonts as clips for any input."""

import numpy as np
import pytest

from dreampedal.engine.inputs import Mel, Waveform, features
from dreampedal.export.families import CLASSES
from dreampedal.export.patches import Patches
from dreampedal.export.sets.soundfonts import note_clips
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


@needs_fluid
def test_a_soundfont_has_all_families(tmp_path):
    clips = note_clips([FLUID], Mel(), 0.5, key_step=24, cache=tmp_path)
    assert set(clips.labels) == set(range(len(CLASSES)))
    assert len(set(clips.groups)) == len(set(zip(clips.groups, clips.labels, strict=True)))
