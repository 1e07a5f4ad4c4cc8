"""Names of models, presets and references over several folders."""

import pytest

from dreampedal.engine.model.library import Library


@pytest.fixture
def shelves(tmp_path):
    """A library of two folders that both hold the model `notes`."""
    for folder in ("shipped", "mine"):
        (tmp_path / folder / "models").mkdir(parents=True)
        (tmp_path / folder / "models" / "notes.onnx").touch()
    (tmp_path / "shipped" / "hall.toml").touch()
    (tmp_path / "shipped" / "models" / "drums.onnx").touch()
    return Library([tmp_path / "shipped", tmp_path / "mine", tmp_path / "not_there"])


def test_the_last_folder_is_asked_first(shelves, tmp_path):
    assert shelves.find("model", "notes") == tmp_path / "mine" / "models" / "notes.onnx"
    shelves.register(tmp_path / "shipped")
    assert shelves.find("model", "notes") == tmp_path / "shipped" / "models" / "notes.onnx"
    assert len(shelves.folders) == 3


def test_kinds_are_apart(shelves):
    assert list(shelves.names("model")) == ["drums", "notes"]
    assert list(shelves.names("preset")) == ["hall"]
    assert list(shelves.names("reference")) == []


def test_a_path_does_for_a_name(shelves, tmp_path):
    path = tmp_path / "own.onnx"
    path.touch()
    assert shelves.find("model", path) == shelves.find("model", str(path)) == path


@pytest.mark.parametrize("name, said", [
    ("note", r"no model named 'note' \(did you mean 'notes'\?\); there are: drums, notes"),
    ("missing.onnx", r"missing.onnx: no such model file; there are, by name: drums, notes"),
    ("a/b", r"a/b: no such model file"),
    ("..", r"is a folder: expected a model file \(.onnx\)"),
    ("", r"the model has an empty name; there are: drums, notes"),
])  # fmt: skip
def test_an_unknown_name_is_told_with_the_known_ones(shelves, name, said):
    with pytest.raises(ValueError, match=said):
        shelves.find("model", name)


def test_an_old_name_goes_on_and_tells_the_new_one_once(shelves, tmp_path, capsys):
    shelves.rename("preset", {"room": "hall", "gone": "nowhere", "hall": "other"})
    assert shelves.find("preset", "room") == shelves.find("preset", "room") == tmp_path / "shipped" / "hall.toml"
    assert capsys.readouterr().err == "the preset 'room' is called 'hall' now\n"
    assert shelves.find("preset", "hall") == tmp_path / "shipped" / "hall.toml"
    (tmp_path / "mine" / "room.toml").touch()
    assert shelves.find("preset", "room") == tmp_path / "mine" / "room.toml"
    assert not capsys.readouterr().err
    for kind, name in (("preset", "gone"), ("model", "room")):
        with pytest.raises(ValueError, match=f"no {kind} named '{name}'"):
            shelves.find(kind, name)
