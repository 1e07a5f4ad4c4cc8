"""`evaluate --set` and `prune` as a user meets them."""

import os
import resource
import signal

import pytest

from dreampedal.cli.app import main

torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

from dreampedal.export.nets.checkpoint import load, save  # noqa: E402
from tests.export.judge.recording_parts import CLASSES, SECONDS, parts, sounds, taught, write_folder  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a set and a checkpoint that was trained on it."""
    folder = tmp_path_factory.mktemp("place")
    write_folder(folder / "filtered")
    net = taught(parts(sounds())[0], "columns", {"filters": (12, 8, 8), "context_frames": 8})
    kept = {"seed": 3, "shares": [0.5, 0.25, 0.25], "segmenting": {"seconds": SECONDS}, "set": "filtered"}
    save(net, folder / "net.safetensors", **kept)
    return folder


@pytest.fixture(autouse=True)
def cache(monkeypatch, place):
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))


@pytest.fixture
def ended(capsys, monkeypatch, tmp_path):
    """A command's status and what it printed; in this process, which has torch already."""
    monkeypatch.chdir(tmp_path)
    terminated = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return (ended.value.code, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, terminated)


def test_figures_and_pictures_of_a_set(dreampedal, place, tmp_path):
    run = dreampedal("evaluate", place / "net.safetensors", "--set", place / "filtered", "--pictures", "out", "--json")
    assert run.status == 0 and run.err == ""
    assert run.json["part"] == "test" and run.json["classes"] == list(CLASSES)
    low, high = run.json["by_recording"]["accuracy_interval"]
    assert 0.5 < low <= run.json["by_recording"]["accuracy"] <= high
    assert len(list((tmp_path / "out").glob("*.png"))) == len(run.json["pictures"]) > 8


def test_a_report_is_a_table(ended, place):
    status, out, err = ended("evaluate", place / "net.safetensors", "--set", place / "filtered", "--part", "all")
    assert status == 0 and err == ""
    assert all(words in out for words in ("(all)", "recordings", "calibration error", "precision", *CLASSES))


def test_a_checkpoint_is_made_smaller(dreampedal, place, tmp_path):
    run = dreampedal("prune", place / "net.safetensors", "--set", place / "filtered", "-o", "small.safetensors")
    assert run.status == 0 and run.err == ""
    assert "multiply-adds a clip" in run.out and "test recordings" in run.out
    assert "ended: one more kernel would cost " in run.out and "the limit is 1\n" in run.out
    assert sum(load(tmp_path / "small.safetensors").settings.filters) < 28


def test_a_full_disk_keeps_the_older_checkpoint(place, tmp_path):
    target, other = tmp_path / "net.safetensors", tmp_path / "other.safetensors"
    target.write_bytes(b"an older one")
    net = load(place / "net.safetensors")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
    try:
        with pytest.raises(OSError, match=r"net\.safetensors"):
            save(net, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"an older one"]
    save(net, other)
    assert other.stat().st_mode == target.stat().st_mode, "whoever may read the one may read the other"


@pytest.mark.parametrize("arguments, words", [
    (["evaluate", "net.safetensors", "--set", "none"], ["none: no such folder"]),
    (["evaluate", "none.safetensors", "--set", "filtered"], ["none.safetensors: no such file"]),
    (["evaluate", "net.safetensors", "--set", "filtered", "--part", "tset"], ["no manifest.csv", "'tset'"]),
    (["evaluate", "net.safetensors", "--set", "filtered", "--segment", "second=1"], ["second"]),
    (["evaluate", "net.safetensors", "--set", "filtered", "--picture", "a.png"], ["--set goes without"]),
    (["evaluate", "net.safetensors", "--set", "filtered", "--pictures", os.devnull], ["is a file", "of a folder"]),
    (["evaluate", "notes", "--pictures", "out"], ["--set FOLDER is missing"]),
    (["evaluate", "notes", "--set", "filtered"], ["the set has bright, dull, whole", "expected only"]),
    (["prune", "net.safetensors", "--set", "filtered", "-o", "nowhere/a.safetensors"], ["nowhere: no such folder"]),
    (["prune", "notes", "--set", "filtered", "-o", "a.safetensors"], ["notes: no such file", ".safetensors"]),
    (["prune", "net.safetensors", "--set", "filtered", "-o", "a.pt"], ["ends in .safetensors or .onnx"]),
])  # fmt: skip
def test_bad_argument(ended, place, arguments, words):
    there = {"net.safetensors", "filtered"}
    status, out, err = ended(*(place / word if word in there else word for word in arguments))
    assert (status, out, len(err.splitlines())) == (2, "", 1), err
    assert all(word in err for word in words), err
