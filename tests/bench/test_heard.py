"""The page of figures: its rows from outcomes by hand, and what is asked of the command line."""

import importlib.util

import pytest

from dreampedal.export.judge.heard.methods import Method

from ..conftest import ROOT


@pytest.fixture
def heard(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    spec = importlib.util.spec_from_file_location("bench_heard", ROOT / "bench" / "heard.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Named:
    content_hash = "0"

    def __init__(self, name):
        self.name = name


JUDGES = [Named("a"), Named("b")]


def method(name, mode=""):
    return Method(name, mode, lambda audio, rate, target: audio, name)


def outcome(family, first, second, recording="x"):
    figures = {"pitch": 0.5, "notes": None, "onsets": 1.0, "loudness_db": -0.5, "peak_db": 1.0, "pumping_db": 2.0}
    return {"recording": recording, "own": "reed", "family": family, "ranks": {"a": first, "b": second}} | figures


def test_the_equaliser_of_a_row_is_chosen_by_the_judge_that_does_not_report_it(heard):
    found = {
        method("none"): [outcome("flute", 4, 4)],
        method("equaliser"): [outcome("flute", 1, 1)],
        method("curves"): [outcome("flute", 2, 2)],
        method("dream", "studio"): [outcome("flute", 1, 3)],
        method("deep_layer"): [],
    }
    # On the tuning clips judge b prefers `curves`, judge a the matching equaliser.
    tuned = {
        method("none"): [outcome("flute", 4, 4)],
        method("equaliser"): [outcome("flute", 1, 2)],
        method("curves"): [outcome("flute", 2, 1)],
    }
    rows = {row["method"]: row for row in heard.rows_of(found, tuned, JUDGES)}
    dream = rows["dream"]["judges"]
    assert dream["a"]["equaliser"]["all"]["mean"] == 0 and dream["b"]["equaliser"]["all"]["mean"] == 1
    assert dream["a"]["first"]["all"]["mean"] == 1 and dream["b"]["first"]["all"]["mean"] == 0
    assert rows["deep_layer"]["judges"] == {} and rows["deep_layer"]["pitch"] is None
    cells = heard.shown(rows["dream"], JUDGES)
    assert cells["first 1"] == "100% (100-100)" and cells["eq 1"] == "0%" and cells["loud dB"] == "0.5 (0.5)"
    assert set(heard.shown(rows["deep_layer"], JUDGES).values()) == {"deep_layer", ""}


def test_rows_are_those_that_are_asked_for(heard, tmp_path):
    given = heard.asked(["--only", "dream", "organ_loft", "--quick"])
    assert [(one.name, one.mode) for one in heard.methods(given)] == [
        ("none", ""), ("dream", "studio"), ("organ_loft", "studio"),
    ]  # fmt: skip
    every = heard.methods(heard.asked([]))
    assert [one.mode for one in every if one.name == "dream"] == ["studio", "live", "instant"]
    own = heard.methods(heard.asked(["--student", "notes", "--set", "reach_db=18", "steps=1", "--modes", "live"]))
    assert [(one.name, one.mode) for one in own if one.name == "notes"] == [("notes", "live")]


def test_a_student_has_knobs_of_its_own_and_no_row_where_it_could_not_add_anything(heard):
    given = heard.asked(
        ["--student", "voices breath=1 above=0.5", "voices", "--only", "voices", "voices breath=1 above=0.5"]
    )
    assert [(one.name, one.mode) for one in heard.methods(given)[1:]] == [
        ("voices breath=1 above=0.5", "studio"), ("voices breath=1 above=0.5", "live"),
        ("voices", "studio"), ("voices", "live"), ("voices", "instant"),
    ]  # fmt: skip


def test_a_setting_without_a_value_is_said(heard, capsys):
    with pytest.raises(SystemExit):
        heard.asked(["--set", "reach_db"])
    assert "--set reach_db: expected KEY=VALUE, like reach_db=18" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        heard.asked(["--student", "voices breath"])
    assert "breath: expected KEY=VALUE after the model, like breath=0.5" in capsys.readouterr().err
