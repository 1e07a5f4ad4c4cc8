"""Broken and hostile model files: each is refused before anything of it runs, in one line that says why."""

import contextlib
import json
import re

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.model.device import DeviceError, why_no_cuda
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, ModelError
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.structure import content_hash, read_model
from dreampedal.engine.model.verify import verify

pytest.importorskip("torch", reason="the models that are broken here are exported from torch")


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory):
    from ...export.compile.networks import exported, trained

    return exported(trained(), tmp_path_factory.mktemp("model") / "tiny.onnx")


def changed(sound_file, folder, change):
    """The path of a copy of the model after `change(model)`."""
    model = onnx.load_model_from_string(sound_file.read_bytes())
    change(model)
    path = folder / "broken.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def refused(path, *words, check=read_model):
    with pytest.raises(ModelError) as caught:
        check(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and ": expected " in message
    for word in words:
        assert word in message


def manifest_of(model):
    return json.loads(next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY))


def with_manifest(change):
    """A change to the manifest, as a change to the model."""

    def rewrite(model):
        manifest = manifest_of(model)
        change(manifest)
        golden = next(entry.value for entry in model.metadata_props if entry.key == GOLDEN_KEY)
        helper.set_model_props(model, {METADATA_KEY: json.dumps(manifest), GOLDEN_KEY: golden})

    return rewrite


def test_a_sound_model_passes(sound_file):
    proof = verify(sound_file)
    assert proof.takes == 2 and proof.golden_deviation < 1e-4


@pytest.mark.parametrize("content", [b"", b"RIFF" + bytes(100), b"not a model at all", bytes(1000)])
def test_what_is_not_onnx(content, tmp_path):
    path = tmp_path / "noise.onnx"
    path.write_bytes(content)
    refused(path)


def test_missing_files_and_folders(tmp_path):
    refused(tmp_path / "gone.onnx", "No such file")
    refused(tmp_path, "directory")


def test_truncated_anywhere(sound_file, tmp_path):
    whole = sound_file.read_bytes()
    path = tmp_path / "short.onnx"
    for size in np.linspace(1, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:size])
        refused(path)


def test_too_large(sound_file, tmp_path, monkeypatch):
    monkeypatch.setattr("dreampedal.engine.model.structure.MAX_FILE_BYTES", 1000)
    refused(sound_file, "size", "at most 1000")


def test_no_manifest(sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, lambda model: model.ClearField("metadata_props")), METADATA_KEY, "missing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("training"), ["manifest.training", "missing"]),
        (lambda m: m.update(hop=0), ["manifest.hop", "0", "greater than 0"]),
        (lambda m: m.update(hop="fast"), ["manifest.hop", "fast"]),
        (lambda m: m.update(window=2000), ["manifest.window is 2000: expected a power of two from 64 samples up"]),
        (lambda m: m.update(window=32), ["manifest.window is 32: expected a power of two from 64 samples up"]),
        (lambda m: m.update(window=-2048), ["manifest.window is -2048"]),
        (lambda m: m.update(window=1024, hop=513), ["manifest.hop is 513: expected 1 to 512 samples, half of"]),
        (lambda m: [m.update(window=512), m.pop("hop")], ["manifest.hop is 512: expected 1 to 256 samples"]),
        (lambda m: m.update(hop=-1), ["manifest.hop is -1"]),
        (lambda m: m["bands"].update(low_hz=400.0, high_hz=300.0), ["manifest.bands.high_hz is 300.0: expected above"]),
        (lambda m: m["bands"].update(low_hz=300.0, high_hz=300.0), ["bands.high_hz", "bands.low_hz = 300.0 Hz"]),
        (lambda m: m.update(bands={"count": 6, "low_hz": 20_000.0}), ["manifest.bands.high_hz is 16000.0"]),
        (lambda m: m["bands"].update(count=1), ["manifest.bands.count is 1"]),
        (lambda m: m.update(colour="blue"), ["manifest.colour"]),
        (lambda m: m.update(format=2), ["manifest.format", "2"]),
        (lambda m: m.update(kind="student"), ["manifest.", "expected"]),
        (lambda m: m.update(kind="toaster"), ["manifest.kind", "toaster"]),
        (lambda m: m["bands"].update(count=32), ["normalisation.mean", "32 bands"]),
        (lambda m: m["layers"].pop(), ["conv3", "undeclared"]),
        (lambda m: m["layers"][0].update(filters=7), ["conv1", "7"]),
        (lambda m: m["layers"][0].update(name="Conv 1"), ["manifest.layers.0.name", "Conv 1"]),
        (lambda m: m["states"].pop("conv2"), ["state_", "conv2", "undeclared"]),
        (lambda m: m["states"].update(conv9=[3, 3]), ["state_", "conv9", "missing"]),
        (lambda m: m["states"].update(conv2=[12, 5]), ["conv2", "5"]),
        (lambda m: m["classes"].append("bell"), ["classes", "differ"]),
        (lambda m: m["classes"].append("harp"), ["classes", "4"]),
        (lambda m: m.update(steps=4), ["offset_", "undeclared"]),
        (lambda m: m.update(runs_on="window"), ["window"]),
        (lambda m: m.update(content_hash="0" * 64), ["content hash", "000"]),
    ],
)  # fmt: skip
def test_a_wrong_manifest(change, words, sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, with_manifest(change)), *words)


