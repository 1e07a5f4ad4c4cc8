import numpy as np
import pytest

from dreampedal.export.data.instruments.families import (
    CLASSES,
    FAMILIES,
    Note,
    class_index,
    family_in,
    general_midi_notes,
)


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


def test_a_program_of_no_family_has_no_class():
    with pytest.raises(KeyError):
        class_index(Note(0, 47, 60, 80))


@pytest.mark.parametrize(
    ("name", "family"),
    [("flute_traversiere.ogg", "flute"), ("electric guitar 2.flac", "guitar"), ("Harpsichord.wav", "keyboard"),
     ("horn.ogg", "brass"), ("accordion.ogg", None), ("drum_kit.ogg", None), ("harmonica.ogg", None)],
)  # fmt: skip
def test_the_family_in_a_name(name, family):
    assert family_in(name) == family
