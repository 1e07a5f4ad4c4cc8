import resource

import numpy as np
import pytest

from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.export.data.instruments import notes as module
from dreampedal.export.data.instruments.families import CLASSES, FAMILIES, Note, class_index, general_midi_notes
from dreampedal.export.data.instruments.notes import (
    FRAMES,
    load_notes,
    note_features,
    sample_rate_of,
    training_notes,
    unseen,
)
from tests.export.soundfonts import FLUID, needs_fluid, write_patch


def test_the_fixed_list_holds_every_program_and_key_of_every_family_once():
    notes = general_midi_notes(velocities=(40, 80, 120))
    assert len(notes) == len(set(notes)) == 12_960
    counts = {family.name: len(family.programs) * len(family.keys) * 3 for family in FAMILIES}
    assert counts["keyboard"] == 8 * 64 * 3 and counts["string"] == 11 * 58 * 3 and counts["vocal"] == 5 * 37 * 3
    heard = np.bincount([class_index(note) for note in notes])
    assert dict(zip(CLASSES, heard.tolist(), strict=True)) == counts
    assert {note.bank for note in notes} == {0}


def test_no_program_belongs_to_two_families():
    programs = [program for family in FAMILIES for program in family.programs]
    assert len(programs) == len(set(programs)) and tuple(sorted(CLASSES)) == CLASSES


def test_seen_and_unseen_notes_share_none_at_any_velocity_bank_or_font():
    notes = training_notes([(0, program) for program in range(8)] + [(8, 4), (16, 4)])
    kept = unseen(notes)
    sides = [{(n.program, n.key) for n, k in zip(notes, kept, strict=True) if k == side} for side in (True, False)]
    assert not sides[0] & sides[1]
    assert 0.05 < kept.mean() < 0.15
    assert np.array_equal(unseen(notes[::-1]), kept[::-1])


def test_both_rates_are_heard_evenly():
    rates = [sample_rate_of(note) for note in general_midi_notes((80,))]
    assert 0.45 < np.mean(np.array(rates) == 44_100) < 0.55


def test_features_of_a_note_are_as_long_at_any_rate_and_end_in_silence():
    floor = np.float32(BandLayout().floor)
    for rate in (44_100, 48_000):
        audio = np.sin(2 * np.pi * 440 / rate * np.arange(rate // 2)).astype(np.float32)
        features = note_features(audio, rate, onset_samples=300)
        assert features.shape == (96, FRAMES)
        assert abs(features[:, 10:40].max()) < 0.35
        assert (features[:, -20:] == floor).all()


@needs_fluid
def test_notes_are_rendered_once_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "user_cache_path", lambda name: tmp_path / name)
    wanted = [Note(0, 73, key, 100) for key in (60, 72)] + [Note(3, 73, 60, 100)]
    fresh = load_notes([FLUID], notes=wanted)
    assert fresh.notes == tuple(wanted[:2]) and fresh.features.shape == (2, 96, FRAMES)
    centres = BandLayout().centres_hz
    for features, key in zip(fresh.features, (60, 72), strict=True):
        loudest = centres[features[:, 10:60].astype(np.float32).mean(1).argsort()[-6:]]
        harmonics = loudest / (440 * 2 ** ((key - 69) / 12))
        assert np.abs(12 * np.log2(harmonics / np.round(harmonics))).max() < 2.5
    monkeypatch.setattr("dreampedal.export.data.instruments.soundfont.Soundfont.render", None)
    assert np.array_equal(load_notes([FLUID], notes=wanted).features, fresh.features)
    assert [file.suffix for file in (tmp_path / "dreampedal" / "notes").iterdir()] == [".npy"]


@pytest.fixture
def patches(tmp_path, monkeypatch):
    """A folder of one patch, as the flute of a set, with a cache of its own; and the notes of it that are wanted."""
    monkeypatch.setattr(module, "user_cache_path", lambda name: tmp_path / name)
    (tmp_path / "patches").mkdir()
    write_patch(tmp_path / "patches" / "073_Flute.pat")
    return tmp_path / "patches", [Note(0, 73, key, 100) for key in (60, 69, 72)]


def cached(folder):
    (file,) = (folder.parent / "dreampedal" / "notes").iterdir()
    return file


def test_features_on_disk_that_are_not_whole_are_made_again(patches):
    folder, wanted = patches
    fresh = load_notes([folder], notes=wanted).features
    whole = cached(folder).read_bytes()
    header = len(whole) - fresh.nbytes
    wide = np.zeros((len(wanted), 12, FRAMES), np.float16)
    for spoil in (
        lambda file: file.write_bytes(whole[:-100]), lambda file: file.write_bytes(whole[: header - 10]),
        lambda file: file.write_bytes(b""), lambda file: np.save(file, wide),
        lambda file: np.save(file, fresh.astype(np.float32)),
    ):  # fmt: skip
        spoil(cached(folder))
        assert np.array_equal(load_notes([folder], notes=wanted).features, fresh)
        assert cached(folder).read_bytes() == whole


def test_a_disk_that_is_too_full_for_notes_says_so_before_one_is_rendered(patches, monkeypatch):
    folder, wanted = patches
    monkeypatch.setattr("dreampedal.export.data.instruments.patches.Patches.render", None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"0\.1 MB needed, .* MB free: free some"):
            load_notes([folder], notes=wanted)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((folder.parent / "dreampedal" / "notes").iterdir())


def test_taking_some_keeps_notes_and_features_together():
    notes = tuple(Note(0, 73, key, 80) for key in range(60, 64))
    features = np.arange(4, dtype=np.float16)[:, None, None] * np.ones((1, 96, 3), np.float16)
    taken = module.NoteSet(features, notes, np.zeros(4, int), ("a",)).take(np.array([False, True, False, True]))
    assert taken.notes == (notes[1], notes[3]) and taken.features[:, 0, 0].tolist() == [1, 3]
    assert taken.labels.tolist() == [CLASSES.index("flute")] * 2


def test_a_program_of_no_family_has_no_class():
    with pytest.raises(KeyError):
        class_index(Note(0, 47, 60, 80))
