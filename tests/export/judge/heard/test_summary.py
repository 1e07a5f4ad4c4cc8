"""Shares, their intervals over recordings, and the choice of an equaliser, by hand."""

import numpy as np
import pytest

from dreampedal.export.judge.heard.summary import better_by_family, chosen, named, share, summary


def outcome(recording, family, rank, **more):
    figures = {"pitch": 0.5, "notes": None, "onsets": 1.0, "loudness_db": -0.5, "peak_db": 1.0, "pumping_db": 2.0}
    return {"recording": recording, "own": "x", "family": family, "ranks": {"a": rank, "b": 1}} | figures | more


def test_a_share_is_that_of_all_dreams_and_its_interval_that_of_recordings():
    # One recording with all of its ten dreams named, nine with none: dreams of a recording are no ten witnesses.
    dreams = [outcome(str(n), str(k), 1 if n == 0 else 5) for n in range(10) for k in range(10)]
    found = share(dreams, lambda one: one["ranks"]["a"] == 1)
    assert found["mean"] == pytest.approx(0.1) and found["count"] == 100
    low, high = found["interval"]
    assert low == 0 and 0.25 <= high <= 0.35
    alone = share([one for one in dreams if one["recording"] == "3"], lambda one: 1.0)
    assert alone["interval"] == [1, 1]


def test_the_interval_is_that_of_an_exact_bootstrap_of_few_recordings():
    values = [0.0, 0.0, 1.0]
    dreams = [outcome(str(n), "flute", 1, pitch=value) for n, value in enumerate(values)]
    found = share(dreams, lambda one: one["pitch"])
    means = [np.mean([values[i], values[j], values[k]]) for i in range(3) for j in range(3) for k in range(3)]
    assert found["interval"] == pytest.approx(np.percentile(means, [2.5, 97.5], method="inverted_cdf").tolist())


def test_what_has_no_value_does_not_count():
    assert share([outcome("a", "flute", 1)], lambda one: one["notes"]) is None
    found = share([outcome("a", "flute", 1, notes=0.5), outcome("b", "flute", 1)], lambda one: one["notes"])
    assert found["mean"] == 0.5 and found["count"] == 1


def test_the_seven_are_counted_apart():
    found = named([outcome("a", "flute", 1), outcome("a", "bass", 2), outcome("b", "organ", 2)], "a")
    assert found["all"]["mean"] == pytest.approx(1 / 3) and found["seven"]["mean"] == 0.5
    assert found["families"] == {"bass": 0, "flute": 1, "organ": 0}
    assert named([outcome("a", "bass", 1)], "a")["seven"] is None


def test_recordings_are_counted_apart_from_phrases_of_the_font_that_judges_know():
    found = named([outcome("cello", "flute", 1), outcome("TimGM6mb bass 1", "flute", 2)], "a")
    assert (
        found["all"]["mean"] == 0.5 and found["recordings"]["all"]["mean"] == found["recordings"]["seven"]["mean"] == 1
    )
    assert named([outcome("TimGM6mb bass 1", "flute", 2)], "a")["recordings"]["all"] is None


def test_a_row_has_the_dry_sound_of_its_own_dreams_beside_it():
    dry = [outcome("a", "flute", 1), outcome("a", "bass", 7), outcome("b", "flute", 7)]
    found = summary([outcome("a", "flute", 2), outcome("b", "flute", 1)], dry)
    heard = found["judges"]["a"]
    assert heard["first"]["all"]["mean"] == 0.5 and heard["first_two"]["all"]["mean"] == 1
    assert heard["before"]["all"]["mean"] == 0.5 and heard["before"]["all"]["count"] == 2
    assert heard["median_rank"] == 1.5
    assert found["loudness_db"] == {"median": 0.5, "high": 0.5} and found["pumping_db"]["median"] == 2
    assert summary([], dry)["judges"] == {} and summary([], dry)["peak_db"] is None


def test_the_better_equaliser_is_chosen_for_each_family_by_the_judge_that_is_asked():
    candidates = {
        "match": [outcome("a", "flute", 1), outcome("a", "organ", 6)],
        "curves": [outcome("a", "flute", 3), outcome("a", "organ", 2)],
    }
    choice = better_by_family(candidates, "a", ["flute", "organ", "bass"])
    assert choice == {"flute": "match", "organ": "curves", "bass": "match"}
    assert better_by_family(candidates, "b", ["flute", "organ"]) == {"flute": "match", "organ": "match"}
    assert [one["ranks"]["a"] for one in chosen(candidates, choice)] == [1, 2]
