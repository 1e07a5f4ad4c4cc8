"""Presets by name and path, and the user's own folder."""

import codecs
from pathlib import Path

import pedalboard
import pytest

import dreampedal
from dreampedal import Board, library, load_preset, presets, save_preset
from dreampedal.presets.loader import preset_names, read_preset


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder that does not exist yet."""
    monkeypatch.setattr(library, "folders", [*library.folders, tmp_path / "home"])
    return tmp_path / "home"


def test_saved_under_a_name_and_found_again(home):
    path = save_preset(Board([pedalboard.Gain(gain_db=3)]), "my_gain", title="Mine", description="Louder.")
    assert path == home / "my_gain.toml"
    assert load_preset("my_gain")[0].gain_db == 3
    assert (read_preset("my_gain").title, read_preset("my_gain").description) == ("Mine", "Louder.")
    assert preset_names()["my_gain"] == path


def test_saved_to_a_path(tmp_path):
    path = save_preset(Board([pedalboard.Gain(gain_db=3)]), tmp_path / "loud.toml")
    assert load_preset(path)[0].gain_db == load_preset(str(path))[0].gain_db == 3


GAIN = 'title = "Größer"\n\n[[effects]]\ntype = "pedalboard.Gain"\ngain_db = 3\n'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["plain", "byte-order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["Unix", "Windows", "old Mac"])
def test_marks_and_line_ends_of_other_systems(tmp_path, mark, end):
    (tmp_path / "loud.toml").write_bytes(mark + GAIN.replace("\n", end).encode())
    preset = read_preset(tmp_path / "loud.toml", ["0.gain_db=4"])
    assert (preset.title, preset.board[0].gain_db) == ("Größer", 4)


def test_only_one_place_reads_toml_files():
    """A second reader would take other files for presets than the first: a mark, a line end, another encoding."""
    sources = [file for module in (dreampedal, presets) for file in Path(module.__file__).parent.rglob("*.py")]
    found = {file.name for file in sources if "tomllib" in file.read_text(encoding="utf-8")}
    assert found == {"toml_text.py", "settings.py"}, "settings.py reads values of the command line, no file"


@pytest.mark.parametrize("content, said", [
    (b"title = '\xff'", "byte 9 is not UTF-8; save it as UTF-8"),
    (b"[", "is no TOML"),
    (codecs.BOM_UTF16_LE + GAIN.encode("utf-16-le"), "its text is UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF16_BE + GAIN.encode("utf-16-be"), "its text is UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF8 * 2 + GAIN.encode(), "is no TOML"),
], ids=["Latin-1", "no table", "UTF-16, little end", "UTF-16, big end", "two marks"])  # fmt: skip
def test_a_file_that_is_no_preset(tmp_path, content, said):
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        load_preset(tmp_path / "bad.toml")
    with pytest.raises(ValueError) as caught:
        read_preset(tmp_path / "bad.toml")
    assert str(tmp_path / "bad.toml") in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_name_lists_what_there_is(home):
    save_preset(Board([pedalboard.Gain()]), "loud_room")
    with pytest.raises(
        ValueError, match=r"no preset named 'lod_room' \(did you mean 'loud_room'\?\); there are: .*loud"
    ):
        load_preset("lod_room")
