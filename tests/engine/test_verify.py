"""What `verify` proves of the shipped model, and that it catches an effect that depends on how a signal is cut."""

from pathlib import Path

import numpy as np
import pytest

from dreampedal.effects import Dream
from dreampedal.engine.effect import Effect
from dreampedal.engine.manifest import ModelError
from dreampedal.engine.verify import LONGEST_BLOCKS, require_partition_law, verify

SHIPPED = Path(__file__).parents[2] / "presets" / "models" / "notes.onnx"


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
