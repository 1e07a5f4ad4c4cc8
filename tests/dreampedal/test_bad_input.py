"""Whatever a user hands over, the answer is one line that names it, exit status 2, and no half-written file."""

import errno
import os
import resource
import signal
import subprocess
import time

import numpy as np
import pytest
from pedalboard.io import AudioFile

from .conftest import command


@pytest.fixture
def process(dreampedal, hall):
    """`process` of a recording into `out.wav`."""

    def run(source, *more, out="out.wav", **kwargs):
        return dreampedal("process", source, "-o", out, "--preset", hall, *more, **kwargs)

    return run


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """No temporary file survives a failure."""
    yield
    assert not [path.name for path in tmp_path.rglob("*.part*")]


def test_missing_file(process):
    assert process("none.wav").refused("none.wav", "no such file")


def test_folder_for_a_file(process, tmp_path):
    assert process(tmp_path).refused(tmp_path, "folder", "expected a sound file")


def test_empty_file(process, tmp_path):
    (tmp_path / "empty.wav").touch()
    assert process("empty.wav").refused("empty.wav is empty")


def test_file_that_is_no_sound(process, tmp_path):
    (tmp_path / "text.flac").write_text("words " * 1000)
    assert process("text.flac").refused("text.flac", "expected one of", "flac")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_truncated_file(process, recording, tmp_path, name, part):
    whole = recording(name, seconds=3).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
    assert process(name, out=f"out.{name[2:]}").refused(name, "truncated")
    assert not list(tmp_path.glob("out.*"))


def test_file_of_zero_samples(process, recording):
    assert process(recording(seconds=0)).refused("in.wav holds no samples")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(process, tmp_path, value):
    audio = np.zeros((2, 100_000), np.float32)
    audio[1, 70_000] = value
    with AudioFile(str(tmp_path / "in.wav"), "w", 44_100, 2, bit_depth=32) as file:
        file.write(audio)
    assert process("in.wav").refused("in.wav: sample 70000 of channel 1 is", value)
    assert not (tmp_path / "out.wav").exists()


def test_too_many_channels(process, recording):
    assert process(recording(channels=9)).refused("in.wav has 9 channels", "1 to 8")


def test_output_folder_that_does_not_exist(process, recording):
    assert process(recording(), out="nowhere/out.wav").refused("nowhere: no such folder; create it first")


def test_several_files_into_no_folder(dreampedal, recording, hall):
    two = recording("a.wav"), recording("b.wav")
    assert dreampedal("process", *two, "-o", "out", "--preset", hall).refused("out: no such folder; create it first")


