"""`process --take`: a take as it was heard, or a master of it, and what is said where it is neither."""

import json
import shutil
import zlib

import numpy as np
import pedalboard
import pytest

from dreampedal import Board, Dream
from dreampedal.engine.live.player.changes import Set

from ...elsewhere import compiled_for
from ...engine.live.performance import Performance
from ...stress import STRESSED
from ..conftest import read


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A take of two boards with all that may go wrong, and what was heard."""
    rate = 48_000
    audio = np.random.default_rng(1).uniform(-0.3, 0.3, (2, 3 * rate // 128 * 128)).astype(np.float32)
    first = Board([Dream(target="class:flute", model="notes"), pedalboard.Reverb(room_size=0.3)])
    changes = {9_000: Set("0", "amount", 0.5), 20_001: Set("0", "steps", 2), 70_000: Set("1", "room_size", 0.7)}
    changes |= {100_000: ("gain", Board([pedalboard.Gain(gain_db=-3)]))}
    parent = tmp_path_factory.mktemp("takes")
    return Performance(first, audio, rate, changes, late=0.05, held=0.2).recorded(parent)


@pytest.fixture
def take(played, tmp_path):
    """A copy of the take, which may be changed."""
    return shutil.copytree(played[0], tmp_path / "take")


def test_writes_what_was_heard(dreampedal, played, take, tmp_path):
    run = dreampedal("process", "--take", take, "-o", "again.wav", "--json")
    assert (run.status, run.err) == (0, "")
    written, rate = read(tmp_path / "again.wav")
    assert rate == 48_000
    np.testing.assert_array_equal(written, played[1])
    [said] = run.json
    assert said["as_heard"] is True and said["differs_at_seconds"] is None and said["master"] is False
    assert (said["changes"], said["swaps"], said["bits"], said["cut"]) == (4, 1, 32, "")
    assert said["late_blocks"] > 5 and said["held_hops"] > 5
    assert said["seconds"] == pytest.approx(played[1].shape[1] / rate, abs=1e-3)
    assert said["latency_samples"] == 2048 + 128
    assert said["other_models"] == said["other_libraries"] == [] and said["other_processor"] == ""
    assert said["compared_samples"] == 2 * -(-written.shape[1] // 997) and said["differing_samples"] == 0
    assert said["largest_difference_db"] is said["rms_difference_db"] is None


def test_says_so_in_one_line(dreampedal, take):
    run = dreampedal("process", "--take", take, "-o", "again.wav")
    assert run.err == "" and run.out.count("\n") == 1
    assert run.out.startswith("again.wav: as heard, 3.0 s at 48000 Hz, 32-bit float, peak ")
    for words in ("4 changes", "late blocks", "held hops", " of what was heard agree, in ", "times real time"):
        assert words in run.out


def test_the_folder_that_holds_one_take_will_do(dreampedal, take, tmp_path):
    (tmp_path / "out").mkdir()
    assert dreampedal("process", "--take", tmp_path, "-o", "out", "--format", "flac").status == 0
    assert read(tmp_path / "out" / "take.flac")[0].shape[0] == 2


def test_a_master_has_nothing_late_and_is_compensated(dreampedal, played, take, tmp_path):
    audio, _ = read(take / "input-0001.wav")
    run = dreampedal("process", "--take", take, "-o", "master.wav", "--master", "--json")
    [said] = run.json
    assert said["master"] is True and said["as_heard"] is None
    written, _ = read(tmp_path / "master.wav")
    assert written.shape == audio.shape
    # What follows the last fade is a gain of the input, right beside it.
    np.testing.assert_allclose(written[:, 110_000:], audio[:, 110_000:] * 10 ** (-3 / 20), atol=1e-6)


def test_settings_make_a_master_and_outlast_the_changes(dreampedal, take, tmp_path):
    for name, more in (("master", ["--master"]), ("eight", ["--set", "steps=8"]), ("four", ["--set", "steps=4"])):
        [said] = dreampedal("process", "--take", take, "-o", f"{name}.wav", *more, "--json").json
        assert said["master"] is True
    master, eight, four = (read(tmp_path / f"{name}.wav")[0] for name in ("master", "eight", "four"))
    assert not np.array_equal(eight[:, :17_000], master[:, :17_000])
    np.testing.assert_array_equal(four[:, :17_000], master[:, :17_000])
    assert not np.array_equal(four[:, 24_000:48_000], master[:, 24_000:48_000])


def test_a_setting_of_one_effect(dreampedal, take, tmp_path):
    dreampedal("process", "--take", take, "-o", "a.wav", "--set", "1.wet_level=0", "--set", "1.dry_level=0")
    written, _ = read(tmp_path / "a.wav")
    assert not written[:, :90_000].any() and written[:, 110_000:].any()


def test_a_ceiling_of_its_own(dreampedal, take, tmp_path):
    [said] = dreampedal("process", "--take", take, "-o", "a.wav", "--ceiling", "-20", "--json").json
    assert said["master"] is True and said["peak_db"] == -20.0
    assert np.abs(read(tmp_path / "a.wav")[0]).max() <= np.float32(0.1)


def test_another_model_file_is_told(dreampedal, take):
    facts = json.loads((take / "header.json").read_text())
    assert list(facts["models"]) == ["notes"]
    facts["models"] = {"notes": "0" * 64}
    (take / "header.json").write_text(json.dumps(facts))
    run = dreampedal("process", "--take", take, "-o", "a.wav", "--json")
    assert run.status == 0 and run.json[0]["other_models"] == ["notes"] and run.json[0]["as_heard"] is True
    assert run.err.count("\n") == 1 and "warning: model 'notes' is another file now" in run.err


def test_what_is_not_as_heard_is_told(dreampedal, take):
    facts = json.loads((take / "header.json").read_text())
    facts["board"] = facts["board"].replace("room_size = 0.3", "room_size = 0.4")
    facts["libraries"]["numpy"] = "0.9"
    (take / "header.json").write_text(json.dumps(facts))
    run = dreampedal("process", "--take", take, "-o", "a.wav")
    assert run.status == 0 and "a.wav: not as heard" in run.out
    assert "warning: a.wav is not as it was heard, from 0.0 s on; what is other than it was: numpy" in run.err
    assert "samples that the take kept of it differ, by -" in run.err and "dBFS at most" in run.err


ROUNDED = "another processor rounds differently, and dreams grow apart from there"


def test_another_processor_is_the_reason(dreampedal, take):
    facts = json.loads((take / "header.json").read_text())
    assert facts["processor"]["kernels"] and facts["processor"]["features"]
    facts["board"] = facts["board"].replace("room_size = 0.3", "room_size = 0.31")  # stands for what rounding does
    facts["processor"]["kernels"] = "skylake"
    (take / "header.json").write_text(json.dumps(facts))
    run = dreampedal("process", "--take", take, "-o", "a.wav")
    assert run.status == 0 and run.err.count("\n") == 1
    assert f"on, because {ROUNDED}: played on " in run.err and "for skylake)" in run.err


@pytest.mark.stress
@pytest.mark.skipif(not STRESSED, reason="make stress compiles all that plays live for another processor")
def test_another_processor_is_the_reason_and_the_distance_is_told(dreampedal, played, take, tmp_path, monkeypatch):
    for name, value in compiled_for("generic").items():
        monkeypatch.setenv(name, value)
    run = dreampedal("process", "--take", take, "-o", "a.wav", "--json")
    [said] = run.json
    written, _ = read(tmp_path / "a.wav")
    apart = np.abs(written - played[1])[:, ::997]
    assert run.status == 0 and said["as_heard"] is False and "kernels for generic" in said["other_processor"]
    assert said["largest_difference_db"] == pytest.approx(20 * np.log10(apart.max()), abs=0.1)
    assert said["differing_samples"] == np.count_nonzero(apart) > 0
    assert run.err.count("\n") == 1 and f", because {ROUNDED}: played on " in run.err
    assert f"{said['largest_difference_db']:.1f} dBFS at most, {said['rms_difference_db']:.1f} dBFS RMS" in run.err


def as_one_of_before(folder):
    """The take as it was written before takes kept their processor and samples."""
    facts = json.loads((folder / "header.json").read_text())
    del facts["processor"]
    (folder / "header.json").write_text(json.dumps(facts))
    text, lines = "", ""
    for line in (folder / "changes.jsonl").read_text().splitlines():
        table = json.loads(line)
        if table["kind"] == "whole":
            said = json.dumps({name: value for name, value in table.items() if name not in ("samples", "lines")})
            line = f'{said[:-1]}, "lines": {zlib.crc32((lines + said).encode())}}}'
            text, lines = text + lines + line + "\n", ""
        else:
            lines += line + "\n"
    (folder / "changes.jsonl").write_text(text)


def test_a_take_of_before_still_renders(dreampedal, played, take, tmp_path):
    as_one_of_before(take)
    [said] = dreampedal("process", "--take", take, "-o", "a.wav", "--json").json
    assert said["as_heard"] is True and said["other_processor"] is None and said["compared_samples"] == 0
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], played[1])
    facts = json.loads((take / "header.json").read_text())
    facts["board"] = facts["board"].replace("room_size = 0.3", "room_size = 0.4")
    (take / "header.json").write_text(json.dumps(facts))
    run = dreampedal("process", "--take", take, "-o", "a.wav")
    assert "was it played on another machine? The take does not say; how far apart they are is not known" in run.err


def test_a_take_that_was_cut_off(dreampedal, played, take, tmp_path):
    log = take / "changes.jsonl"
    log.write_bytes(log.read_bytes()[:-50])
    run = dreampedal("process", "--take", take, "-o", "a.wav")
    assert run.status == 0 and run.err.count("\n") == 1
    assert "warning:" in run.err and "was cut off" in run.err and "as heard" in run.out
    written, _ = read(tmp_path / "a.wav")
    np.testing.assert_array_equal(written, played[1][:, : written.shape[1]])


@pytest.mark.parametrize("arguments, words", [
    (["in.wav", "--take", "take"], ["--take brings its own sound and boards", "in.wav cannot go with it"]),
    (["--take", "take", "--preset", "hall"], ["--preset hall cannot go with it"]),
    (["--master"], ["--master is for a take: --take DIR is missing"]),
    (["in.wav", "--preset", "hall.toml", "--master"], ["--master is for a take"]),
    (["--take", "none"], ["none: no such take"]),
    (["--take", "."], [". is no take: expected header.json in it"]),
    (["--take", "take", "--set", "stepz=8"], ["setting 'stepz=8': no such parameter (did you mean 'steps'?)"]),
    (["--take", "take", "--set", "steps=99"], ["setting 'steps=99'", "expected a whole number from 1 to 64"]),
    (["--take", "take", "--ceiling", "3"], ["ceiling = 3.0 dBFS: expected -60 to 0"]),
    (["--take", "take", "--bits", "12"], ["bits = 12: expected 16, 24, or 32"]),
    (["--take", "take", "--format", "m4a"], ["expected one of wav, flac"]),
])  # fmt: skip
def test_bad_argument(dreampedal, take, tmp_path, arguments, words):
    if "." in arguments:
        shutil.rmtree(tmp_path / "take")
    assert dreampedal("process", *arguments, "-o", "out.wav").refused(*words)
    assert not (tmp_path / "out.wav").exists()


def test_a_file_of_the_take_is_never_written_over(dreampedal, take):
    before = (take / "input-0001.wav").read_bytes()
    assert dreampedal("process", "--take", take, "-o", take / "input-0001.wav").refused("is a file of the take")
    assert (take / "input-0001.wav").read_bytes() == before


def test_damage_leaves_the_older_output(dreampedal, take, tmp_path):
    (tmp_path / "out.wav").write_bytes(b"an older one")
    with (take / "input-0001.wav").open("r+b") as file:
        file.seek(500_000)
        file.write(b"\x01\x02\x03")
    run = dreampedal("process", "--take", take, "-o", "out.wav")
    assert run.refused("input-0001.wav", "not those that were recorded")
    assert (tmp_path / "out.wav").read_bytes() == b"an older one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.wav", "take"]


def test_a_board_that_cannot_be_made_any_more(dreampedal, take):
    facts = json.loads((take / "header.json").read_text())
    facts["board"] = facts["board"].replace('model = "notes"', 'model = "bells"')
    (take / "header.json").write_text(json.dumps(facts))
    assert dreampedal("process", "--take", take, "-o", "a.wav").refused("a board of", "no model named 'bells'")
