"""Which model a dream has, where nothing is said of it."""

import copy

import pytest

from dreampedal.effects import Amplify, Dream
from dreampedal.engine.model.library import library
from dreampedal.presets.boards import parse, render

pytest.importorskip("torch", reason="the student here is exported from torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from ..export.compile.student_scene import drawn, exported

    folder = tmp_path_factory.mktemp("library")
    (folder / "models").mkdir()
    exported(drawn(targets=("class:flute", "class:organ")), folder / "models" / "heard.onnx")
    return folder


@pytest.fixture
def heard(folder, monkeypatch):
    """A library in which the student `heard` is asked first."""
    monkeypatch.setattr(library, "folders", [*library.folders, folder])
    monkeypatch.setattr(library, "students", ["heard"])


@pytest.mark.parametrize(("target", "model"), [
    ("class:flute", "heard"), ("class:organ + 0.5*class:flute", "heard"), ("class:brass", "notes"),
    ("class:flute + class:brass", "notes"), ("class:flute - class:organ", "notes"), ("conv2", "notes"),
])  # fmt: skip
def test_the_model_follows_the_target(target, model, heard):
    effect = Dream(target=target)
    assert effect.model == model and list(effect.models()) == [model]
    assert f"model='{model}'" in repr(effect) and effect.parameters["model"] == model
    assert Dream(target=target, model="auto").model == model
    assert copy.copy(effect).model == model


def test_one_that_is_named_stays(heard):
    assert Dream(target="class:flute", model="notes").model == "notes"
    assert Dream().model == "notes"
    assert Amplify(target="class:flute").model == "notes"


def test_what_is_turned_up_asks_for_a_student_that_adds_it():
    assert Dream(target="class:flute").model == Dream(target="class:flute", breath=0.0).model == "families"
    assert Dream(target="class:flute", breath=0.5).model == Dream(target="class:bass", deep=1.0).model == "voices"
    with pytest.raises(ValueError, match=r"Dream\.breath = 0\.5: model 'notes' adds none"):
        Dream(target="conv2", breath=0.5)


def test_with_no_student_every_dream_ascends(monkeypatch):
    monkeypatch.setattr(library, "students", [])
    assert Dream(target="class:flute").model == "notes"


def test_presets_name_what_was_chosen(heard):
    board = parse('[[effects]]\ntype = "Dream"\ntarget = "class:flute"\n', "here").board
    text = render(board)
    assert board[0].model == "heard" and 'model = "heard"' in text
    old = parse('[[effects]]\ntype = "Dream"\ntarget = "class:flute"\nmodel = "notes"\nsteps = 2\n', "here").board
    assert old[0].model == "notes" and old[0].steps == 2
    assert parse(text, "here").board[0].parameters == board[0].parameters


def test_a_later_target_has_to_suit_the_model(heard):
    effect = Dream(target="class:flute")
    with pytest.raises(ValueError, match="not distilled for 'class:brass'"):
        effect.target = "class:brass"
    assert effect.target == "class:flute"


def test_a_target_that_is_none_is_told_as_before(heard):
    for target, said in ((3, "Dream.target = 3: expected a text"), ("class:", "expected a layer or class")):
        with pytest.raises(ValueError, match=said):
            Dream(target=target)
