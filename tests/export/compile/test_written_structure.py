"""Broken and hostile files of models that hear clips: refused before anything of them runs, in one line."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, ModelError
from dreampedal.engine.model.structure import MAX_TEXT, content_hash, read_model
from dreampedal.engine.model.verify import verify
from dreampedal.export.compile.waveform import export_waveform

from .write_scene import TRAINING, small


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    export_waveform(small("raw"), path, name="tiny", training=TRAINING)
    return path


def texts(model):
    return {entry.key: json.loads(entry.value) for entry in model.metadata_props}


def refused(whole, folder, change, *words, check=read_model, key=None):
    """A changed copy is refused in one line that has all `words`."""
    model = onnx.load_model_from_string(whole.read_bytes())
    if key is None:
        change(model)
    else:
        said = texts(model)
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
        (lambda m: m.update(kind="classifier"), ["manifest.resampled"]),
        (lambda m: m.update(kind="toaster"), ["manifest.kind", "toaster", "waveform"]),
        (lambda m: m.update(kind=["classifier"]), ["manifest.kind"]),
        (lambda m: m.pop("input"), ["manifest.input", "missing"]),
        (lambda m: m["input"].update(sample_rate=0), ["manifest.input.sample_rate", "0"]),
        (lambda m: m["input"].update(kind="mel"), ["manifest.input"]),
        (lambda m: m.update(shape=[1, 1 << 24]), ["8388608 numbers"]),
        (lambda m: m.update(shape=[2, 1000]), ["2 rows", "expected 1"]),
        (lambda m: m.update(shape=[1, 1 << 22]), ["4194304 columns"]),
        (lambda m: m["layers"][0].update(filters=1 << 20), ["manifest.layers.0.filters", "65536"]),
        (lambda m: m.update(shape=[1, 1999]), ["shape of input 'x'", "1999"]),
        (lambda m: m.update(seconds=-1), ["manifest.seconds"]),
        (lambda m: m["layers"].pop(), ["undeclared"]),
        (lambda m: m["layers"][0].update(filters=9), ["conv1", "9"]),
        (lambda m: m.update(layers=[]), ["manifest.layers"]),
        (lambda m: m.update(classes=[]), ["manifest.classes"]),
        (lambda m: m["classes"].append("harp"), ["classes", "4"]),
        (lambda m: m.update(resampled="all"), ["manifest.resampled", "all"]),
        (lambda m: m.update(content_hash="0" * 64), ["content hash"]),
    ],
)  # fmt: skip
def test_a_wrong_manifest(change, words, whole, tmp_path):
    refused(whole, tmp_path, change, *words, key=METADATA_KEY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda golden: golden.clear(), ["none"]),
        (lambda golden: golden.extend(8 * golden), ["18 takes", "at most 16"]),
        (lambda golden: golden[0].pop("seed"), ["unreadable"]),
        (lambda golden: golden[0].update(expected={}), ["logits"]),
        (lambda golden: golden[0]["expected"].pop("gradient"), ["gradient"]),
        (lambda golden: golden[0]["given"].pop("classes"), ["classes"]),
        (lambda golden: golden[0]["expected"].update(extra=golden[0]["expected"]["logits"]), ["more than"]),
        (lambda golden: golden[0].update(seed=5), ["off by"]),
        (lambda golden: golden[0].update(seed=-5), ["golden"]),
        (lambda golden: golden[0].update(low="x"), ["unreadable"]),
        (lambda golden: golden[0].update(seed=float("inf")), ["unreadable"]),
    ],
)  # fmt: skip
def test_wrong_golden_vectors(change, words, whole, tmp_path):
    refused(whole, tmp_path, change, "golden", *words, check=verify, key=GOLDEN_KEY)


@pytest.mark.parametrize("key", [METADATA_KEY, GOLDEN_KEY])
def test_text_that_is_too_long(key, whole, tmp_path):
    """JSON takes many times its length in memory: it is refused before it is read."""

    def change(model):
        said = {name: json.dumps(value) for name, value in texts(model).items()}
        helper.set_model_props(model, said | {key: said[key] + " " * MAX_TEXT[key]})

    refused(whole, tmp_path, change, f"metadata '{key}'", f"at most {MAX_TEXT[key]}", check=verify)


@pytest.mark.parametrize("key", [METADATA_KEY, GOLDEN_KEY])
def test_json_that_is_too_deep(key, whole, tmp_path):
    def change(model):
        said = {name: json.dumps(value) for name, value in texts(model).items()}
        helper.set_model_props(model, said | {key: "[" * 200_000})

    refused(whole, tmp_path, change, check=verify)


def test_operators_off_the_list_and_data_elsewhere(whole, tmp_path):
    loop = helper.make_node("Loop", ["x"], ["z"], name="intruder")
    refused(whole, tmp_path, lambda model: model.graph.node.append(loop), "intruder", "Loop")
    tensor = onnx.TensorProto(name="leak", data_type=onnx.TensorProto.FLOAT, dims=[2])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    refused(whole, tmp_path, lambda model: model.graph.initializer.append(tensor), "/etc/passwd")
    extra = helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, ["N", 3])
    refused(whole, tmp_path, lambda model: model.graph.output.append(extra), "more", "undeclared")


def test_tampered_weights_fail_even_under_a_matching_hash(whole, tmp_path):
    def change(model):
        weight = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.weight"))
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.1), weight.name))

    def hidden(model):
        change(model)
        said = texts(model)
        said[METADATA_KEY]["content_hash"] = content_hash(model)
        helper.set_model_props(model, {name: json.dumps(value) for name, value in said.items()})

    refused(whole, tmp_path, change, "content hash")
    refused(whole, tmp_path, hidden, "golden", "off by", check=verify)


def test_a_gradient_of_something_else_fails(whole, tmp_path):
    def change(model):
        for node in model.graph.node:
            if node.op_type == "Sign":
                node.op_type = "Sigmoid"

    refused(whole, tmp_path, change, "golden gradient", "off by", check=verify)


def test_cut_short_anywhere(whole, tmp_path):
    content, path = whole.read_bytes(), tmp_path / "short.onnx"
    for size in np.linspace(1, len(content) - 1, 20).astype(int):
        path.write_bytes(content[:size])
        with pytest.raises(ModelError):
            read_model(path)
