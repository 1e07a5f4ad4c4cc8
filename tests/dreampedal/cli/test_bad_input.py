"""Whatever a user hands over, the answer is one line that names it, exit status 2, and no half-written file."""

import errno
import os
import resource
import signal
import struct
import subprocess
import time

import numpy as np
import pytest
from pedalboard.io import AudioFile

from ..conftest import command, read


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


@pytest.mark.parametrize("verb", [["process", "", "-o", "out.wav", "--preset", "hall.toml"], ["classify", ""]])
def test_empty_name(dreampedal, hall, verb):
    """As a variable of a shell that is not set."""
    assert dreampedal(*verb).refused("the name is empty: expected a sound file", f"dreampedal {verb[0]} --help")


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


def test_wav_that_came_through_a_pipe_has_the_length_that_is_there(process, recording, tmp_path):
    """Whoever wrote it could not know how long it would be; decoders read hours of silence behind it."""
    source = recording()
    whole = source.read_bytes()
    for name, size in (("most.wav", 0xFFFFFFFF), ("sox.wav", 0x7FFFF000)):
        (tmp_path / name).write_bytes(_with_data_size(whole, size))
        assert process(name).status == 0
        assert read(tmp_path / "out.wav")[0].shape == read(source)[0].shape


def test_truncated_file_of_more_than_4_gib_as_its_header_says(process, recording, tmp_path):
    whole = _with_data_size(recording().read_bytes(), 0xFFFFFFFF)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 5 << 30, 5 << 30, 5 << 28, 0)
    (tmp_path / "long.wav").write_bytes(b"RF64" + whole[4:12] + sizes + whole[12:])
    assert process("long.wav").refused("long.wav is truncated")


def _with_data_size(wav, size):
    """A WAV file whose header has another size of its samples."""
    at = wav.index(b"data") + 4
    return wav[:at] + struct.pack("<I", size) + wav[at + 4 :]


def test_bits_that_no_decoder_knows(process, recording, tmp_path):
    whole = bytearray(recording().read_bytes())
    at = whole.index(b"fmt ") + 22
    whole[at : at + 2] = struct.pack("<H", 7)
    (tmp_path / "in.wav").write_bytes(whole)
    assert process("in.wav").refused("in.wav", "7 bits")


def test_rate_beyond_all_sound(process, recording, tmp_path):
    whole = bytearray(recording().read_bytes())
    at = whole.index(b"fmt ") + 12
    whole[at : at + 4] = struct.pack("<I", 6_000_000)
    (tmp_path / "in.wav").write_bytes(whole)
    assert process("in.wav").refused("in.wav", "6000000 Hz", "expected 8000 to 384000")


def test_name_that_is_not_utf8(process, recording, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    recording().rename(tmp_path / name)
    assert process(name).refused("not UTF-8", "rename it")


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
    assert dreampedal("process", *two, "-o", "no/out", "--preset", hall).refused("no: no such folder; create it first")
    assert dreampedal("process", *two, "-o", "c.wav", "--preset", hall).refused("c.wav: expected the name of a folder")


def test_a_folder_that_was_made_for_nothing_is_gone_again(process, tmp_path):
    assert process("none.wav", out="dreamed/").refused("none.wav: no such file")
    assert not (tmp_path / "dreamed").exists()


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
    assert process(recording(), out="/proc/out.wav").refused(f"/proc/out.wav: {os.strerror(errno.ENOENT)}")


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

    assert process(source, out=target.name, preexec=small_disk).refused(f"{target.name}: {os.strerror(errno.EFBIG)}")
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
    for _ in range(2400):
        if len(list(tmp_path.glob("out/.*.part.wav"))) == jobs:
            break
        time.sleep(0.05)
    else:
        running.kill()
        pytest.fail("nothing was begun within 120 s")
    (os.killpg if sent == signal.SIGINT else os.kill)(running.pid, sent)
    _, said = running.communicate(timeout=120)
    assert running.returncode == status
    assert "Traceback" not in said
    assert ("interrupted" in said) == (sent == signal.SIGINT)
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


@pytest.mark.parametrize("text, words", [
    ("[[effects]]\ntype = 'pedalboard.Gain'\ngain_db = " + 400 * "9", ["gain_db", "expected a number"]),
    ("title = " + 3000 * "[" + 3000 * "]", ["lists in lists"]),
    ("[[effects]]\ntype = 'pedalboard.LowpassFilter'\ncutoff_frequency_hz = 1e9", ["comes out of the preset at 0.0"]),
], ids=["number", "nesting", "filter"])  # fmt: skip
def test_preset_beyond_all_bounds(dreampedal, recording, tmp_path, text, words):
    (tmp_path / "odd.toml").write_text(text)
    run = dreampedal("process", recording(), "-o", "out.wav", "--preset", "odd.toml", "--json")
    assert run.status == 2 and len(run.err.splitlines()) == 1 and len(run.err) < 700, run
    assert all(word in run.err for word in words), run.err
    assert not (tmp_path / "out.wav").exists()


def test_preset_from_windows(process, recording, hall):
    hall.write_text(hall.read_text(), encoding="utf-8-sig")
    assert process(recording()).status == 0


def test_setting_of_a_native_is_found_by_its_number(process, recording):
    assert process(recording(), "--set", "room_size=0.8").refused("did you mean '1.room_size'?")
    assert process(recording(), "--phase", "estimate").refused("phase=estimate", "0.room_size")


@pytest.mark.parametrize("arguments, words", [
    (["dance"], ["No such command 'dance'"]),
    (["train"], ["Missing command"]),
    (["dan\x1b[2Jce"], [r"No such command 'dan\x1b[2Jce'"]),
    (["verify", "none.onnx"], ["none.onnx"]),
    (["verify", ""], ["the model has an empty name", "notes"]),
    (["demo", "--out", os.devnull], ["is a file: expected the name of a folder"]),
    (["presets", "--yaml"], ["--yaml"]),
])  # fmt: skip
def test_bad_verb(dreampedal, arguments, words):
    assert dreampedal(*arguments).refused(*words)


def test_native_that_cannot_stream(dreampedal, recording, tmp_path):
    (tmp_path / "pitch.toml").write_text('[[effects]]\ntype = "pedalboard.PitchShift"\nsemitones = 3\n')
    run = dreampedal("process", recording(), "-o", "out.wav", "--preset", "pitch.toml")
    assert run.refused("PitchShift", "cannot play a signal in blocks")
