"""Splits: for any groups no group is on two sides, and every class is on every side that it can be on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.export.data.recordings import LabelledSet, Recording
from dreampedal.export.data.splits import check_apart, content_of, folds, split

from .conftest import write

pytestmark = pytest.mark.any_recording

# For each class the number of recordings of each of its groups.
SIZES = st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=9), min_size=2, max_size=5)


def labelled_set(sizes):
    """Recordings on paper: class i has a group of each of `sizes[i]` recordings."""
    recordings = [
        Recording(Path(f"{name}/{group}/{number}.wav"), f"c{name}", f"c{name}/{group}")
        for name, groups in enumerate(sizes)
        for group, count in enumerate(groups)
        for number in range(count)
    ]
    return LabelledSet(tuple(f"c{name}" for name in range(len(sizes))), tuple(recordings))


def whole(sides, labelled):
    """Whether the sides hold every recording once and share no group."""
    paths = [one.path for side in sides for one in side.recordings]
    groups = [group for side in sides for group in set(side.groups)]
    return sorted(paths) == sorted(one.path for one in labelled.recordings) and len(groups) == len(set(groups))


@settings(deadline=None)
@given(SIZES, st.integers(0, 2**32), st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.9, 0.1), (0.4, 0.3, 0.2, 0.1)]))
def test_any_split_keeps_groups_together_and_classes_on_every_side(sizes, seed, shares):
    labelled = labelled_set(sizes)
    sides = split(labelled, seed, shares)
    assert len(sides) == len(shares) and whole(sides, labelled)
    for name, groups in enumerate(sizes):
        on = [side for side in range(len(shares)) if name in sides[side].labels]
        assert len(on) == min(len(groups), len(shares)) and max(shares[side] for side in on) == max(shares)
    again = split(labelled, seed, shares)
    assert [side.recordings for side in again] == [side.recordings for side in sides]


@settings(deadline=None)
@given(SIZES, st.integers(0, 2**32), st.integers(2, 6))
def test_any_folds_test_every_recording_once_and_train_on_every_class(sizes, seed, count):
    labelled = labelled_set(sizes)
    if count > len(set(labelled.groups)):
        with pytest.raises(ValueError, match="a group each"):
            folds(labelled, count, seed)
        return
    pairs = folds(labelled, count, seed)
    assert len(pairs) == count and whole([test for _, test in pairs], labelled)
    for train, test in pairs:
        assert whole([train, test], labelled)
        for name, groups in enumerate(sizes):
            assert len(groups) == 1 or name in train.labels
    for name, groups in enumerate(sizes):
        assert sum(name in test.labels for _, test in pairs) == min(len(groups), count)


def test_shares_are_kept_class_by_class_where_groups_are_many():
    labelled = labelled_set([[5] * 60, [2] * 100, list(range(1, 40))])
    for seed in range(5):
        for share, side in zip((0.8, 0.1, 0.1), split(labelled, seed), strict=True):
            held = np.bincount(side.labels) / np.bincount(labelled.labels)
            assert np.abs(held - share).max() < 0.06
    first, other = (split(labelled, seed)[2].groups for seed in (1, 2))
    assert set(first) != set(other)


def test_folds_are_of_about_one_size():
    tests = [len(test) for _, test in folds(labelled_set([[4] * 11, [4] * 12, [4] * 13]), 5)]
    assert max(tests) - min(tests) <= 8


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (1.0, 0.0), (1.5, -0.5)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        split(labelled_set([[1, 1], [1, 1]]), 0, shares)


def test_sides_of_a_split_are_apart(little_set):
    train, val, test = split(little_set)
    check_apart(train, val)
    check_apart(train, test)
    with pytest.raises(ValueError, match="groups are on both sides"):
        check_apart(train, train.take(np.arange(len(train)) == 0))


def test_one_content_has_one_hash_whatever_its_name_format_channels_and_silence(tmp_path, clip):
    audio, rate = clip("solo_flute")
    line = np.rint(audio[:1, : 2 * rate] * 32_000) / 32_768
    silence = np.zeros((1, 30_000))
    copies = {
        "a.wav": line,
        "b.flac": line,
        "c.wav": np.repeat(line, 2, axis=0),
        "d.aiff": np.concatenate([silence, line, silence], axis=1),
    }
    hashes = {content_of(Recording(write(tmp_path / name, made, rate), "a", name)) for name, made in copies.items()}
    assert len(hashes) == 1
    inner = np.concatenate([line[:, :rate], silence, line[:, rate:]], axis=1)
    for other in (line[:, 5000:], line * 0.5, inner):
        assert content_of(Recording(write(tmp_path / "other.wav", other, rate), "a", "o")) not in hashes
    assert content_of(Recording(write(tmp_path / "rate.wav", line, 48_000), "a", "o")) not in hashes


def test_the_same_sound_under_two_names_on_two_sides_is_refused(tmp_path, clip):
    audio, rate = clip("drums_break")
    first = [
        Recording(write(tmp_path / f"a{i}.wav", audio[:1, i * 9000 :][:, :9000], rate), "a", f"a{i}") for i in (0, 1)
    ]
    second = [Recording(write(tmp_path / "b.flac", audio[:1, 9000:18_000], rate), "b", "b")]
    sides = [LabelledSet(("a", "b"), tuple(one)) for one in (first, second)]
    with pytest.raises(ValueError, match=r"a1\.wav and .*b\.flac are the same sound on two sides: remove one"):
        check_apart(*sides)
    check_apart(LabelledSet(("a", "b"), tuple(first[:1])), sides[1])
