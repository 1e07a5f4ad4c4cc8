"""From a soundfont to a student's file: resumed to the same bits, and each bad input said in one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.structure import read_model
from dreampedal.export.train.distil import distilling, listening
from dreampedal.export.train.distil.distilling import Course
from dreampedal.export.train.distil.run import running
from dreampedal.export.train.distil.run.order import Order, Schedule
from tests.export.soundfonts import write_patch
from tests.export.train.distil.run.test_recordings import noise, write
from tests.export.train.distil.run.test_teachers import written

TINY = Schedule(phrases=24, listener_steps=4, student_steps=4)


class Killed(BaseException):
    """What no part of the training catches, as a kill is."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder of patches, one of songs, a teacher and a cache that all runs share."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "patches").mkdir()
    (folder / "songs").mkdir()
    for number, program in enumerate((32, 73, 40)):
        write_patch(folder / "patches" / f"{program:03d}_patch.pat", hz=200 + 150 * number)
    write(folder / "songs" / "long.wav", noise(90_000))
    write(folder / "songs" / "silent.wav", np.zeros(90_000))
    written(folder / "mine.onnx", filters=(8, 6))
    return folder


@pytest.fixture
def order(places):
    return Order(
        targets=("class:flute", "class:bass", "conv2:3"), soundfonts=(places / "patches",),
        recordings=(places / "songs",), teachers=(places / "mine.onnx",), listeners=("cepstral",), schedule=TINY,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A training of the same form that takes a second."""
    monkeypatch.setattr(running, "Course", lambda **given: Course(batch=2, frames=56, **given))
    monkeypatch.setattr(distilling, "SAVED_EVERY", 2)
    monkeypatch.setattr(listening, "EVERY", 2)


def kill_at(part, count):
    """A progress that ends the run as soon as a part of it is so far."""

    def progress(what, done, total):
        if what.startswith(part) and done >= count:
            raise Killed

    return progress


def test_from_sounds_to_a_file_and_killed_twice_to_the_same_bits(order, places, tmp_path):
    cache, whole, killed = places / "cache", tmp_path / "whole.onnx", tmp_path / "killed.onnx"
    another = tmp_path / "cache"  # listeners are kept beside the phrases
    report = running.distil(order, whole, tmp_path / "one", cache)
    for part, count in (("listener", 4), ("student", 4)):
        with pytest.raises(Killed):
            running.distil(order, killed, tmp_path / "two", another, kill_at(part, count))
        assert not killed.exists()
    running.distil(order, killed, tmp_path / "two", another)
    _, manifest = read_model(whole)
    assert isinstance(manifest, StudentManifest)
    assert read_model(killed)[1].content_hash == manifest.content_hash
    assert manifest.targets == order.targets and manifest.reach_db == (12.0, 24.0)
    assert [teacher.name for teacher in manifest.teachers] == ["listener_cepstral", "mine"]
    assert report["teachers"]["mine"] == manifest.teachers[1].content_hash
    assert 0 <= manifest.accuracy["listener_cepstral"] <= 1
    assert manifest.training.licence == "as the soundfonts: patches not said; as the recordings in songs"
    assert "patches" in manifest.training.data and "1 recordings in songs" in manifest.training.data
    assert report["recordings"] == 1 and report["passed"]["silent"] == 1 and report["passed_over"] == "1 silent"
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, r"order\.json: seed is 0: expected 1; go on as it began, or give another folder"),
        ({"targets": ("class:flute", "class:bass")}, r"order\.json: targets is "),
        ({"schedule": replace(TINY, student_steps=9)}, "schedule.student_steps is 4: expected 9"),
    ],
    ids=str,
)
def test_a_run_folder_of_another_training_is_refused(changes, said, order, tmp_path):
    begin(order, tmp_path / "run")
    with pytest.raises(ValueError, match=said):
        running.distil(replace(order, **changes), tmp_path / "x.onnx", tmp_path / "run")


def begin(order, run):
    """A run that was killed as soon as it had begun."""
    with pytest.raises(Killed):
        running.distil(order, run.parent / "x.onnx", run, run / "phrases", kill_at("phrases", 1))


def test_a_teacher_with_another_hash_or_none_is_named(order, places, tmp_path):
    begin(order, tmp_path / "run")
    written(tmp_path / "mine.onnx", filters=(8, 7))
    other = replace(order, teachers=(tmp_path / "mine.onnx",))
    with pytest.raises(ValueError, match=r"order\.json: teachers\.mine is \"[0-9a-f]{64}\": expected \"[0-9a-f]{64}\""):
        running.distil(other, tmp_path / "x.onnx", tmp_path / "run")
    gone = replace(order, teachers=(tmp_path / "gone.onnx",))
    with pytest.raises(ValueError, match=r"gone\.onnx"):
        running.distil(gone, tmp_path / "x.onnx", tmp_path / "run")


def test_a_class_with_no_notes_is_named_before_anything_is_rendered(order, tmp_path):
    with pytest.raises(ValueError, match="patches: no notes of vocal: expected some"):
        running.distil(replace(order, targets=("class:vocal",)), tmp_path / "x.onnx", tmp_path / "run")
    assert not list((tmp_path / "run").glob("phrases/*"))


@pytest.mark.parametrize("content", [b"", b"no soundfont"])
def test_a_soundfont_that_cannot_be_read_is_named(content, order, tmp_path):
    font = tmp_path / "hurt.sf2"
    font.write_bytes(content)
    with pytest.raises(ValueError, match=r"hurt\.sf2: expected a soundfont"):
        running.distil(replace(order, soundfonts=(font,)), tmp_path / "x.onnx", tmp_path / "run")


def test_weights_of_unknown_origin_are_refused(order, tmp_path):
    (tmp_path / "run" / "student").mkdir(parents=True)
    (tmp_path / "run" / "student" / "student.safetensors").write_bytes(b"whose?")
    with pytest.raises(ValueError, match="holds a training that does not say of what"):
        running.distil(order, tmp_path / "x.onnx", tmp_path / "run")


def test_places_that_cannot_be_written_are_refused_first(order, tmp_path):
    (tmp_path / "file").touch()
    for out, run, said in (
        (tmp_path / "x.txt", tmp_path / "run", r"expected a name that ends in \.onnx"),
        (tmp_path / "none" / "x.onnx", tmp_path / "run", "no such folder"),
        (tmp_path / "x.onnx", tmp_path / "file", "is a file: expected a folder"),
    ):
        with pytest.raises(ValueError, match=said):
            running.distil(order, out, run)


def test_a_full_disk_is_said_and_what_was_made_is_kept(order, places, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "phrases")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match=r"MB needed, .* MB free"):
        running.distil(order, tmp_path / "x.onnx", tmp_path / "run")
    assert (tmp_path / "run" / "order.json").exists() and not list(Path(tmp_path / "run").rglob("*.npy"))
