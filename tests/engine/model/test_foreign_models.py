"""Model files as they come from elsewhere: told at once what is wrong with them, in our own words, or played."""

import os
import shutil
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dreampedal import Dream, load_preset
from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.model.device import reads
from dreampedal.engine.model.format.manifest import METADATA_KEY
from dreampedal.engine.model.structure import content_hash, read_model
from dreampedal.networks.models import verify
from dreampedal.presets import shipped_presets

NOTES = next(iter(shipped_presets().values())).parent / "models" / "notes.onnx"
WHOLE = NOTES.read_bytes()


def preset_of(path):
    """Load a preset that names a model."""
    preset = path.with_name("mine.toml")
    preset.write_text(f'[[effects]]\ntype = "Dream"\ntarget = "conv1"\nmodel = "{path}"\n', encoding="utf-8")
    return load_preset(preset)


OPENED = {
    "Dream": lambda path: Dream(model=str(path), target="conv1"),
    "classify": Classifier.load,
    "verify": lambda path: verify(path, as_json=True),
    "a preset": preset_of,
}


def changed(change):
    """What writes the shipped model after `change(model)`."""

    def write(path):
        model = onnx.load_model_from_string(WHOLE)
        change(model)
        path.write_bytes(model.SerializeToString())

    return write


def holding(content):
    return lambda path: path.write_bytes(content)