@pytest.mark.parametrize("window, hop", [(64, 1), (64, 32), (2048, 1024), (16_384, 77)])
def test_every_layout_that_is_taken_can_play(window, hop, sound_file, tmp_path):
    path = changed(sound_file, tmp_path, with_manifest(lambda m: m.update(window=window, hop=hop)))
    _, manifest = read_model(path)
    for rate in (8_000, 24_000, 48_000, 384_000):
        frames = Frames(at_rate(manifest.window, rate), at_rate(manifest.hop, rate))
        assert lay(BandLayout(**manifest.bands.model_dump()), rate, frames.window_samples).first.size


def test_a_manifest_that_is_not_json(sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, lambda m: helper.set_model_props(m, {METADATA_KEY: "{"})), "manifest")


@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret.bin", "weights.bin", "C:\\secret"])
@pytest.mark.parametrize("place", ["weights", "attribute", "subgraph", "sparse", "function"])
def test_data_outside_of_the_file(location, place, sound_file, tmp_path):
    def hide(model):
        tensor = onnx.TensorProto(name="leak", data_type=onnx.TensorProto.FLOAT, dims=[2])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        node = helper.make_node("Constant", [], ["leaked"], value=tensor)
        if place == "weights":
            model.graph.initializer.append(tensor)
        elif place == "attribute":
            model.graph.node.append(node)
        elif place == "subgraph":
            body = helper.make_graph([node], "body", [], [])
            model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body))
        elif place == "sparse":
            model.graph.sparse_initializer.add().values.CopyFrom(tensor)
        else:
            model.functions.add(name="leak", domain="local").node.append(node)

    refused(changed(sound_file, tmp_path, hide), "leak", location)


@pytest.mark.parametrize("domain", ["", "com.microsoft", "evil"])
@pytest.mark.parametrize("operator", ["Loop", "StringNormalizer", "PyOp", "Constant"])
def test_operators_off_the_list(operator, domain, sound_file, tmp_path):
    node = helper.make_node(operator, ["features"], ["x"], name="intruder", domain=domain)
    path = changed(sound_file, tmp_path, lambda model: model.graph.node.append(node))
    refused(path, "intruder", operator)


def test_another_operator_set(sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, lambda m: m.opset_import.add(domain="evil", version=1)), "evil")


def test_functions_of_its_own(sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, lambda m: m.functions.add(name="Add", domain="")), "functions")


