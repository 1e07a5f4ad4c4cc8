"""`verify` on a student, and what plays and judges by one as a user meets it."""

import numpy as np
import pytest
from pedalboard.io import AudioFile

pytest.importorskip("torch", reason="the student here is exported from torch")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from ...export.compile.student_scene import CARRIERS, drawn, exported

    return exported(drawn(CARRIERS), tmp_path_factory.mktemp("models") / "tiny.onnx", teachers={"mel": "a" * 64})


def test_it_is_proved(dreampedal, model):
    run = dreampedal("verify", model, "--json")
    assert run.status == 0 and run.json["takes"] == 3 and run.json["partitions"] >= 3
    assert run.json["golden_deviation"] < 1e-3 and run.json["manifest"]["kind"] == "student"


def test_what_it_is_for_is_told(dreampedal, model):
    run = dreampedal("verify", model)
    assert run.status == 0
    for words in ("kind: student, for a reach of 6 to 24 dB", "targets: class:flute, class:choir, conv3:5",
                  "carriers: below, breath", "teachers: mel", "partition law"):  # fmt: skip
        assert words in run.out


def test_a_preset_plays_it_and_errors_are_one_line(dreampedal, model, tmp_path):
    with AudioFile(str(tmp_path / "in.wav"), "w", 48_000, 1) as file:
        file.write((0.1 * np.random.default_rng(0).normal(size=(1, 9600))).astype(np.float32))
    preset = tmp_path / "mine.toml"
    preset.write_text(f'[[effects]]\ntype = "Dream"\ntarget = "conv3:5"\nmodel = "{model}"\n')
    given = "process", tmp_path / "in.wav", "-o", tmp_path / "out.wav", "--preset", preset
    assert dreampedal(*given).status == 0 and (tmp_path / "out.wav").exists()
    assert dreampedal(*given, "--set", "target=class:organ").refused("not distilled for 'class:organ'", "class:choir")
    assert dreampedal(*given, "--set", "steps=8").refused("steps = 8", "is a student")
    assert dreampedal("classify", tmp_path / "in.wav", "--model", model).refused("manifest.kind is student")