def made_elsewhere(operator, domain=""):
    """Someone else's model, of one operator."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), opset_imports=[opset])
    return holding(model.SerializeToString())


def weight_of(model):
    return next(tensor for tensor in model.graph.initializer if tensor.name == "conv2.weight")


def set_weights(model, values, rehashed=False):
    weight = weight_of(model)
    weight.CopyFrom(numpy_helper.from_array(values.astype(np.float32), weight.name))
    if rehashed:
        before = onnx.load_model_from_string(WHOLE)
        entry = next(each for each in model.metadata_props if each.key == METADATA_KEY)
        entry.value = entry.value.replace(content_hash(before), content_hash(model))


def with_nan(rehashed):
    def change(model):
        values = numpy_helper.to_array(weight_of(model)).copy()
        values.flat[3] = np.nan
        set_weights(model, values, rehashed)

    return change


def turned_round(model):
    """A weight whose axes are exchanged, under a hash that fits."""
    set_weights(model, numpy_helper.to_array(weight_of(model)).T.copy(), rehashed=True)


def outside(location):
    def change(model):
        tensor = weight_of(model)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def without_sizes(model):
    for value in model.graph.input:
        for size in value.type.tensor_type.shape.dim:
            size.ClearField("dim_value")
            size.dim_param = "n"


def older(version):
    return lambda model: setattr(model.opset_import[0], "version", version)


def dangling(model):
    next(node for node in model.graph.node if node.op_type == "Gemm").input[1] = "nowhere"


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", "x")


ONE_LINE = {
    "of a newer format": (
        changed(lambda m: setattr(m, "ir_version", 99)),
        ["format (IR) is 99", "at most", "newer one"],
    ),
    "of newer operators": (
        changed(older(99)),
        ["(opset) is 99", "at most", "which ONNX Runtime", "install a newer one"],
    ),
    "of older operators": (changed(older(7)), ["(opset) is 7", "13 or newer", "export it again"]),
    "of operators of that age": (changed(older(22)), ["RMSNormalization, which version 22", "does not have"]),
    "of no operators": (changed(lambda m: m.ClearField("opset_import")), ["(opset) is missing"]),
    "of two sets": (changed(lambda m: m.opset_import.add(domain="", version=23)), ["(opset) is [23, 23]"]),
    "with no manifest": (changed(lambda m: m.ClearField("metadata_props")), ["'dreampedal' is missing", "exporter"]),
    "with another input": (changed(lambda m: setattr(m.graph.input[0], "name", "audio")), ["'audio' is undeclared"]),
    "with free sizes": (changed(without_sizes), ["shape of input 'features' is [n, n, n]", "[C, 96, T]"]),
    "with a weight that is no number": (changed(with_nan(False)), ["'conv2.weight'", "NaN", "finite"]),
    "with such a weight and its hash": (changed(with_nan(True)), ["'conv2.weight'", "NaN", "finite"]),
    "with axes exchanged": (changed(turned_round), ["a Reshape of", "values into", "as many as before"]),
    "that hears what nothing makes": (changed(dangling), ["hearing 'nowhere'", "an operator before it"]),
    "with its weights elsewhere": (changed(outside("weights.bin")), ["stored in 'weights.bin'", "inside the file"]),
    "that reaches out": (changed(outside("../../etc/passwd")), ["stored in '../../etc/passwd'"]),
    "of someone else": (made_elsewhere("Identity"), ["metadata 'dreampedal' is missing", "exporter"]),
    "of someone else's operators": (made_elsewhere("Magic", "com.mine"), ["metadata 'dreampedal' is missing"]),
    "with a bit over": (holding(WHOLE[:400_000] + bytes([WHOLE[400_000] ^ 0x40]) + WHOLE[400_001:]), ["hash"]),
    "that is half": (holding(WHOLE[: len(WHOLE) // 2]), ["not ONNX, or only a part of it"]),
    "that is empty": (holding(b""), ["file is empty"]),
    "that is zeros": (holding(bytes(100_000)), ["100000 bytes that are not ONNX"]),
    "that Git LFS keeps": (holding(b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\n"), ["git lfs pull"]),
    "that is a web page": (holding(b"<!DOCTYPE html><html>404"), ["a web page"]),
    "that PyTorch saved": (zipped, ["a zip archive, as PyTorch"]),
}


def message_of(opened, path):
    """What opening says; it must be one line of our own, and name the file."""
    with pytest.raises(ValueError) as caught:
        opened(path)
    said = str(caught.value)
    assert "\n" not in said and path.name in said
    assert not any(word in said for word in ("onnxruntime_src", "ONNXRuntimeError", "ShapeInference", "protobuf"))
    return said


@pytest.mark.parametrize("write, words", ONE_LINE.values(), ids=ONE_LINE)
def test_a_model_that_cannot_be_played_is_told_when_it_is_loaded(tmp_path, write, words):
    path = tmp_path / "other.onnx"
    write(path)
    for opened in OPENED.values():
        said = message_of(opened, path)
        assert ": expected " in said
        for word in words:
            assert word in said


@pytest.mark.parametrize("make, words", [
    (os.mkfifo, ["a pipe"]),
    (os.mkdir, ["a folder"]),
    (lambda path: path.symlink_to("nowhere.onnx"), []),
], ids=["a pipe", "a folder", "a link to nothing"])  # fmt: skip
def test_what_is_no_file_is_told_and_never_waited_for(tmp_path, make, words):
    make(tmp_path / "other.onnx")
    for opened in OPENED.values():
        said = message_of(opened, tmp_path / "other.onnx")
        assert all(word in said for word in words)
    if not words:
        assert "a link to nowhere.onnx, which is not there" in message_of(OPENED["Dream"], tmp_path / "other.onnx")


def written_as(name):
    def write(folder):
        (folder / name).write_bytes(WHOLE)
        return folder / name

    return write


def linked(folder):
    shutil.copy(NOTES, folder / "nötes.onnx")
    (folder / "link.onnx").symlink_to("nötes.onnx")
    return folder / "link.onnx"


def of_an_older_format(folder):
    changed(lambda model: setattr(model, "ir_version", 3))(folder / "old.onnx")
    return folder / "old.onnx"


@pytest.mark.parametrize("write", [
    written_as("notes.ONNX"), written_as("noext"), written_as("nötes.onnx"), linked, of_an_older_format,
], ids=["upper case", "no ending", "another script", "a link", "an older format"])  # fmt: skip
def test_names_links_and_older_formats_play_the_same(tmp_path, write):
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 6_000)).astype(np.float32)
    found = Dream(model=str(write(tmp_path)), target="conv1")(audio, 48_000)
    np.testing.assert_array_equal(found, Dream(model="notes", target="conv1")(audio, 48_000))


def test_what_this_installation_reads_is_found_by_trying():
    """And what it reads at most is what the error says."""
    formats = [version for version in range(8, 40) if reads(version, 13)]
    operators = [version for version in range(13, 60) if reads(8, version)]
    assert formats == [*range(8, formats[-1] + 1)] and operators == [*range(13, operators[-1] + 1)]
    assert formats[-1] >= 11 and operators[-1] >= 23, "which the shipped models are in"


@pytest.mark.parametrize("change, most", [
    (lambda model: setattr(model, "ir_version", 99), lambda: max(v for v in range(8, 40) if reads(v, 13))),
    (older(99), lambda: max(v for v in range(13, 60) if reads(8, v))),
])  # fmt: skip
def test_a_newer_model_is_told_what_is_read_here(tmp_path, change, most):
    changed(change)(tmp_path / "new.onnx")
    assert f"expected at most {most()}, which ONNX Runtime" in message_of(read_model, tmp_path / "new.onnx")
