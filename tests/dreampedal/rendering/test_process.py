"""`process`: the samples of the Python call, in the format of the recording, from any number of files."""

import itertools

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal import load_preset


def read(path):
    with AudioFile(str(path)) as file:
        return file.read(file.frames), file.samplerate, file.file_dtype


def test_writes_the_samples_of_the_python_call(dreampedal, recording, hall, tmp_path):
    source = recording("in.wav", seconds=5, bits=32)
    assert dreampedal("process", source, "-o", "out.wav", "--preset", hall).status == 0
    audio, rate, _ = read(source)
    written, _, kind = read(tmp_path / "out.wav")
    assert kind == "float32"
    np.testing.assert_array_equal(written, load_preset(hall)(audio, rate))


def test_an_mp3_of_six_channels_is_refused_in_plain_words(dreampedal, recording, hall, tmp_path):
    run = dreampedal("process", recording(channels=6), "-o", "out.mp3", "--preset", hall)
    assert run.status == 2 and "MP3 has 1 or 2 channels, and this sound has 6" in run.err
    assert not (tmp_path / "out.mp3").exists()


@pytest.mark.parametrize("name, bits, kind", [
    ("a.wav", 16, "int16"), ("a.wav", 24, "int24"), ("a.flac", 16, "int16"), ("a.flac", 24, "int24"),
    ("a.aiff", 24, "int24"), ("a.ogg", 16, "float32"), ("a.mp3", 16, "float32"),
])  # fmt: skip
def test_keeps_format_and_bit_depth(dreampedal, recording, hall, tmp_path, name, bits, kind):
    (tmp_path / "out").mkdir()
    source = recording(name, bits=bits)
    run = dreampedal("process", source, "-o", "out", "--preset", hall, "--json")
    written, rate, found = read(tmp_path / "out" / name)
    assert (run.status, found, rate) == (0, kind, 44_100)
    assert run.json[0]["bits"] == (None if kind == "float32" else bits)
    assert written.shape == read(source)[0].shape or name == "a.mp3"


def test_format_and_bits_can_be_chosen(dreampedal, recording, hall, tmp_path):
    assert (
        dreampedal("process", recording(), "-o", tmp_path, "--preset", hall, "--format", "flac", "--bits", 24).err == ""
    )
    assert read(tmp_path / "in.flac")[2] == "int24"


@pytest.mark.parametrize("jobs", [1, 3])
def test_many_files_go_into_a_folder_whatever_the_jobs(dreampedal, recording, hall, tmp_path, jobs):
    sources = [recording(f"take{n}.wav", seconds=1 + n / 4, seed=n, bits=32) for n in range(4)]
    run = dreampedal("process", *sources, "-o", "out/", "--preset", hall, "--jobs", jobs, "--json")
    assert run.status == 0
    assert [entry["source"] for entry in run.json] == [str(source) for source in sources]
    for source in sources:
        audio, rate, _ = read(source)
        np.testing.assert_array_equal(read(tmp_path / "out" / source.name)[0], load_preset(hall)(audio, rate))


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_does_not_stop_the_others(dreampedal, recording, hall, tmp_path, jobs):
    good, bad = recording("good.wav"), tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all" * 100)
    (tmp_path / "out").mkdir()
    run = dreampedal("process", bad, good, "-o", "out", "--preset", hall, "--jobs", jobs, "--json")
    assert run.refused(bad, "no sound")
    assert ["error" in entry for entry in run.json] == [True, False]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.wav"]


@pytest.mark.parametrize("name", ["folder", "folder.wav", "none", "none.wav"])
def test_what_is_no_file_is_told_and_does_not_stop_the_others(dreampedal, recording, hall, tmp_path, name):
    good, bad = recording("good.wav"), tmp_path / name
    if "folder" in name:
        bad.mkdir()
    run = dreampedal("process", bad, good, "-o", "out/", "--preset", hall, "--json")
    assert run.refused(f"{bad} is a folder: expected a sound file" if bad.is_dir() else f"{bad}: no such file")
    assert ["error" in entry for entry in run.json] == [True, False]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.wav"]


def test_settings_change_parameters(dreampedal, recording, hall, tmp_path):
    source = recording(bits=32)
    dreampedal("process", source, "-o", "out.wav", "--preset", hall, "--set", "1.wet_level=0", "--set", "0.gain_db=-6")
    board = load_preset(hall)
    board[0].gain_db, board[1].wet_level = -6, 0
    audio, rate, _ = read(source)
    np.testing.assert_array_equal(read(tmp_path / "out.wav")[0], board(audio, rate))


def test_reports_overs_and_holds_them_under_a_ceiling(dreampedal, recording, hall, tmp_path):
    source = recording(level=0.9, bits=32)
    loud = dreampedal("process", source, "-o", "loud.wav", "--preset", hall, "--json").json[0]
    audio, _, _ = read(tmp_path / "loud.wav")
    assert loud["overs"] == np.count_nonzero(np.abs(audio) > 1) > 0
    assert loud["peak_db"] == pytest.approx(20 * np.log10(np.abs(audio).max()), abs=0.01)
    held = dreampedal("process", source, "-o", "held.wav", "--preset", hall, "--ceiling", "-3", "--json").json[0]
    assert held["overs"] == 0 and held["peak_db"] <= -2.99
    assert np.abs(read(tmp_path / "held.wav")[0]).max() <= np.float32(10 ** (-3 / 20))


def test_says_what_it_wrote(dreampedal, recording, hall):
    run = dreampedal("process", recording(), "-o", "out.flac", "--preset", hall)
    assert run.out.count("\n") == 1 and "out.flac: 0.5 s at 44100 Hz, 16-bit" in run.out
    assert run.err == ""


def test_overwrites_an_older_output_and_leaves_nothing_else(dreampedal, recording, hall, tmp_path):
    recording("out.wav", seconds=0.1)
    dreampedal("process", recording(), "-o", "out.wav", "--preset", hall)
    assert read(tmp_path / "out.wav")[0].shape[1] == 22_050
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hall.toml", "in.wav", "out.wav"]


def test_any_rate_and_up_to_eight_channels(dreampedal, recording, hall, tmp_path):
    # Rooms are stereo; six channels meet a board that plays any number of them.
    (tmp_path / "gain.toml").write_text('[[effects]]\ntype = "pedalboard.Gain"\n')
    for rate, channels in itertools.product((16_000, 96_000), (1, 6)):
        source = recording(rate=rate, channels=channels, bits=32)
        assert dreampedal("process", source, "-o", "out.wav", "--preset", "./gain.toml").err == ""
        assert read(tmp_path / "out.wav")[0].shape == read(source)[0].shape


@pytest.mark.parametrize("channels, samples", [(1, 1), (2, 1), (2, 2), (6, 3), (6, 6), (8, 8)])
def test_a_few_samples_come_back_as_many(dreampedal, tmp_path, channels, samples):
    (tmp_path / "gain.toml").write_text('[[effects]]\ntype = "pedalboard.Gain"\ngain_db = 0\n')
    audio = np.arange(channels * samples, dtype=np.float32).reshape(channels, samples) / 100
    with AudioFile(str(tmp_path / "in.wav"), "w", 44_100, channels, bit_depth=32) as file:
        file.write(np.zeros((channels, 0), np.float32))
        file.write(audio)
    assert dreampedal("process", "in.wav", "-o", "out.wav", "--preset", "./gain.toml").err == ""
    np.testing.assert_array_equal(read(tmp_path / "out.wav")[0], audio)