def test_undeclared_inputs_and_outputs(sound_file, tmp_path):
    extra = helper.make_tensor_value_info("state_secret", onnx.TensorProto.FLOAT, ["C", 3])
    refused(changed(sound_file, tmp_path, lambda m: m.graph.input.append(extra)), "state_secret", "undeclared")
    refused(changed(sound_file, tmp_path, lambda m: m.graph.output.append(extra)), "state_secret", "undeclared")


def test_an_input_with_a_default(sound_file, tmp_path):
    weights = numpy_helper.from_array(np.zeros(1, np.float32), "rate")
    refused(changed(sound_file, tmp_path, lambda m: m.graph.initializer.append(weights)), "rate", "default")


def tampered(model):
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "conv2.weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), weight.name))


def test_tampered_weights(sound_file, tmp_path):
    refused(changed(sound_file, tmp_path, tampered), "content hash")


def test_tampered_weights_under_a_matching_hash_fail_the_golden_vectors(sound_file, tmp_path):
    def change(model):
        tampered(model)
        with_manifest(lambda manifest: manifest.update(content_hash=content_hash(model)))(model)

    path = changed(sound_file, tmp_path, change)
    read_model(path)
    refused(path, "golden", "off by", check=verify)


def test_a_graph_that_computes_something_else_fails_the_golden_vectors(sound_file, tmp_path):
    def change(model):
        for node in model.graph.node:
            if node.op_type == "HardSigmoid":
                node.op_type = "Sign"
                node.ClearField("attribute")

    refused(changed(sound_file, tmp_path, change), "golden", check=verify)


@pytest.mark.parametrize("chain", ["t2", "t5", "tn"])
def test_a_chain_of_its_own_mind_is_refused(chain, sound_file, tmp_path):
    """The golden takes do not play every number of columns; the chains prove each other."""

    def change(model):
        output = next(node for node in model.graph.node if node.output[0] == f"{chain}_offset_8")
        other = next(node for node in model.graph.node if node.output[0] == f"{chain}_offset_7")
        output.input[0] = other.input[0]

    refused(changed(sound_file, tmp_path, change), "off by", check=verify)


def test_random_damage_ends_in_one_clear_error_or_none(sound_file, tmp_path):
    whole, rng = sound_file.read_bytes(), np.random.default_rng(0)
    path = tmp_path / "damaged.onnx"
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ModelError):
            read_model(path)


def test_a_graph_that_cannot_run(sound_file, tmp_path):
    def change(model):
        next(node for node in model.graph.node if node.op_type == "Gemm").input[1] = "nowhere"

    refused(changed(sound_file, tmp_path, change), "hearing 'nowhere'")


@pytest.mark.parametrize("golden", [None, "", "[]", "{}", '[{"columns": 1}]', "[1]", "nonsense"])
def test_golden_vectors_that_are_not(golden, sound_file, tmp_path):
    def change(model):
        entries = {METADATA_KEY: json.dumps(manifest_of(model))} | ({} if golden is None else {GOLDEN_KEY: golden})
        helper.set_model_props(model, entries)

    refused(changed(sound_file, tmp_path, change), "golden", check=verify)


def test_steps_columns_and_channels_out_of_range(sound_file):
    model = Model.load(sound_file)
    for wrong, words in (({"steps": -1}, "steps = -1"), ({"columns": 7}, "1 to 6"), ({"channels": 0}, "at least 1")):
        with pytest.raises(ValueError, match=words):
            model.ascent(**wrong)


def test_a_gpu_that_is_not_there_is_one_line_and_auto_is_quiet(sound_file, capfd):
    assert Model.load(sound_file, device="auto").device == "cpu"
    if why_no_cuda():
        with pytest.raises(DeviceError, match=re.escape("device = 'cuda': ")) as caught:
            Model.load(sound_file, device="cuda")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        Model.load(sound_file, device="gpu")
    assert capfd.readouterr() == ("", "")
