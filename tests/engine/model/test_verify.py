"""What `verify` proves of the shipped model, and that it catches an effect that depends on how a signal is cut."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from dreampedal.effects import Dream
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.model.format.golden import packed
from dreampedal.engine.model.format.inputs import Envelope
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, ModelError
from dreampedal.engine.model.structure import read_model
from dreampedal.engine.model.verify import LONGEST_BLOCKS, require_partition_law, verify

SHIPPED = Path(__file__).parents[3] / "presets" / "models" / "notes.onnx"


def test_the_shipped_model_is_proved():
    proof = verify(SHIPPED, effect=lambda: Dream(model=str(SHIPPED)))
    assert proof.golden_deviation < 1e-4 and proof.takes >= 2 and proof.partitions == len(LONGEST_BLOCKS)
    assert proof.file_bytes < 4_000_000
    assert len(proof.manifest.classes) == 11


class PerBlock:
    """A stream that scales each block by its own peak."""

    latency = 0

    def process(self, block):
        return block / max(np.abs(block).max(initial=0), 1e-3)


class DependsOnBlocks(Effect, family=True):
    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return PerBlock()


def test_an_effect_that_depends_on_blocks_is_refused():
    with pytest.raises(ModelError, match="partition law"):
        require_partition_law(SHIPPED, DependsOnBlocks())


def many_channels(golden):
    golden[0]["sound"] = packed(np.zeros((1000, 96, 30), np.float32))


def columns_of_a_microsecond(manifest):
    manifest["input"] = Envelope().model_dump(mode="json") | {"hop_seconds": 1e-6}


def windows_of_seconds(manifest):
    spans = {"window_seconds": 10.0, "hop_seconds": 0.001}
    manifest.update(input=Envelope().model_dump(mode="json") | spans, seconds=60.0, shape=[1, 50_001])


@pytest.mark.parametrize(
    ("name", "key", "change", "words"),
    [
        ("notes", GOLDEN_KEY, lambda golden: golden.extend(10 * golden), ["22 takes", "at most 16"]),
        ("notes", GOLDEN_KEY, lambda golden: golden.clear(), ["none", "at least one take"]),
        ("notes", GOLDEN_KEY, many_channels, ["1000 channels", "1 to 8"]),
        ("notes", METADATA_KEY, lambda told: told["states"].update(conv1=[1 << 16, 1 << 16]), ["4294", "at most"]),
        ("notes", METADATA_KEY, lambda told: told["states"].update(conv1=[1 << 40, 1]), ["manifest.states.conv1.0"]),
        ("notes", METADATA_KEY, lambda told: told.update(window=1 << 40), ["manifest.window", "65536"]),
        ("genres", METADATA_KEY, columns_of_a_microsecond, ["manifest.input", "hop_seconds"]),
        ("genres", METADATA_KEY, windows_of_seconds, ["samples in windows", "at most"]),
    ],
)  # fmt: skip
def test_a_file_that_asks_for_too_much_is_refused(name, key, change, words, tmp_path):
    """A model file may come from anybody: what it asks for is bounded before memory is taken for it."""
    model = onnx.load(SHIPPED.with_name(f"{name}.onnx"))
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    change(said[key])
    helper.set_model_props(model, {name: json.dumps(value) for name, value in said.items()})
    onnx.save(model, tmp_path / "greedy.onnx")
    with pytest.raises(ModelError) as caught:
        (verify if key == GOLDEN_KEY else read_model)(tmp_path / "greedy.onnx")
    assert all(word in str(caught.value) for word in words) and len(str(caught.value)) < 400, caught.value
