"""Presets by name and path, and the user's own folder."""

import pedalboard
import pytest

from dreampedal import Board, library, load_preset, save_preset
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


@pytest.mark.parametrize("content, said", [(b"title = '\xff'", "byte 9 is not UTF-8"), (b"[", "is no TOML")])
def test_a_file_that_is_no_preset(tmp_path, content, said):
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        load_preset(tmp_path / "bad.toml")


def test_an_unknown_name_lists_what_there_is(home):
    save_preset(Board([pedalboard.Gain()]), "loud_room")
    with pytest.raises(
        ValueError, match=r"no preset named 'lod_room' \(did you mean 'loud_room'\?\); there are: .*loud"
    ):
        load_preset("lod_room")
