"""Judges: a head on networks that taught nobody, fitted to some recordings and asked about others."""

from dataclasses import replace

import numpy as np
import pytest

from dreampedal.export.musicnn.records.hearing import SAMPLES, Published
from dreampedal.export.musicnn.records.judging import (
    accuracy,
    genre_judge,
    hidden_of_records,
    stretches,
    tag_probabilities,
)  # fmt: skip


def test_a_sound_is_heard_in_stretches_that_reach_its_ends():
    sound = np.arange(400_000, dtype=np.float32)
    found = stretches(sound).numpy()
    assert found.shape[1] == SAMPLES and found[0, 0] == 0 and found[-1, -1] == 399_999
    assert (np.diff(found[:, 0]) <= SAMPLES // 2 + 1).all()
    short = stretches(sound[:100_000]).numpy()
    assert short.shape == (1, SAMPLES) and short[0, 100_000] == 0, "what is short goes round"


def test_what_was_heard_is_kept_beside_the_sounds(small, records):
    first = hidden_of_records(Published(small), records)
    small.hidden = None
    assert np.array_equal(hidden_of_records(Published(small), records), first) and first.shape == (24, 12)


def test_a_judge_names_its_classes_on_recordings_that_it_has_not_heard(small, records):
    judge = genre_judge([Published(small)], records, ("ambient", "metal"))
    assert judge.classes == ("ambient", "metal")
    assert accuracy(judge, records) == (1.0, 1.0)
    for label, place in ((0, 0), (2, 1)):
        sound = records.sounds[label].astype(np.float32) / 32_768
        said = judge.probabilities(sound)
        assert said.sum() == pytest.approx(1) and said.argmax() == place


def test_wrong_answers_are_counted_by_clip_and_by_recording(small, records):
    judge = genre_judge([Published(small)], records, ("ambient", "metal"))
    turned = replace(judge, head=replace(judge.head, weight=-judge.head.weight, bias=-judge.head.bias))
    assert accuracy(turned, records) == (0.0, 0.0)


def test_tags_of_a_sound_are_the_mean_over_its_stretches(small, records):
    network = Published(small, ["techno", "flute"])
    sound = records.sounds[1].astype(np.float32) / 32_768
    each = np.stack([tag_probabilities(network, one.numpy()) for one in stretches(sound)])
    assert np.allclose(tag_probabilities(network, sound), each.mean(0), atol=1e-6)
