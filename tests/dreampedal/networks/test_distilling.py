"""`dreampedal distil`: what it is told, and what it says."""

from pathlib import Path

import pytest

from dreampedal.console.interrupted import distillation
from dreampedal.export.train.distil.run import running
from dreampedal.export.train.distil.run.order import FAMILIES, QUICK
from dreampedal.networks import distilling
from dreampedal.networks.options import Distil

TIM = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_tim = pytest.mark.skipif(not TIM.is_file(), reason=f"{TIM} is not there (Debian: timgm6mb-soundfont)")
REPORT = {
    "model": "x.onnx", "run": "x_run", "bytes": 1_500_000, "targets": list(FAMILIES[:2]), "teachers": {"notes": "a"},
    "listeners": {"cepstral": 0.5}, "recordings": 3, "passed": {}, "passed_over": "1 silent", "schedule": {},
    "seconds": 60.0,
}  # fmt: skip


@pytest.fixture
def orders(monkeypatch):
    """Orders that were given, in place of carrying them out."""
    given = []
    monkeypatch.setattr(running, "distil", lambda order, *places: given.append((order, *places)) or REPORT)
    return given


def test_by_default_the_families_are_taught_by_all_and_by_notes(orders, capsys):
    distilling.distil(Distil(Path("x.onnx"), soundfonts=[Path("a.sf2")], quick=True))
    order, out, run, cache, _ = orders[0]
    assert order.targets == FAMILIES and order.schedule == QUICK and not order.carriers
    assert [path.stem for path in order.teachers] == ["notes"] and order.listeners == ()
    assert (out, run, cache) == (Path("x.onnx"), Path("x_run"), None)
    said = capsys.readouterr().out
    assert "x.onnx: a student of 1 teachers, 1.50 MB, verified" in said
    assert "class:bass, class:brass, and mixtures" in said and "passed over: 1 silent; used: 3" in said


def test_teachers_that_are_named_take_the_place_of_notes_and_all_carriers_have_a_word(orders):
    told = Distil(Path("x.onnx"), sounds=[Path("songs")], teachers=["songs"], targets=["conv3:5"], carriers=["all"])
    distilling.distil(told)
    order = orders[0][0]
    assert [path.stem for path in order.teachers] == ["songs"] and order.targets == ("conv3:5",)
    assert order.carriers == ("below", "deep", "above", "breath")


def test_two_schedules_at_once_and_an_unknown_teacher_are_refused():
    with pytest.raises(ValueError, match="--quick is --hours 1: expected it without --hours 3"):
        Distil(Path("x.onnx"), hours=3, quick=True)
    with pytest.raises(ValueError, match=r"no model named 'nots' \(did you mean 'notes'\?\)"):
        distilling.distil(Distil(Path("x.onnx"), teachers=["nots"]))


def test_an_interrupted_run_says_how_far_it_came():
    said = distillation(Path("x_run"), {"phrases of a": (9, 9), "student": (40, 3000)})
    assert said == "stopped in student, 40 of 3000 done; the same command goes on: x_run"


def test_a_bad_target_is_one_line_and_status_2(dreampedal, tmp_path):
    font = tmp_path / "a.sf2"
    font.write_bytes(b"not looked at yet")
    finished = dreampedal("distil", "-o", tmp_path / "x.onnx", "--soundfont", font, "--target", "class:gong")
    finished.refused("target 'class:gong'", "there are class:bass")


@needs_tim
@pytest.mark.slow
def test_from_a_soundfont_to_a_model_that_verifies(dreampedal, tmp_path):
    """TimGM6mb trains nothing that ships: here it is only small."""
    out = tmp_path / "tiny.onnx"
    told = ["distil", "-o", out, "--soundfont", TIM, "--hours", "0.0005", "--seed", "3", "--json"]
    told += ["--listener", "cepstral", "--target", "class:flute", "--target", "class:bass"]
    report = dreampedal(*told).json
    assert set(report["listeners"]) == {"cepstral"} and report["targets"] == ["class:flute", "class:bass"]
    assert report["bytes"] == out.stat().st_size < 2_000_000
