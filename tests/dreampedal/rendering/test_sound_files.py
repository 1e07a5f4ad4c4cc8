"""Other people's sound files on the command line and in training sets: whole, or one line that says why not."""

import errno
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from dreampedal.engine.sound.reading import open_sound
from dreampedal.export.data.recordings import Recording, SoundError

from ...engine.sound.cases import FLOATS, LOSSLESS, LOSSY, REFUSED
from ...engine.sound.formats import RATE, coded, pcm, samples, wav
from ...engine.sound.tools import require
from ..conftest import command

PLAIN = '[[effects]]\ntype = "pedalboard.Gain"\ngain_db = 0\n'


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """Every file by its name, in a folder; all have numbers, so that none is written over another."""
    require("ffmpeg", "lame", "flac", "sox")
    folder = tmp_path_factory.mktemp("wild")
    made = {name: make for table in (LOSSLESS, LOSSY, REFUSED) for name, (make, *_) in table.items()} | FLOATS
    for number, (name, make) in enumerate(made.items()):
        (folder / f"{number}_{name}").write_bytes(make())
    return {path.name.partition("_")[2]: path for path in folder.iterdir()}


def read(path):
    with open_sound(Path(path)) as sound:
        return sound.read()


def test_every_file_is_played_whole_or_refused_in_a_line(dreampedal, wild, tmp_path):
    (tmp_path / "plain.toml").write_text(PLAIN)
    options = "-o", "out/", "--format", "wav", "--bits", "32", "--json", "--preset", "./plain.toml"
    run = dreampedal("process", *wild.values(), *options)
    assert run.status == 2 and len(run.err.splitlines()) == len(REFUSED)
    told = {row["source"]: row for row in run.json}
    for name in [*LOSSLESS, *LOSSY, *FLOATS]:
        row = told[str(wild[name])]
        assert "error" not in row, row
        written = read(tmp_path / row["target"])
        assert np.array_equal(written, read(wild[name])), name
        assert row["seconds"] == pytest.approx(written.shape[1] / row["sample_rate"], abs=1e-3)
    for name, (_, words) in REFUSED.items():
        line = told[str(wild[name])]["error"]
        assert line in run.err and all(word in line for word in words), line
    assert len(list((tmp_path / "out").iterdir())) == len(wild) - len(REFUSED)


def test_training_sets_read_the_same_samples_and_refuse_the_same_files(wild):
    for name in [*LOSSLESS, *LOSSY, *FLOATS]:
        audio, rate = Recording(wild[name], "a", "a").read()
        assert np.array_equal(audio, read(wild[name])), name
        first, count = round(0.25 * rate), round(0.125 * rate)
        part, _ = Recording(wild[name], "a", "a", 0.25, 0.125).read()
        assert np.array_equal(part, audio[:, first : first + count]), name
    for name, (_, words) in REFUSED.items():
        with pytest.raises(SoundError, match="remove it") as refused:
            Recording(wild[name], "a", "a").read()
        assert all(word in str(refused.value) for word in words)


def test_classify_hears_all_of_a_file_whose_length_is_an_estimate(dreampedal, tmp_path):
    """Seven seconds that begin in silence: the first frames of a VBR file tell of a shorter one."""
    require("ffmpeg", "lame")
    data = wav(data=bytes(4 * RATE) + 6 * pcm())
    (tmp_path / "a.mp3").write_bytes(coded("mp3", "-q:a", "2", "-write_xing", "0", of=data))
    (tmp_path / "a.wav").write_bytes(data)
    run = dreampedal("classify", "a.mp3", "a.wav", "--model", "notes", "--json")
    long, short = (row["seconds"] for row in run.json)
    assert run.status == 0 and short == 7.0 and 7.0 <= long < 7.1


def piped_aiff():
    """What FFmpeg writes where it cannot go back: sizes of 0, and no number of samples."""
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "aiff", "-"]
    return subprocess.run(command, input=wav(), capture_output=True, check=True).stdout


