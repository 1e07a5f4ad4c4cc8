"""What teaches: answers of a published network are kept, each target has its place, and a student comes of it."""

import numpy as np
import pytest
import torch

from dreampedal.export.musicnn.records import teaching
from dreampedal.export.musicnn.records.hearing import Published
from dreampedal.export.musicnn.records.teaching import GENRES, HEARD, LISTENERS, STARTS, TAGS
from dreampedal.export.nets.students.student import Student
from dreampedal.export.train.distil.distilling import Course, distilled
from dreampedal.export.train.distil.records.naming import NamingPlan
from tests.export.train.distil.sounds import tones

BRIEF = NamingPlan(steps=4, batch=4)


@pytest.fixture
def phrases(tmp_path):
    return tones(tmp_path, count=24, families=6)


@pytest.fixture
def lessons(small, records, phrases):
    return teaching.lessons_of(records, [phrases], Published(small))


def test_lessons_hold_what_the_network_answers_to_each_stretch(small, records, phrases, lessons):
    songs, played = lessons
    assert songs.tags.shape == (24, len(STARTS), len(TAGS)) and played.tags.shape == (2, 1, len(TAGS))
    assert songs.classes[:3].tolist() == [GENRES.index("ambient"), -1, GENRES.index("metal")]
    sound = torch.from_numpy(records.sounds[3:4, STARTS[2] : STARTS[2] + HEARD].astype(np.float32) / 32_768)
    network = Published(small, TAGS)
    assert np.allclose(network(teaching.layout().heard(sound)).sigmoid()[0], songs.tags[3, 2], atol=1e-5)
    small.hidden = None
    again = teaching.lessons_of(records, [phrases], Published(small))
    assert np.array_equal(again[0].tags, songs.tags), "kept beside the sounds"


def test_a_genre_is_a_tag_to_the_published_network_and_a_class_to_ours(small, lessons, tmp_path):
    heard_by = teaching.hearings(("orchestral", "metal", "flute"), lessons, small, BRIEF, tmp_path, LISTENERS[:1])
    published, ours = heard_by
    assert [small.classes[place] for place in published.answers.listener.places] == ["classical", "metal", "flute"]
    assert ours.places == (3, 2, len(GENRES) + TAGS.index("flute"))
    features = torch.randn(2, ours.layout.count, 186)
    assert ours.missed(features, torch.eye(3)[:2]).shape == (2,)


def test_a_target_that_nobody_knows_is_refused(small, lessons, tmp_path):
    with pytest.raises(ValueError, match="target 'polka': expected some of ambient, electronic"):
        teaching.hearings(("metal", "polka"), lessons, small, BRIEF, tmp_path, ())


def test_sounds_to_dream_on_are_songs_and_pairs_of_phrases(records, phrases):
    found = teaching.sources(("metal", "flute"), records, [phrases])
    assert [one.sounds.shape for one in found.sources] == [(24, 240_000), (12, 135_168)]
    assert found.sources[0].classes[:3].tolist() == [-1, -1, 0] and found.sources[1].classes is None
    assert np.array_equal(found.sources[1].sounds[3, 67_584:], phrases.sounds[7])
    assert found.shares.tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.slow
def test_a_student_learns_from_all_of_them(small, records, lessons, phrases, tmp_path):
    targets = ("metal", "flute")
    heard_by = teaching.hearings(targets, lessons, small, BRIEF, tmp_path, LISTENERS[:1])
    course = Course(steps=3, batch=2, frames=211)
    torch.manual_seed(0)
    student = Student([f"class:{name}" for name in targets], filters=16)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    distilled(student, heard_by, teaching.sources(targets, records, [phrases]), course, 0, tmp_path)
    assert all(value.isfinite().all() for value in student.state_dict().values())
    assert not torch.equal(before["head.weight"], student.state_dict()["head.weight"])