def test_two_files_of_one_name(dreampedal, recording, hall, tmp_path):
    (tmp_path / "other").mkdir()
    two = recording("a.wav"), recording("other/a.wav")
    (tmp_path / "out").mkdir()
    assert dreampedal("process", *two, "-o", "out", "--preset", hall).refused("would both be written to")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_that_cannot_be_written(process, recording, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert process(recording(), out="locked/out.wav").refused("locked", "Permission denied")


def test_output_folder_of_a_read_only_file_system(process, recording):
    assert process(recording(), out="/proc/out.wav").refused("/proc/", os.strerror(errno.ENOENT))


def test_format_that_cannot_be_written(process, recording):
    assert process(recording(), out="out.m4a").refused("out.m4a", "expected one of wav, flac")
    assert process(recording(), "--format", "m4a").refused("m4a", "expected one of wav, flac")


def test_rate_that_a_format_does_not_take(process, recording):
    assert process(recording(rate=96_000), out="out.mp3").refused("out.mp3", "44100")


def test_output_onto_an_input(process, recording, tmp_path):
    source = recording("out.wav")
    before = source.read_bytes()
    assert process(source).refused("out.wav is one of the recordings to read")
    (tmp_path / "link.wav").symlink_to(source)
    assert process(source, out="link.wav").refused("link.wav is one of the recordings to read")
    assert source.read_bytes() == before


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_full_disk(process, recording, tmp_path, ending):
    """A limit on the size of files fails as a full disk does: in the middle of a write."""
    source = recording(seconds=20)
    target = tmp_path / f"out.{ending}"
    target.write_bytes(b"an older take")

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    assert process(source, out=target.name, preexec=small_disk).refused(os.strerror(errno.EFBIG))
    assert target.read_bytes() == b"an older take"


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("sent, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_the_older_output(recording, hall, tmp_path, jobs, sent, status):
    sources = [recording(f"{n}.wav", seconds=240, seed=n) for n in range(jobs)]
    (tmp_path / "out").mkdir()
    for source in sources:
        (tmp_path / "out" / source.name).write_bytes(b"an older take")
    running = subprocess.Popen(
        command("process", *sources, "-o", "out", "--preset", hall, "--jobs", jobs, "--set", "1.room_size=0.5"),
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    for _ in range(600):
        if len(list(tmp_path.glob("out/.*.part.wav"))) == jobs:
            break
        time.sleep(0.05)
    else:
        running.kill()
        pytest.fail("nothing was begun within 30 s")
    (os.killpg if sent == signal.SIGINT else os.kill)(running.pid, sent)
    _, said = running.communicate(timeout=30)
    assert running.returncode == status
    assert "Traceback" not in said
    for source in sources:
        assert (tmp_path / "out" / source.name).read_bytes() == b"an older take"


@pytest.mark.parametrize("arguments, words", [
    (["--preset", "hal"], ["no preset named 'hal'"]),
    (["--preset", "none.toml"], ["none.toml: no such preset file"]),
    (["--preset", "hall.toml", "--set", "amout=1"], ["setting 'amout=1': no such parameter"]),
    (["--preset", "hall.toml", "--set", "0.gain=1"], ["no such parameter", "did you mean 'gain_db'", "gain_db"]),
    (["--preset", "hall.toml", "--set", "0.gain_db=nan"], ["pedalboard.Gain.gain_db = nan: expected a number"]),
    (["--preset", "hall.toml", "--set", "0.gain_db=loud"], ["gain_db = 'loud': expected a number"]),
    (["--preset", "hall.toml", "--set", "7.gain_db=1"], ["expected an effect from 0 to 1"]),
    (["--preset", "hall.toml", "--set", "gain"], ["setting 'gain': expected key=value"]),
    (["--preset", "hall.toml", "--ceiling", "3"], ["ceiling = 3.0 dBFS: expected -60 to 0"]),
    (["--preset", "hall.toml", "--ceiling", "nan"], ["ceiling = nan dBFS: expected -60 to 0"]),
    (["--preset", "hall.toml", "--bits", "12"], ["bits = 12: expected 16, 24, or 32"]),
    (["--preset", "hall.toml", "--jobs", "0"], ["--jobs"]),
    (["--preset", "hall.toml", "--volume", "1"], ["--volume"]),
    ([], ["--preset"]),
])  # fmt: skip
def test_bad_argument(dreampedal, recording, hall, tmp_path, arguments, words):
    assert dreampedal("process", recording(), "-o", "out.wav", *arguments).refused(*words)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("arguments, words", [
    (["dance"], ["No such command 'dance'"]),
    (["train"], ["Missing command"]),
    (["verify", "none.onnx"], ["none.onnx"]),
    (["presets", "--yaml"], ["--yaml"]),
])  # fmt: skip
def test_bad_verb(dreampedal, arguments, words):
    assert dreampedal(*arguments).refused(*words)


def test_native_that_cannot_stream(dreampedal, recording, tmp_path):
    (tmp_path / "pitch.toml").write_text('[[effects]]\ntype = "pedalboard.PitchShift"\nsemitones = 3\n')
    run = dreampedal("process", recording(), "-o", "out.wav", "--preset", "pitch.toml")
    assert run.refused("PitchShift", "cannot play a signal in blocks")
