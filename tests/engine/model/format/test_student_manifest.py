"""Students' manifests that are wrong, and graphs that are not as they say: one line each, before anything runs."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from dreampedal.engine.model.format.golden import packed
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, ModelError
from dreampedal.engine.model.structure import content_hash, read_model
from dreampedal.engine.model.verify import verify

pytest.importorskip("torch", reason="the models that are broken here are exported from torch")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    from ....export.compile.student_scene import CARRIERS, drawn, exported

    return exported(drawn(CARRIERS), tmp_path_factory.mktemp("model") / "tiny.onnx")


def refused(whole, folder, change, words, key=None, check=read_model):
    """A changed copy is refused in one line that has all `words`; `key` is the part of its metadata that changes."""
    model = onnx.load_model_from_string(whole.read_bytes())
    if key is None:
        change(model)
    else:
        said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
        change(said[key])
        helper.set_model_props(model, {name: json.dumps(value) for name, value in said.items()})
    path = folder / "broken.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        check(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and ": expected " in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(kind="ascent"), ["manifest."]),
        (lambda m: m.pop("targets"), ["manifest.targets", "missing"]),
        (lambda m: m.update(targets=[]), ["manifest.targets"]),
        (lambda m: m.update(targets=["class:flute", "class:flute", "conv1"]), ["'class:flute' is named twice"]),
        (lambda m: m.update(targets=["class", "conv1", "conv2"]), ["'class' names no class"]),
        (lambda m: m.update(targets=["2*conv1", "conv2", "conv3"]), ["manifest.targets.0"]),
        (lambda m: m["targets"].append("class:organ"), ["shape of input 'target'", "[3]", "[4]"]),
        (lambda m: m.update(carriers=["below"]), ["shape of output 'added'"]),
        (lambda m: m.update(carriers=[]), ["output 'added'", "undeclared"]),
        (lambda m: m.update(carriers=["below", "below"]), ["'below' is named twice"]),
        (lambda m: m.update(reach_db=[24, 6]), ["reach_db", "least one first"]),
        (lambda m: m.update(reach_db=[0, 6]), ["manifest.reach_db.0"]),
        (lambda m: m.update(window=2000), ["manifest.window is 2000: expected a power of two"]),
        (lambda m: m.update(hop=2000), ["manifest.hop is 2000"]),
        (lambda m: m["bands"].update(count=32), ["shape of input 'features'"]),
        (lambda m: m["states"].pop("layer2"), ["state_layer2", "undeclared"]),
        (lambda m: m["states"].update(layer2=[8, 11]), ["layer2", "11"]),
        (lambda m: m["states"].update(power=[1, 1]), ["'power' is the running power"]),
        (lambda m: m["states"].update(layer9=[65536, 65536]), ["numbers"]),
        (lambda m: m["teachers"].append({"name": "mel", "content_hash": "none"}), ["manifest.teachers.0.content_hash"]),
        (lambda m: m.update(content_hash="0" * 64), ["content hash"]),
    ],
)  # fmt: skip
def test_a_wrong_manifest(change, words, whole, tmp_path):
    refused(whole, tmp_path, change, words, METADATA_KEY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda golden: golden.clear(), ["none"]),
        (lambda golden: golden[0].pop("reach"), ["golden take 0", "reach"]),
        (lambda golden: golden[0].pop("added"), ["golden take 0", "added"]),
        (lambda golden: golden[1].update(target=packed(np.ones(2, np.float32))), ["golden take 1", "shape of target"]),
        (lambda golden: golden[0].update(sound=packed(np.zeros((1000, 96, 50), np.float32))), ["shape of sound"]),
        (
            lambda golden: golden[0].update(offset=packed(np.zeros((0, 2, 96), np.float32))),
            ["shape of offset", "(0, 2, 96)"],
        ),
        (lambda golden: golden[0].update(offset=packed(np.ones((8, 2, 96), np.float32))), ["golden offset", "off by"]),
        (lambda golden: golden[2].update(reach=packed(np.ones(1, np.float32))), ["golden offset", "off by"]),
        (lambda golden: golden[0].update(sound="loud"), ["unreadable"]),
    ],
)
def test_golden_vectors_that_are_not_whole_or_not_met(change, words, whole, tmp_path):
    refused(whole, tmp_path, change, words, GOLDEN_KEY, verify)


def weight(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def with_hash(change):
    """A change to the weights that the manifest agrees with."""

    def rewrite(model):
        change(model)
        said = {entry.key: entry.value for entry in model.metadata_props}
        manifest = json.loads(said[METADATA_KEY]) | {"content_hash": content_hash(model)}
        helper.set_model_props(model, said | {METADATA_KEY: json.dumps(manifest)})

    return rewrite


def spoilt(name, value):
    def change(model):
        tensor = weight(model, name)
        values = numpy_helper.to_array(tensor).copy()
        values.flat[0] = value
        tensor.CopyFrom(numpy_helper.from_array(values, name))

    return with_hash(change)


def without_memory(model):
    """Its states stay as they are."""
    for node in model.graph.node:
        if node.output[0] == "next_layer1":
            node.input[0] = "state_layer1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoilt("weight1", np.nan), ["weights 'weight1'", "NaN"]),
        (spoilt("answer", np.inf), ["weights 'answer'", "infinity"]),
        (spoilt("answer", 1e6), ["golden offset", "off by"]),
        (without_memory, ["golden offset", "off by"]),
    ],
    ids=["nan", "infinity", "another weight", "no memory"],
)
def test_a_graph_that_is_not_the_student_s(change, words, whole, tmp_path):
    refused(whole, tmp_path, change, words, check=verify)
