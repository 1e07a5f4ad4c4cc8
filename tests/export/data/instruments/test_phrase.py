"""Random phrases: of a family's keys, seeded, some of them begun before they are heard."""

import numpy as np
import pytest

from dreampedal.export.data.instruments.families import FAMILIES
from dreampedal.export.data.instruments.phrase import EARLIEST, drawn


def many(family, count=300, reverberant=False):
    random = np.random.default_rng(4)
    return [drawn(family, 1.4, reverberant, random) for _ in range(count)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_every_note_is_one_of_the_family_and_is_heard(family):
    for phrase in many(family, 60):
        assert phrase.seconds == 1.4 + EARLIEST and phrase.notes
        for note in phrase.notes:
            assert note.key in family.keys and 0 <= note.begin < phrase.seconds
            assert note.seconds > 0 and 1 <= note.velocity <= 127


def test_singles_chords_and_melodies_have_their_shares():
    phrases = many(FAMILIES[4], 600)
    single = np.mean([len(one.notes) == 1 for one in phrases])
    chord = np.mean([len(one.notes) > 1 and np.ptp([note.begin for note in one.notes]) <= 0.02 for one in phrases])
    assert 0.28 < single < 0.45 and 0.12 < chord < 0.28


def test_many_begin_before_they_are_heard():
    begins = np.array([phrase.notes[0].begin for phrase in many(FAMILIES[0])])
    assert 0.5 < (begins < EARLIEST).mean() < 0.9


def test_rooms_stand_where_they_are_wanted_and_a_third_is_modulated():
    assert all(phrase.room is None for phrase in many(FAMILIES[1], 20))
    wet = many(FAMILIES[1], 200, reverberant=True)
    assert all(phrase.room is not None and 0 <= phrase.room.level <= 1 for phrase in wet)
    assert 0.2 < np.mean([phrase.modulation > 0 for phrase in wet]) < 0.4


def test_the_same_seed_gives_the_same_phrase():
    first, again, other = (drawn(FAMILIES[2], 1.0, True, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
