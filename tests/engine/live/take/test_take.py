"""Takes on disk: what was written is read again, and what is damaged is told."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pedalboard import LadderFilter
from pedalboard.io import AudioFile

from dreampedal.engine.dsp.processor import processor
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.recorder import new_folder
from dreampedal.engine.live.take.take import Changed, Stretch, closing_line, installed

from ..takes import BOARD, ENTRIES, RATE, header, recorded, whole_input


@pytest.fixture(scope="module")
def sound():
    """Four seconds of it: noise tells one sample from another."""
    return np.random.default_rng(3).uniform(-1, 1, (2, 4 * RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def made(sound, tmp_path_factory):
    """A take of three files, and what it holds."""
    return recorded(tmp_path_factory.mktemp("takes"), sound, entries=ENTRIES, file_bytes=600_000)


@pytest.fixture
def take(made, tmp_path):
    """A copy of it that may be damaged."""
    return shutil.copytree(made, tmp_path / "take")


def refused(folder, *words):
    with pytest.raises(ValueError) as caught:
        for _ in read_take(folder).input():
            pass
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert str(word) in said, said


@pytest.mark.parametrize("name", ["solo_egtr_em9", "speech_male_en"])
def test_comes_back_as_it_was(clip, tmp_path, name):
    audio, rate = clip(name)
    facts = header(audio.shape[0], rate, models={"notes": "abc"}, preset="hall")
    take = read_take(recorded(tmp_path / "new" / "takes", audio, entries=ENTRIES, facts=facts, sizes=(1, 777, 4096)))
    np.testing.assert_array_equal(whole_input(take), audio)
    assert sorted(take.entries, key=str) == sorted(ENTRIES, key=str)
    assert take.header == replace(facts, libraries=installed(), processor=processor(), began=take.header.began)
    assert (take.cut, take.samples) == ("", audio.shape[1])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 50_000), min_size=1, max_size=5),
    channels=st.integers(1, 8),
    samples=st.integers(1, 60_000),
    file_bytes=st.integers(2_000, 2_000_000),
    value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.text()),
)
def test_any_pieces_and_any_files_give_the_same_take(tmp_path, sizes, channels, samples, file_bytes, value):
    audio = np.random.default_rng(0).standard_normal((channels, samples)).astype(np.float32)
    entry = Changed(samples - 1, Set("0", "x", value))
    file_bytes = max(file_bytes, samples * channels // 5)
    take = read_take(recorded(tmp_path, audio, entries=[entry], sizes=sizes, file_bytes=file_bytes))
    np.testing.assert_array_equal(whole_input(take), audio)
    assert take.entries == (entry,) and type(take.entries[0].change.value) is type(value)
    shutil.rmtree(take.folder)


def test_samples_are_kept_to_the_bit(tmp_path):
    odd = np.array([[-0.0, 0.0, 1e-45, -1e-38, 3.4e38, 1 / 3, 7.0]], np.float32)
    take = read_take(recorded(tmp_path, odd))
    assert whole_input(take).tobytes() == odd.tobytes()


def test_an_editor_reads_the_sound(made, sound):
    parts = []
    for path in sorted(made.glob("*.wav")):
        with AudioFile(str(path)) as file:
            assert (file.samplerate, file.num_channels, file.file_dtype) == (RATE, 2, "float32")
            parts.append(file.read(file.frames))
    assert len(parts) == 3
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), sound)


def test_a_choice_of_a_native_is_kept_by_its_name(tmp_path):
    entry = Changed(5, Set("0", "mode", LadderFilter.Mode.HPF24))
    take = read_take(recorded(tmp_path, np.zeros((1, 100), np.float32), entries=[entry]))
    assert take.entries == (Changed(5, Set("0", "mode", "HPF24")),)


def test_no_take_is_ever_overwritten(tmp_path, sound):
    folders = {recorded(tmp_path, sound[:, :100]) for _ in range(3)}
    assert len(folders) == 3
    assert all(read_take(folder).samples == 100 for folder in folders)
    assert new_folder(tmp_path) not in folders


def test_the_only_take_in_a_folder_is_found(tmp_path, sound):
    first = recorded(tmp_path, sound[:, :100])
    assert read_take(tmp_path).folder == first
    recorded(tmp_path, sound[:, :100])
    refused(tmp_path, "holds 2 takes: choose one of them, the newest is")


def test_what_is_no_take(tmp_path):
    refused(tmp_path / "none", "none: no such take")
    refused(tmp_path, "is no take: expected header.json in it")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "is a file: expected a folder")


@pytest.mark.parametrize("name", ["header.json", "changes.jsonl", "input-0001.wav", "input-0002.wav", "input-0003.wav"])
def test_a_file_that_is_missing(take, name):
    (take / name).unlink()
    refused(take, take / name, os.strerror(2), "expected")


@pytest.mark.parametrize("table, words", [
    ({"version": 2}, ["version is 2", "reads version 1"]),
    ({"format": "a score"}, ["format is 'a score'", "expected 'dreampedal take'"]),
    ({"channels": 9}, ["channels = 9", "expected less than or equal to 8"]),
    ({"sample_rate": "48000"}, ["sample_rate = '48000'", "expected a valid integer"]),
    ({"latency": 10**15}, ["latency and buffers make 1000000000000128 samples", "at most 2880000"]),
    ({"block_size": 10**12}, ["latency and buffers make"]),
    ({"ceiling_db": 3}, ["ceiling_db = 3", "expected less than or equal to 0"]),
    ({"colour": 1}, ["unknown key 'colour'", "expected sample_rate, channels"]),
])  # fmt: skip
def test_a_header_that_says_something_else(take, table, words):
    path = take / "header.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | table))
    refused(take, path, *words)


def test_a_header_without_a_field(take):
    path = take / "header.json"
    facts = json.loads(path.read_text())
    del facts["board"]
    path.write_text(json.dumps(facts))
    refused(take, path, "board", "expected, and missing")


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 100, b"[1, 2]", b"\xff\xfe"])
def test_a_damaged_header(take, content):
    (take / "header.json").write_bytes(content)
    refused(take, take / "header.json")


def test_damage_in_the_midst_of_the_log(take):
    path = take / "changes.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b"{" + lines[2], *lines[3:]]))
    refused(take, path, "line 3 is damaged")
    path.write_bytes(b"\n".join([*lines[:2], *lines[3:]]))
    refused(take, path, "do not match their checksum")
    opened = [number for number, line in enumerate(lines) if b"whole" in line]
    path.write_bytes(b"\n".join([*lines[: opened[0] + 1], *lines[opened[1] + 1 :]]))
    refused(take, path, "lines are lost")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damaged_byte_of_the_log_is_found(made, tmp_path, data):
    """It is refused, or what is left is a beginning of the take as it was."""
    good = read_take(made)
    content = bytearray((made / "changes.jsonl").read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    folder = tmp_path / "take"
    if not folder.exists():
        shutil.copytree(made, folder)
    (folder / "changes.jsonl").write_bytes(content)
    try:
        take = read_take(folder)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert take.stretches == good.stretches[: len(take.stretches)]
        assert set(take.entries) <= set(good.entries)
        assert take.cut and take.samples >= good.samples - RATE


@pytest.mark.parametrize("kind, words", [
    ('{"kind": "dance", "at": 1}', ["kind = 'dance'", "expected one of set"]),
    ('{"kind": "set", "at": -1, "path": "0", "name": "x", "value": 1}', ["at = -1"]),
    ('{"kind": "file", "file": "../input-0001.wav", "at": 0}', ["file = '../input-0001.wav'"]),
    ('{"kind": "bypass", "at": 3, "on": "yes"}', ["on = 'yes'", "expected a valid boolean"]),
])  # fmt: skip
def test_a_whole_log_that_says_what_is_unknown(take, kind, words):
    text = f"{kind}\n"
    (take / "changes.jsonl").write_text(f"{text}{closing_line(Stretch(0, 100, 0, 0), text)}\n")
    refused(take, take / "changes.jsonl", *words)


@pytest.mark.parametrize("name", ["input-0001.wav", "input-0002.wav"])
def test_a_file_that_is_too_short(take, name):
    os.truncate(take / name, 100_000)
    refused(take, take / name, "samples: expected")


def test_a_file_that_is_too_long(take):
    with (take / "input-0003.wav").open("ab") as file:
        file.write(bytes(80))
    refused(take, "input-0003.wav holds", "samples: expected")


def test_samples_that_are_others(take):
    with (take / "input-0002.wav").open("r+b") as file:
        file.seek(50_000)
        file.write(b"\x01")
    refused(take, take / "input-0002.wav", "not those that were recorded")


def test_a_sound_file_of_another_kind(take):
    others = (44_100, 2, 32, "44100 Hz"), (RATE, 1, 32, "1 channel"), (RATE, 2, 16, "16-bit")
    for rate, channels, bits, word in others:
        with AudioFile(str(take / "input-0001.wav"), "w", rate, channels, bit_depth=bits) as file:
            file.write(np.zeros((channels, 1_000), np.float32))
        refused(take, "input-0001.wav", word, "expected 2 channel(s) of 32-bit float at 48000 Hz")
    (take / "input-0001.wav").write_bytes(b"no sound at all")
    refused(take, "input-0001.wav is no WAV file")
    (take / "input-0001.wav").write_bytes(b"RIFF0000WAVEjunk")
    refused(take, "input-0001.wav is damaged")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sound_left=st.floats(0, 1), log_left=st.floats(0, 1))
def test_cut_off_anywhere(made, sound, tmp_path, sound_left, log_left):
    """As a crash of the machine leaves it: the end of the last file and of the log missing, zeros in their place."""
    folder = tmp_path / "take"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(made, folder)
    log, last = folder / "changes.jsonl", folder / "input-0003.wav"
    content = log.read_bytes()
    log.write_bytes(content[: int(len(content) * log_left)] + bytes(100))
    os.truncate(last, 58 + int((last.stat().st_size - 58) * sound_left))
    try:
        take = read_take(folder)
    except ValueError as error:
        assert log_left < 0.5 and "holds no whole second" in str(error)
        return
    np.testing.assert_array_equal(whole_input(take), sound[:, : take.samples])
    if sound_left < 1 or log_left < 1:
        assert "was cut off" in take.cut and "s of it are whole" in take.cut
    good = read_take(made)
    assert set(take.entries) <= set(good.entries)
    told = {entry for entry in good.entries if isinstance(entry, Changed) and entry.at < take.samples}
    assert told <= set(take.entries)


def test_the_board_of_the_header_is_text(made):
    assert read_take(made).header.board == BOARD