@pytest.mark.parametrize("make", [wav, lambda: coded("mp3"), lambda: coded("m4a"), piped_aiff])
def test_a_pipe_is_read_as_a_file_is(tmp_path, make):
    require("ffmpeg")
    (tmp_path / "plain.toml").write_text(PLAIN)
    arguments = command("process", "/dev/stdin", "-o", "out.wav", "--preset", "./plain.toml", "--bits", "32")
    run = subprocess.run(arguments, cwd=tmp_path, input=make(), capture_output=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, b"")
    assert read(tmp_path / "out.wav").shape == (2, RATE)


def test_a_full_temporary_folder_is_named_and_not_what_was_to_be_written(tmp_path):
    (tmp_path / "plain.toml").write_text(PLAIN)
    run = subprocess.run(
        command("process", "/dev/stdin", "-o", "out.wav", "--preset", "./plain.toml"),
        cwd=tmp_path, input=wav(), capture_output=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.decode().splitlines() == [f"dreampedal: {tempfile.gettempdir()}: {os.strerror(errno.EFBIG)}"]


def test_several_pipes_of_a_shell_go_into_a_folder(tmp_path):
    (tmp_path / "plain.toml").write_text(PLAIN)
    (tmp_path / "in.wav").write_bytes(wav())
    line = " ".join(command("process", "<(cat in.wav)", "<(cat in.wav)", "-o", "out/", "--format", "flac", "--jobs", 2))
    run = subprocess.run(
        ["bash", "-c", f"{line} --preset ./plain.toml"], cwd=tmp_path, capture_output=True, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, b"")
    for path in (tmp_path / "out").iterdir():
        assert np.abs(read(path) - samples()).max() < 4e-5  # pedalboard writes whole numbers to a step
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("source, words", [
    ("/dev/zero", ["/dev/zero is no sound that can be read"]),
    ("/dev/null", ["/dev/null is empty"]),
])  # fmt: skip
def test_a_device_that_gives_no_sound_is_refused_at_once(dreampedal, tmp_path, source, words):
    (tmp_path / "plain.toml").write_text(PLAIN)
    assert dreampedal("process", source, "-o", "out.wav", "--preset", "./plain.toml").refused(*words)


def test_an_empty_name_to_write_to_is_refused(dreampedal, tmp_path):
    (tmp_path / "plain.toml").write_text(PLAIN)
    (tmp_path / "in.wav").write_bytes(wav())
    before = sorted(tmp_path.iterdir())
    run = dreampedal("process", "in.wav", "-o", "", "--preset", "./plain.toml")
    assert run.refused("the name of what to write is empty")
    assert sorted(tmp_path.iterdir()) == before


def test_a_format_that_is_read_and_not_written_is_told_with_what_to_do(dreampedal, tmp_path):
    require("ffmpeg")
    (tmp_path / "plain.toml").write_text(PLAIN)
    (tmp_path / "in.m4a").write_bytes(coded("m4a", "-c:a", "alac"))
    (tmp_path / "out").mkdir()
    run = dreampedal("process", "in.m4a", "-o", "out", "--preset", "./plain.toml")
    assert run.refused("format '.m4a' cannot be written", "--format")


def test_a_dream_of_an_mp3_lies_on_its_source_when_it_is_written_as_one(dreampedal, tmp_path):
    """Neither the file that is read nor the one that is written brings an encoder's silence with it."""
    require("ffmpeg")
    (tmp_path / "plain.toml").write_text(PLAIN)
    (tmp_path / "in.mp3").write_bytes(coded("mp3"))
    assert dreampedal("process", "in.mp3", "-o", "out.mp3", "--preset", "./plain.toml").status == 0
    found = read(tmp_path / "out.mp3")
    assert found.shape == (2, RATE)
    reached = [np.dot(found[0, lag : RATE - 64 + lag], samples()[0, 32:-32]) for lag in range(64)]
    assert int(np.argmax(reached)) == 32
