"""`train folder`, `train networks` and `search` as a user meets them, on clips of real songs."""

import csv
import os
import shutil
import signal
import threading

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.cli.app import main
from tests.conftest import ROOT

from ..conftest import Finished

pytest.importorskip("torch", reason="the extra [train] is not installed")

GENRES = ROOT.parent / "shared" / "data" / "genres"
TRACKS = 4
"""Of each class."""
SMALL = ("--network", "dense", "--set", "units=8", "--plan", "epochs=2")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for what is encoded, so that tests share it and a user's own stays as it is."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """The command line in this process, which has loaded torch already, in the test's folder."""
    heeded = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Finished(ended.value.code, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, heeded)


@pytest.fixture(autouse=True)
def _cached(cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A folder for each of two classes, with two clips of some tracks; of noise where the songs are not."""
    folder = tmp_path_factory.mktemp("songs")
    for name in ("metal", "soft"):
        (folder / name).mkdir()
    if not GENRES.is_dir():
        return _noises(folder)
    taken = {}
    with (GENRES / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            tracks = taken.setdefault(row["style2"], {})
            clips = tracks.setdefault(row["track"], [])
            if row["style2"] and len(clips) < 2 and list(tracks).index(row["track"]) < TRACKS:
                clips.append(row["clip"])
                target = folder / row["style2"] / row["track"]
                target.mkdir(exist_ok=True)
                shutil.copy(GENRES / row["clip"], target)
    return folder


def _noises(folder):
    random = np.random.default_rng(0)
    for name, level in (("metal", 0.3), ("soft", 0.05)):
        for track in range(TRACKS):
            with AudioFile(str(folder / name / f"{track}.wav"), "w", 44_100, 1) as file:
                file.write((level * random.standard_normal((1, 200_000))).astype(np.float32))
    return folder


def test_from_a_folder_to_a_measured_checkpoint(here, songs, tmp_path):
    run = here("train", "folder", songs, *SMALL, "--out", "songs.safetensors", "--json")
    assert run.status == 0, run
    report = run.json
    assert report["classes"] == ["metal", "soft"] and report["epochs"] == 2 and 1 <= report["best_epoch"] <= 2
    assert sum(report["recordings"].values()) == 2 * TRACKS and min(report["recordings"].values()) >= 2
    for part in ("validation", "test"):
        assert report[part]["by_clip"]["count"] == report["clips"][part]
        assert report[part]["by_recording"]["count"] == report["recordings"][part]
        assert 0 <= report[part]["by_clip"]["accuracy"] <= 1
    assert {"training.pt", "log.csv"} <= {path.name for path in (tmp_path / "songs_run").iterdir()}
    first = (tmp_path / "songs.safetensors").read_bytes()
    again = here("train", "folder", songs, *SMALL, "--out", "songs.safetensors")
    assert again.status == 0 and "by recording" in again.out and "validation" in again.out, again
    assert (tmp_path / "songs.safetensors").read_bytes() == first, "gone on with from its end"
    other = here("train", "folder", songs, *SMALL, "--seed", 1, "--out", "songs.safetensors")
    assert other.refused("songs_run", "training.pt", "another folder")


def test_an_onnx_file_that_is_proved(here, songs):
    run = here("train", "folder", songs, *SMALL, "--epochs", 1, "--out", "songs.onnx", "--json")
    assert run.status == 0, run
    manifest = here("verify", "songs.onnx", "--json").json["manifest"]
    assert manifest["kind"] == "classifier" and manifest["classes"] == ["metal", "soft"]
    assert manifest["accuracy"]["by_clip"] == pytest.approx(run.json["test"]["by_clip"]["accuracy"], abs=1e-4)


def test_search_of_a_folder(here, songs, tmp_path):
    vary = "plan.learning_rate=1e-4..1e-1", "plan.weight_decay=0..0.1", "plan.label_smoothing=0..0.2", "dropout=0..0.5"
    arguments = ("search", songs, *SMALL, *(part for one in vary for part in ("--vary", one)), "--run", "found")
    run = here(*arguments, "--trials", 2, "--json")
    assert run.status == 0, run
    assert len(run.json["trials"]) == 2 and (tmp_path / run.json["best"]["checkpoint"]).is_file()
    shown = here(*arguments, "--trials", 2)
    assert shown.status == 0 and "best: " in shown.out
    for one in vary:
        assert shown.out.count(one.partition("=")[0] + "=") == 2, "whole, in a terminal of 80 columns"


def test_ctrl_c_tells_how_far_it_came(here, songs, tmp_path):
    """A key that is pressed once there is an epoch, in trainings that would go on for hours."""
    long = (*SMALL, "--epochs", 10_000)

    def interrupted(pattern, *arguments):
        ended = threading.Event()

        def press():
            while not ended.wait(0.01):
                if any(len(log.read_text().splitlines()) > 2 for log in tmp_path.glob(pattern)):
                    return os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        run = here(*arguments)
        ended.set()
        assert run.status == 130 and run.out == "" and run.err.count("\n") == 1, run
        return run.err

    said = interrupted("a_run/log.csv", "train", "folder", songs, *long, "--out", "a.safetensors")
    done = len((tmp_path / "a_run" / "log.csv").read_text().splitlines()) - 1
    assert f"stopped after epoch {done} of 10000; the same command goes on: a_run" in said
    vary = ("--vary", "plan.learning_rate=1e-4..1e-3")
    said = interrupted("s/trials/*/log.csv", "search", songs, *long, *vary, "--run", "s", "--trials", 3)
    assert "stopped after 0 of 3 trials; the same command goes on: s" in said


def test_the_table_of_networks(here):
    run = here("train", "networks", "--json")
    rows = {row["name"]: row for row in run.json}
    assert {"raw", "vgg", "lstm", "dense", "recurrent", "conv", "conv_recurrent", "deep", "columns"} <= set(rows)
    assert rows["vgg"]["settings"]["kernel"] == "3x3" and rows["raw"]["input"]["sample_rate"] == 8000
    assert "full-height" in here("train", "networks").out


@pytest.mark.parametrize("arguments, words", [
    (["--network", "vgp"], ["no network named 'vgp' (did you mean 'vgg'?)"]),
    (["--network", "vgg", "--set", "dept=3"], ["vgg: no 'dept' (did you mean 'depth'?)"]),
    (["--network", "vgg", "--set", "depth"], ["setting 'depth': expected key=value"]),
    (["--network", "vgg", "--set", "depth=99"], ["depth = 99"]),
    (["--network", "vgg", "--plan", "epochs=none"], ["plan: epochs"]),
    (["--network", "vgg", "--plan", "rate=1"], ["plan: no 'rate'"]),
    (["--network", "vgg", "--segment", "seconds=0"], ["segments: seconds = 0"]),
    (["--network", "vgg", "--input", "kind=mell"], ["input: no kind 'mell' (did you mean 'mel'?)"]),
    (["--network", "lstm", "--set", "width=10000000"], ["out of memory", "bytes", "smaller settings"]),
    (["--network", "vgg", "--copies", "999999999"], ["out of memory", "TiB", "smaller settings"]),
    (["--network", "raw", "--input", "kind=mel", "--input", "bandz=3"], ["input: no 'bandz' (did you mean 'bands'?)"]),
    (["--network", "vgg", "--out", "x.pt"], ["x.pt", ".safetensors or .onnx"]),
    (["--network", "vgg", "--out", "nowhere/x.onnx"], ["nowhere: no such folder"]),
    ([], ["--network"]),
])  # fmt: skip
def test_bad_argument(here, songs, arguments, words):
    out = [] if "--out" in arguments else ["--out", "x.safetensors"]
    assert here("train", "folder", songs, *arguments, *out).refused(*words)


def test_bad_folders(here, recording, tmp_path):
    def refused(name, *words):
        return here("train", "folder", name, *SMALL, "--out", "x.safetensors").refused(*words)

    assert refused("none", "none: no such folder")
    (tmp_path / "taken.onnx").mkdir()
    assert here("train", "folder", "none", *SMALL, "--out", "taken.onnx").refused("taken.onnx is a folder")
    (tmp_path / "empty").mkdir()
    assert refused("empty", "empty", "two or more")
    (tmp_path / "sounds" / "one").mkdir(parents=True)
    for number in range(3):
        recording(f"sounds/one/{number}.wav", seconds=4, seed=number)
    assert refused("sounds", "one", "two or more")
    (tmp_path / "sounds" / "???").mkdir()
    assert refused("sounds", "class '???'")
    (tmp_path / "sounds" / "???").rename(tmp_path / "sounds" / "two")
    assert refused("sounds", "two", "empty class")
    recording("sounds/two/0.wav", seconds=4, seed=10)
    assert refused("sounds", "class 'two'", "expected three or more")
    for number in (1, 2):
        (tmp_path / "sounds" / "two" / f"{number}.wav").write_text("no sound " * 100)
    assert refused("sounds", "two", "no sound that can be read")
    for number in (1, 2):
        shutil.copy(tmp_path / "sounds" / "two" / "0.wav", tmp_path / "sounds" / "two" / f"{number}.wav")
    assert refused("sounds", "the same sound on two sides")
    assert not (tmp_path / "x.safetensors").exists()
