"""What a checkpoint says of itself is believed only where it can be: any other value is named with its file."""

import hashlib
import json

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from dreampedal.engine.model.format.manifest import METADATA_KEY
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.nets.checkpoint import load, save
from dreampedal.export.nets.table import build
from dreampedal.export.train.fit.fitting import Fitted
from dreampedal.export.train.fit.kept import kept_in
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.folder import Order, kept

SAID = {
    "seed": 3, "shares": [0.8, 0.1, 0.1], "column": "genre", "set": "songs", "copies": 1,
    "segmenting": Segmenting(seconds=3.0).model_dump(mode="json"), "plan": Plan().model_dump(mode="json"),
    "history": [{"epoch": 1, "val_accuracy": 0.5}], "best_epoch": 1, "scores": {"test": {"by_clip": {}}},
    "accuracy": {"by_clip": 0.5}, "data": "songs", "licence": "mine", "notes": "",
}  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("kept") / "net.safetensors"
    save(build("dense", ("metal", "soft"), settings={"units": (4,)}), file, **SAID)
    return file


def parts(value, path=()):
    """Every place in a tree of JSON."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from parts(below, (*path, key))


def changed(value, path, new):
    """A tree of JSON with another value at a place."""
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


def rewritten(checkpoint, path, new):
    """The same file but for one value of what it says of itself."""
    with safe_open(checkpoint, framework="pt") as file:
        said = json.loads(file.metadata()[METADATA_KEY])
    damaged = checkpoint.with_name("damaged.safetensors")
    text = json.dumps(changed(said, path, new))
    safetensors.torch.save_file(safetensors.torch.load_file(checkpoint), damaged, {METADATA_KEY: text})
    return damaged


def test_what_was_said_is_read(checkpoint):
    assert kept_in(checkpoint) == SAID


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(list(parts(SAID))), new=VALUES)
def test_any_value_is_usable_or_refused_with_its_file(checkpoint, path, new):
    damaged = rewritten(checkpoint, ("extra", *path), new)
    try:
        said = kept_in(damaged)
    except ValueError as refused:
        assert "damaged.safetensors" in str(refused) and "expected" in str(refused)
        return
    Plan(**said.get("plan", {}))
    Segmenting(**said.get("segmenting", {}))
    assert all(isinstance(value, float | int) for value in said.get("accuracy", {}).values())
    assert isinstance(said.get("seed", 0), int) and abs(sum(said.get("shares", [1])) - 1) < 1e-5
    assert all(isinstance(said.get(name, ""), str) for name in ("column", "set", "data", "licence", "notes"))


@settings(max_examples=150, deadline=None)
@given(new=VALUES, data=st.data())
def test_whatever_else_a_file_says_it_is_loaded_or_refused_with_its_file(checkpoint, new, data):
    with safe_open(checkpoint, framework="pt") as file:
        said = json.loads(file.metadata()[METADATA_KEY])
    path = data.draw(st.sampled_from([place for place in parts(said) if place[:1] != ("extra",)]))
    damaged = rewritten(checkpoint, path, new)
    try:
        assert load(damaged).classes == ("metal", "soft") or path[0] == "classes"
    except ValueError as refused:
        assert "damaged.safetensors" in str(refused)


def test_weights_that_a_training_began_with_are_named_with_their_licence(checkpoint):
    fitted = Fitted(torch.nn.Identity(), (), 1, 0.0)
    said = kept(Order(checkpoint.parent, "vgg19", weights=checkpoint), Plan(), fitted)
    assert "net.safetensors" in said["licence"] and hashlib.sha256(checkpoint.read_bytes()).hexdigest() in said["notes"]
    assert "net.safetensors" not in str(kept(Order(checkpoint.parent, "vgg19"), Plan(), fitted))
