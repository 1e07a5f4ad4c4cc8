"""The command line where nothing that was compiled is kept, can be kept, or is whole: it plays, in a line at most."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.cli.app import main
from dreampedal.rendering import rendering

from ..stress import STRESSED
from .conftest import HALL, but_compiling

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("engine", "effects", "export", "presets")
RATE = 44_100
COMPILES = "dreampedal: compiling kernels for this machine, once: up to half a minute\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An installation that not even root can write to: where a folder of compiled files goes there is a file."""
    site = tmp_path_factory.mktemp("site")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dreampedal", site / "dreampedal", ignore=without)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, site / "dreampedal" / folder, ignore=without)
    for folder in (site / "dreampedal", *(path for path in (site / "dreampedal").rglob("*") if path.is_dir())):
        (folder / "__pycache__").write_text("")
    return site


@pytest.fixture
def start(site, tmp_path):
    """Start the installed command in the test's folder, with no home; `before` is put in front of it."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "hall.toml").write_text(HALL)
    with AudioFile(str(tmp_path / "in.wav"), "w", RATE, 2) as file:
        file.write(np.sin(np.arange(RATE, dtype=np.float32) / 10) * np.ones((2, 1), np.float32) / 2)
    bare = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    bare |= {"PYTHONPATH": str(site), "HOME": "/dev/null", "TMPDIR": str(tmp_path / "temporary")}

    def started(*arguments, before=(), **environment):
        return subprocess.Popen(
            [*before, sys.executable, "-m", "dreampedal", *arguments], cwd=tmp_path, env=bare | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return started


@pytest.fixture
def play(start, tmp_path):
    """Play a file through a preset and a ceiling, which is a kernel; what came on stderr."""

    def played(preset="hall.toml", out="out.wav", **environment):
        process = start("process", "in.wav", "-o", out, "--preset", preset, "--ceiling", "-1", **environment)
        _, told = process.communicate(timeout=600)
        assert process.returncode == 0, told
        with AudioFile(str(tmp_path / out)) as file:
            assert file.frames == RATE and np.abs(file.read(RATE)).max() > 0.5
        return told

    return played


def kept(folder):
    return sorted(folder.rglob("*.nb?"))


def test_no_home_and_nothing_to_write_to(play, tmp_path):
    """What is compiled goes to a temporary folder, and is found there."""
    assert play() == COMPILES  # one line says what takes its time
    files = {file: file.stat().st_mtime_ns for file in kept(tmp_path / "temporary")}
    assert files
    assert play() == ""
    assert {file: file.stat().st_mtime_ns for file in kept(tmp_path / "temporary")} == files


def test_not_even_a_temporary_folder(play, tmp_path):
    """Nor a folder of that name which others write to; one line says why the start takes its time."""
    trap = tmp_path / "temporary" / f"dreampedal-kernels-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    (line,) = but_compiling(play()).splitlines()
    assert line.startswith("dreampedal: warning: what is compiled cannot be kept") and "NUMBA_CACHE_DIR" in line
    assert not kept(tmp_path)


def test_a_home_that_can_be_written(play, tmp_path):
    assert play(HOME=str(tmp_path / "home")) == COMPILES
    assert kept(tmp_path / "home" / ".cache" / "numba") and not kept(tmp_path / "temporary")


def test_files_of_no_length_are_written_anew(play, tmp_path):
    """As they are after a power cut."""
    folder = tmp_path / "kept"
    play(NUMBA_CACHE_DIR=str(folder))
    sizes = {file: file.stat().st_size for file in kept(folder)}
    assert len(sizes) >= 2
    for file in sizes:
        file.write_bytes(b"")
    assert play(NUMBA_CACHE_DIR=str(folder)) == COMPILES
    assert {file: file.stat().st_size for file in kept(folder)} == sizes


def small_disk(folder):
    """What starts a command in a world of its own, where `folder` is a disk of 16 kB; skips where none can be made."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size=16k none "$0" && exec "$@"'
    before = [*unshare, "sh", "-c", mount, str(folder)]
    try:
        subprocess.run([*before, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    return before


def test_a_full_disk_for_what_is_compiled(play, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    (line,) = but_compiling(play(before=small_disk(folder), NUMBA_CACHE_DIR=str(folder))).splitlines()
    assert "cannot be kept" in line and str(folder) in line and "No space left on device" in line


def test_two_that_start_at_once(start, play, tmp_path):
    folder = tmp_path / "kept"
    processes = [
        start("process", "in.wav", "-o", f"{n}.wav", "--preset", "hall.toml", "--ceiling", "-1",
              NUMBA_CACHE_DIR=str(folder))
        for n in range(2)
    ]  # fmt: skip
    told = [(but_compiling(process.communicate(timeout=600)[1]), process.returncode) for process in processes]
    assert told == [("", 0)] * 2
    assert len({(tmp_path / f"{n}.wav").read_bytes() for n in range(2)}) == 1
    files = [file.stat().st_mtime_ns for file in kept(folder)]
    play(NUMBA_CACHE_DIR=str(folder))
    assert files and [file.stat().st_mtime_ns for file in kept(folder)] == files


@pytest.mark.stress
@pytest.mark.skipif(not STRESSED, reason="all kernels of a dream are compiled, twice")
def test_a_dream_with_no_home_and_with_a_damaged_cache(play, tmp_path):
    assert play("hall_of_flutes") == COMPILES
    first = (tmp_path / "out.wav").read_bytes()
    for file in kept(tmp_path / "temporary"):
        file.write_bytes(b"")
    assert play("hall_of_flutes") == COMPILES
    assert (tmp_path / "out.wav").read_bytes() == first


def test_an_end_that_comes_too_early_is_no_interruption(monkeypatch, capsys):
    """typer takes an EOFError, wherever it is raised, for a user who ended the input."""

    def read_a_damaged_file(*_):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(rendering, "plan", read_a_damaged_file)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        main(["process", "in.wav", "-o", "out.wav", "--preset", "hall_of_flutes"])
    told = "dreampedal: a file that was read ended too early: Ran out of input\n"
    assert (end.value.code, *capsys.readouterr()) == (2, "", told)
