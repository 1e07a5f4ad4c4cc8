"""The demo: a sound, a picture and a line of figures for each preset, and all of it true."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.presets import demo_recording, shipped_presets
from dreampedal.rendering import demo as demo_module


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of one run, and its report."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "dreampedal", "demo", "--out", folder / "out", "--json"],
        check=True, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"},
    )  # fmt: skip
    return folder / "out", json.loads(done.stdout)


def read(path):
    with AudioFile(str(path)) as file:
        return file.read(file.frames)


def test_every_shipped_preset_has_a_sound_and_a_picture(demo):
    out, report = demo
    names = set(shipped_presets())
    assert {entry["preset"] for entry in report} == names
    assert {path.name for path in out.iterdir()} == (
        {f"{name}.wav" for name in names} | {f"{name}.png" for name in names} | {"dry.flac"}
    )
    dry = read(out / "dry.flac")
    for entry in report:
        assert read(entry["file"]).shape == dry.shape
        assert os.path.getsize(entry["picture"]) > 20_000


OF_STUDENTS = {"bowed", "brass_edge", "deep_ground", "ghost_choir", "hall_of_flutes", "organ_loft", "struck_glass"}


def test_the_network_hears_more_of_the_target_in_every_file(demo):
    for entry in demo[1]:
        if entry["preset"] not in OF_STUDENTS:
            assert entry["objective_after"] > entry["objective_before"], entry["preset"]


def test_judges_give_most_classes_of_students_a_larger_share(demo):
    """Of one recording, and of some: `tests/presets/test_dreams.py` asks over all of them."""
    gained = [
        entry["objective_after"] - entry["objective_before"] for entry in demo[1] if entry["preset"] in OF_STUDENTS
    ]
    assert len(gained) == len(OF_STUDENTS) and sum(gain > 0 for gain in gained) >= 4


def test_nothing_is_clipped_and_nothing_much_louder(demo):
    for entry in demo[1]:
        assert np.abs(read(entry["file"])).max() <= 10 ** (-0.9 / 20)
        assert abs(entry["loudness_change_db"]) < 4, entry["preset"]


@pytest.fixture
def parts(tmp_path):
    """Two seconds each of the shipped recording, as files."""
    audio, rate = demo_recording()
    found = tmp_path / "early.wav", tmp_path / "late.wav"
    for path, begin in zip(found, (0, 4), strict=True):
        with AudioFile(str(path), "w", rate, 2) as file:
            file.write(audio[:, begin * round(rate) : (begin + 2) * round(rate)])
    return found


def test_each_of_several_recordings_has_a_folder_of_its_name(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_module, "shipped_presets", lambda: {"struck_glass": shipped_presets()["struck_glass"]})
    demo_module.run(tmp_path / "out", parts, as_json=False)
    for part in parts:
        found = {path.name for path in (tmp_path / "out" / part.stem).iterdir()}
        assert found == {"dry.wav", "struck_glass.wav", "struck_glass.png"}


def test_recordings_that_cannot_be_told_apart_or_judged_are_refused_before_anything_is_written(
    dreampedal, parts, tmp_path
):
    other, out = tmp_path / "other" / "early.wav", tmp_path / "out"
    other.parent.mkdir()
    shutil.copy(parts[0], other)
    dreampedal("demo", parts[0], other, "--out", out).refused("two recordings have one name")
    with AudioFile(str(tmp_path / "silent.wav"), "w", 44_100, 1) as file:
        file.write(np.zeros((1, 44_100), np.float32))
    dreampedal("demo", tmp_path / "silent.wav", "--out", out).refused("silent.wav: silent")
    dreampedal("demo", tmp_path / "missing.wav", "--out", out).refused("missing.wav")
    assert not out.exists()
