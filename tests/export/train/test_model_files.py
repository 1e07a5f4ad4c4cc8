"""Checkpoints as model files: the kind that a network can be, and what the file says of its training."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from dreampedal.engine.model.format.manifest import METADATA_KEY, ModelError
from dreampedal.engine.model.structure import read_model
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import write_model
from dreampedal.export.nets.checkpoint import save
from dreampedal.export.train.model_files import export_checkpoint

from ..compile.write_scene import small


@pytest.fixture
def kept(tmp_path):
    """A function from a network's name to its checkpoint."""

    def written(name):
        save(small(name), tmp_path / f"{name}.safetensors", seed=3, data="noise", licence="CC0-1.0",
             accuracy={"unseen": 0.5}, history=[])  # fmt: skip
        return tmp_path / f"{name}.safetensors"

    return written


@pytest.mark.parametrize("name, kind", [("columns", "ascent"), ("gated", "waveform"), ("vgg", "classifier")])
def test_a_network_becomes_what_it_can_dream_as(name, kind, kept, tmp_path):
    manifest = export_checkpoint(kept(name), tmp_path / "Tiny-Net 2.onnx")
    assert read_model(tmp_path / "Tiny-Net 2.onnx")[1] == manifest
    assert (manifest.kind, manifest.name, manifest.accuracy) == (kind, "tiny_net_2", {"unseen": 0.5})
    assert (manifest.training.data, manifest.training.licence, manifest.training.seed) == ("noise", "CC0-1.0", 3)


@pytest.mark.parametrize("name", ["columns", "vgg"])
def test_a_file_tells_how_its_set_was_dealt_where_that_is_known(name, kept, tmp_path):
    export_checkpoint(kept(name), tmp_path / "unknown.onnx")
    assert "dealt" not in json.loads(metadata(tmp_path / "unknown.onnx"))["training"], "older readers read it too"
    deal = {"set": "songs", "set_hash": "a" * 64, "shares": [0.5, 0.25, 0.25], "column": "style",
            "segmenting": {"seconds": 2.0, "trim_db": None, "last": "drop", "even": True}}  # fmt: skip
    save(small(name), tmp_path / "told.safetensors", seed=3, **deal)
    export_checkpoint(tmp_path / "told.safetensors", tmp_path / "told.onnx")
    assert json.loads(metadata(tmp_path / "told.onnx"))["training"]["dealt"] == deal
    dealt = read_model(tmp_path / "told.onnx")[1].training.dealt
    assert dealt.shares == (0.5, 0.25, 0.25) and dealt.segmenting["even"] is True


@pytest.mark.parametrize("wrong", [{"set_hash": "a"}, {"set": 300 * "a"}])
def test_a_deal_that_cannot_be_is_named(wrong, tmp_path):
    save(small("vgg"), tmp_path / "wrong.safetensors", **({"set": "songs"} | wrong))
    with pytest.raises(ValueError, match=rf"wrong\.safetensors: its set: {next(iter(wrong))} = "):
        export_checkpoint(tmp_path / "wrong.safetensors", tmp_path / "wrong.onnx")
    assert not (tmp_path / "wrong.onnx").exists()


@pytest.mark.parametrize(
    "model", sorted((Path(__file__).parents[3] / "presets" / "models").glob("*.onnx")), ids=lambda path: path.stem
)
def test_a_shipped_file_says_what_it_always_said(model):
    assert read_model(model)[1].training.model_dump_json() == json.dumps(
        json.loads(metadata(model))["training"], separators=(",", ":"), ensure_ascii=False
    )


def metadata(path):
    """The manifest of a model, as its file has it."""
    return next(entry.value for entry in onnx.load(path).metadata_props if entry.key == METADATA_KEY)


@pytest.mark.parametrize(
    ("name", "order", "words"),
    [
        ("vgg", {"kind": "waveform"}, "vgg cannot be waveform: expected classifier"),
        ("gated", {"kind": "ascent"}, "gated cannot be ascent: expected classifier or waveform"),
        ("vgg", {"kind": "toaster"}, "kind 'toaster': expected auto"),
        ("vgg", {"name": "No Label"}, "name"),
        ("vgg", {"out": "tiny.txt"}, "ends in .onnx"),
        ("vgg", {"out": "nowhere/tiny.onnx"}, "no such folder"),
        (
            "vgg",
            {"most_bytes": 5000},
            r"vgg.safetensors: a model of .* MB: expected at most 0.0 MB; the largest part, .*"
            r"weight, has .* MB: train a smaller network",
        ),
    ],
)
def test_what_cannot_be_leaves_nothing(name, order, words, kept, tmp_path):
    checkpoint, out = kept(name), tmp_path / order.pop("out", "tiny.onnx")
    with pytest.raises(ValueError, match=words):
        export_checkpoint(checkpoint, out, **order)
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_file_that_would_be_too_large_is_not_written(tmp_path):
    graph = Graph()
    values = {"logits": graph.op("Add", "x", graph.weight("heavy", np.ones((1, 100_000), np.float32)))}
    with pytest.raises(ValueError, match=r"heavy\.onnx: a model of 0\.4 MB: expected at most 0\.3 MB"):
        write_model(tmp_path / "heavy.onnx", graph, values, None, "[]", most_bytes=300_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extra", [{"accuracy": {"test": "high"}}, {"accuracy": [1]}, {"data": 3}, {"seed": "one"}])
def test_what_a_checkpoint_says_of_itself_is_checked(extra, tmp_path):
    save(small("vgg"), tmp_path / "odd.safetensors", **extra)
    with pytest.raises(ModelError, match=rf"odd\.safetensors: metadata\.extra\.{next(iter(extra))}"):
        export_checkpoint(tmp_path / "odd.safetensors", tmp_path / "odd.onnx")
    assert not (tmp_path / "odd.onnx").exists()
