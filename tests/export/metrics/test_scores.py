"""Figures beside scikit-learn's, and what must hold for any."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from dreampedal.export.metrics.calibration import reliability
from dreampedal.export.metrics.scores import pool, score

CLASSES = ("ambient", "jazz", "metal", "rock")


def judged(seed, clips=60, recordings=17, classes=4, sharpness=2.0):
    """Probabilities that lean towards the truth, labels by recording, and recordings of different length."""
    rng = np.random.default_rng(seed)
    groups = np.r_[np.arange(recordings), rng.integers(0, recordings, clips - recordings)]
    labels = rng.integers(0, classes, recordings)[groups]
    logits = sharpness * rng.normal(size=(clips, classes))
    logits[np.arange(clips), labels] += 1
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True), labels, groups


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 4))
def test_figures_are_those_of_scikit_learn(seed, recordings, classes):
    p, true, groups = judged(seed, 60, recordings, classes)
    found = score(p, true, groups, CLASSES[:classes], resamples=5)
    pooled = np.stack([p[groups == g].mean(0) for g in range(recordings)])
    one = np.array([true[groups == g][0] for g in range(recordings)])
    for measures, q, y in ((found.by_clip, p, true), (found.by_recording, pooled, one)):
        heard, there = q.argmax(1), np.unique(y)
        everywhere = range(classes)
        precision, recall, f1, count = metrics.precision_recall_fscore_support(
            y, heard, labels=everywhere, zero_division=0
        )
        assert measures.accuracy == pytest.approx(metrics.accuracy_score(y, heard))
        assert measures.loss == pytest.approx(metrics.log_loss(y, q, labels=everywhere))
        assert np.array_equal(measures.confusion, metrics.confusion_matrix(y, heard, labels=everywhere))
        assert measures.f1 == pytest.approx(f1[there].mean())
        assert measures.recall == pytest.approx(metrics.recall_score(y, heard, labels=there, average="macro"))
        for place, of in enumerate(measures.classes.values()):
            assert (of.count, of.precision) == (count[place], pytest.approx(precision[place]))
            expected = (recall[place], f1[place]) if place in there else (None, None)
            assert (of.recall, of.f1) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_reliability_curve_is_that_of_scikit_learn(seed, bins):
    p, true, _ = judged(seed, 200)
    found = reliability(p, true, bins)
    right, sure = calibration_curve(p.argmax(1) == true, p.max(1), n_bins=bins)
    assert [a for a in found.accuracy if a is not None] == pytest.approx(right)
    assert [c for c in found.confidence if c is not None] == pytest.approx(sure)
    weights = np.array([n for n in found.count if n]) / 200
    assert found.error == pytest.approx(float(weights @ np.abs(right - sure)))


def test_a_network_that_is_as_sure_as_it_is_right_has_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 40_000)
    drawn = (p.cumsum(1) > rng.random((40_000, 1))).argmax(1)
    assert reliability(p, drawn).error < 0.015
    sharper = p**3 / (p**3).sum(1, keepdims=True)
    assert reliability(sharper, drawn).error > 0.1


def test_intervals_hold_what_other_recordings_show():
    """Of 95 % intervals from samples of recordings, about 95 % hold the share of the world they are drawn from."""
    p, true, groups = judged(5, 6000, 2000, sharpness=1.0)
    world = score(p, true, groups, CLASSES, resamples=2).by_clip.accuracy
    rng, held = np.random.default_rng(1), 0
    for _ in range(200):
        chosen = np.isin(groups, rng.choice(2000, 80, replace=False))
        low, high = score(p[chosen], true[chosen], groups[chosen], CLASSES, resamples=300).by_clip.accuracy_interval
        held += low <= world <= high
    assert 0.89 <= held / 200 <= 0.99


def test_intervals_go_by_recordings_and_not_by_clips():
    """Ten copies of each clip say nothing new, so the interval stays as wide as it was."""
    p, true, groups = judged(2, 50, 50, sharpness=1.0)
    once = score(p, true, groups, CLASSES, seed=3).by_clip
    copied = score(np.repeat(p, 10, 0), np.repeat(true, 10), np.repeat(groups, 10), CLASSES, seed=3).by_clip
    assert copied.accuracy_interval == pytest.approx(once.accuracy_interval)
    assert copied.f1_interval == pytest.approx(once.f1_interval)
    apart = score(np.repeat(p, 10, 0), np.repeat(true, 10), None, CLASSES, seed=3).by_clip.accuracy_interval
    assert apart[1] - apart[0] < 0.5 * (once.accuracy_interval[1] - once.accuracy_interval[0])


def test_a_clip_that_is_sure_and_wrong_has_one_vote():
    p = np.array([[0.7, 0.3], [0.7, 0.3], [1e-9, 1 - 1e-9]])
    true, groups = np.zeros(3, int), np.zeros(3, int)
    assert score(p, true, groups, CLASSES[:2], resamples=2).by_recording.accuracy == 0
    q = np.array([[0.9, 0.1], [0.9, 0.1], [1e-9, 1 - 1e-9]])
    assert score(q, true, groups, CLASSES[:2], resamples=2).by_recording.accuracy == 1
    assert score(q, true, groups, CLASSES[:2], resamples=2, pooling="log").by_recording.accuracy == 0


@given(st.permutations(range(20)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_clips_is_nothing(order):
    p, true, groups = judged(7, 20, 5)
    one, other = (score(p[o], true[o], groups[o], CLASSES, resamples=3) for o in (np.arange(20), np.array(order)))
    assert other.by_recording.accuracy == one.by_recording.accuracy
    assert other.by_recording.loss == pytest.approx(one.by_recording.loss)


def test_all_is_json_and_a_class_that_is_not_there_is_said():
    p, true, groups = judged(0, 30, 8, classes=3)
    wider = np.c_[0.9 * p, np.full(30, 0.1)]
    found = score(wider, true, groups, CLASSES, resamples=10)
    text = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert text["by_clip"]["classes"]["rock"]["recall"] is None
    assert "no recording of rock" in text["notes"]
    assert any("fewer than 10" in note for note in text["notes"])
    assert sum(map(sum, text["by_recording"]["confusion"])) == 8


@pytest.mark.parametrize("change, words", [
    (lambda p, y, g: (p[:, :3], y, g), r"shape \(30, 3\): expected"),
    (lambda p, y, g: (p[:0], y[:0], g[:0]), "at least one"),
    (lambda p, y, g: (2 * p, y, g), "do not sum to 1"),
    (lambda p, y, g: (p * np.nan, y, g), "not finite"),
    (lambda p, y, g: (p, y + 3, g), "labels of int64 from"),
    (lambda p, y, g: (p, y.astype(float), g), "labels of float64"),
    (lambda p, y, g: (p, y, g[:-1]), "29 groups for 30 clips"),
    (lambda p, y, g: (p, y, np.zeros_like(g)), "clips of two classes"),
])  # fmt: skip
def test_what_cannot_be_judged_is_said(change, words):
    with pytest.raises(ValueError, match=words):
        score(*change(*judged(0, 30, 8)), CLASSES)


def test_pooling_has_two_ways():
    with pytest.raises(ValueError, match="expected mean or log"):
        pool(np.ones((1, 2)) / 2, np.zeros(1, int), np.zeros(1, int), "median")
