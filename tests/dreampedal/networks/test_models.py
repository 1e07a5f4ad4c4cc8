"""`verify`, `evaluate` and `train notes` as a user meets them; what they call has tests of its own."""

import os

import numpy as np
import onnx
import pytest
from pedalboard.io import AudioFile

from dreampedal import library
from dreampedal.engine.model.structure import read_model


@pytest.fixture(scope="module")
def shipped():
    return library.find("model", "notes")


def test_the_shipped_model_is_proved(dreampedal, shipped):
    run = dreampedal("verify", shipped, "--json")
    assert run.status == 0
    assert run.json["takes"] >= 1 and run.json["partitions"] >= 3
    assert run.json["golden_deviation"] < 1e-3
    assert "flute" in run.json["manifest"]["classes"]


def test_a_name_does_for_a_path(dreampedal, shipped):
    run = dreampedal("verify", "notes", "--json")
    assert run.status == 0 and run.json["file"] == str(shipped)


@pytest.mark.parametrize("model, words", [
    ("nots", ["no model named 'nots'", "did you mean 'notes'"]),
    ("none.onnx", ["none.onnx: no such model file; there are, by name: ", "notes"]),
    ("none/notes", ["none/notes: no such model file"]),
    (".", [". is a folder: expected a model file (.onnx)"]),
])  # fmt: skip
def test_a_model_that_is_not_there(dreampedal, model, words):
    assert dreampedal("verify", model).refused(*words)


@pytest.mark.parametrize("arguments", [
    ["verify", "new.onnx"],
    ["classify", "tone.wav", "--model", "new.onnx"],
    ["process", "tone.wav", "-o", "out.wav", "--preset", "new.toml"],
], ids=["verify", "classify", "process"])  # fmt: skip
def test_a_model_of_a_newer_format_is_told_before_anything_is_played(dreampedal, shipped, tmp_path, arguments):
    model = onnx.load(shipped)
    model.ir_version = 99
    onnx.save(model, tmp_path / "new.onnx")
    (tmp_path / "new.toml").write_text('[[effects]]\ntype = "Dream"\ntarget = "conv1"\nmodel = "new.onnx"\n')
    with AudioFile(str(tmp_path / "tone.wav"), "w", 48_000, 1) as file:
        file.write(np.sin(np.arange(48_000, dtype=np.float32) / 10)[None])
    found = "new.onnx: version of the file format (IR) is 99: expected at most"
    assert dreampedal(*arguments).refused(found, "install a newer one")
    assert not (tmp_path / "out.wav").exists()


def test_a_pipe_is_no_model_and_never_waited_for(dreampedal, tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    assert dreampedal("verify", "pipe.onnx").refused("pipe.onnx is a pipe")


def test_a_proof_reads_as_sentences(dreampedal, shipped):
    run = dreampedal("verify", shipped)
    assert "golden takes" in run.out and "partition law" in run.out and run.err == ""


def test_a_licence_of_a_whole_page_is_begun_and_found(dreampedal):
    licence = read_model(library.find("model", "genres"))[1].training.licence
    [said] = [line for line in dreampedal("verify", "genres").out.splitlines() if "trained on: " in line]
    assert len(licence) > 500 and licence[:40] in said and said.endswith(" ... (all of it: --json))"), said


def test_a_model_that_was_changed_is_refused(dreampedal, shipped, tmp_path):
    whole = bytearray(shipped.read_bytes())
    whole[len(whole) // 2] ^= 0x40
    (tmp_path / "changed.onnx").write_bytes(whole)
    assert dreampedal("verify", "changed.onnx").refused("changed.onnx")
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    assert dreampedal("verify", "half.onnx").refused("half.onnx")


def test_a_file_that_is_no_model(dreampedal, tmp_path):
    (tmp_path / "text.onnx").write_text("words")
    assert dreampedal("verify", "text.onnx").refused("text.onnx", "not ONNX")


def test_recordings_are_judged_by_their_names(dreampedal, recording, tmp_path):
    recording("flute.wav", seconds=1)
    recording("drums.wav", seconds=1)
    run = dreampedal("evaluate", "notes", "--folder", tmp_path, "--json")
    assert run.status == 0
    assert [(row["name"], row["family"]) for row in run.json["recordings"]] == [("flute.wav", "flute")]


@pytest.mark.parametrize("arguments, words", [
    (["evaluate", "notes"], ["nothing to judge on"]),
    (["evaluate", "nots", "--folder", "."], ["no model named 'nots'", "did you mean 'notes'"]),
    (["evaluate", "notes", "--folder", "none"], ["none: no such file"]),
    (["evaluate", "notes", "--folder", "."], ["no recording whose name tells a family"]),
    (["evaluate", "notes", "--soundfont", "none.sf2"], ["none.sf2: no such file"]),
    (["train", "notes"], ["--soundfont"]),
])  # fmt: skip
def test_bad_argument(dreampedal, arguments, words):
    assert dreampedal(*arguments).refused(*words)


@pytest.mark.parametrize("arguments, words", [
    (["--soundfont", "none.sf2"], ["none.sf2: no such file"]),
    (["--soundfont", "text.sf2"], ["text.sf2"]),
    (["--soundfont", "text.sf2", "--out", "nowhere/notes.onnx"], ["nowhere: no such folder"]),
    (["--soundfont", "text.sf2", "--out", "notes.pt"], ["notes.pt", "ends in .onnx"]),
    (["--soundfont", "text.sf2", "--minutes", "nan"], ["minutes = nan: expected a number above 0"]),
])  # fmt: skip
def test_bad_argument_of_training(dreampedal, tmp_path, arguments, words):
    pytest.importorskip("torch", reason="the extra [train] is not installed")
    (tmp_path / "text.sf2").write_text("words")
    assert dreampedal("train", "notes", *arguments).refused(*words)
