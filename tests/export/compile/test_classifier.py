"""Networks that name, as files: equal to torch, as small as their weights, and whole or not there at all."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.model.clip_model import open_model
from dreampedal.engine.model.format.inputs import BandImage, Mel
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.verify import verify
from dreampedal.export.compile.classifier import export_classifier
from dreampedal.export.nets.table import build

from .write_scene import CLASSES, TRAINING, agreement, small


def written(net, path, **more):
    export_classifier(net, path, **({"name": "tiny", "training": TRAINING} | more))
    return path


@pytest.fixture(scope="module", params=["vgg", "conv_recurrent"])
def pair(request, tmp_path_factory):
    """A network and its file."""
    net = small(request.param)
    return net, written(net, tmp_path_factory.mktemp("model") / "tiny.onnx", accuracy={"unseen": 0.5})


def test_the_file_is_the_network(pair):
    net, path = pair
    assert agreement(net, path) < 1e-4
    proof = verify(path)
    assert proof.golden_deviation < 1e-4 and proof.takes == 2
    manifest = proof.manifest
    assert (manifest.kind, manifest.classes, manifest.shape) == ("classifier", CLASSES, net.task.shape)
    assert manifest.input == net.input and manifest.accuracy == {"unseen": 0.5}
    assert [layer.name for layer in manifest.layers] == list(net.layers())
    weights = sum(4 * value.numel() for value in net.state_dict().values())
    assert path.stat().st_size < 1.1 * weights + 20_000


def test_batch_norms_are_folded_and_nothing_tells_of_the_machine(pair):
    _, path = pair
    graph = onnx.load(path).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    assert not any(node.metadata_props or node.doc_string for node in graph.node)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    first, second = (written(Tags(), tmp_path / f"{name}.onnx") for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_sound_is_judged_by_the_file(pair, clip):
    audio, rate = clip("solo_egtr_em9")
    judge = Classifier.load(pair[1])
    found = judge.probabilities(audio, rate, clips=5, seed=3)
    assert found.shape == (5, 3) and np.allclose(found.sum(1), 1, atol=1e-5)
    assert np.array_equal(found, judge.probabilities(audio, rate, clips=5, seed=3))
    assert not np.array_equal(found, judge.probabilities(audio, rate, clips=5, seed=4))


def test_many_clips_take_no_more_memory_than_few_and_are_heard_alike(tmp_path):
    """What a network makes of a clip on its way is far larger than the clip."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("memory is read where Linux tells it")

    def resident_mb():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    torch.manual_seed(0)
    net = build("vgg", CLASSES, Mel(bands=64), 0.3, {"filters": (32, 4), "dense": 8}).eval()
    model = open_model(written(net, tmp_path / "wide.onnx"), device="cpu")
    x = np.random.default_rng(0).uniform(-4, 1, (600, *model.manifest.shape)).astype(np.float32)
    one_by_one = np.concatenate([model.logits(clip[np.newaxis]) for clip in x[:8]])
    before = resident_mb()
    found = model.logits(x)
    assert resident_mb() - before < 100
    assert np.allclose(found[:8], one_by_one, rtol=1e-6, atol=1e-6)


class Tags(nn.Module):
    """A network of two tags that may both be there."""

    classes, input, seconds, probabilities = ("loud", "high"), BandImage(), 3.0, "sigmoid"

    def __init__(self, width=2):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(12 * 29, width)

    def layers(self):
        return {}

    def forward(self, x):
        return self.head(x.flatten(1))


def test_tags_need_not_exclude_each_other(clip, tmp_path):
    net = Tags()
    nn.init.constant_(net.head.bias, 9.0)
    nn.init.zeros_(net.head.weight)
    audio, rate = clip("solo_egtr_em9")
    judge = Classifier.load(written(net, tmp_path / "tags.onnx"))
    assert judge.probabilities(audio, rate).min() > 0.99


class Follows(Tags):
    """A network whose way depends on what it hears."""

    def forward(self, x):
        return self.head(x.flatten(1)) if x.sum() > 0 else self.head(-x.flatten(1))


def spoilt():
    net = small("vgg")
    net.get_parameter("body.head.bias").data[0] = torch.nan
    return net


@pytest.mark.parametrize(
    ("net", "words"),
    [(spoilt, "body.head.bias.*NaN"), (lambda: Tags(width=3), "2 classes"), (Follows, "Follows cannot be written")],
)
def test_what_cannot_be_written_leaves_nothing(net, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        written(net(), tmp_path / "tiny.onnx")
    assert not list(tmp_path.iterdir())


def test_only_networks_on_bands_dream_on_bands(tmp_path):
    from dreampedal.effects import Dream

    path = written(Tags(), tmp_path / "tags.onnx")
    with pytest.raises(ModelError, match=r"tags\.onnx: manifest\.kind is classifier: expected ascent"):
        Dream(model=str(path), target="class:loud").process(np.zeros((1, 4800), np.float32), 48_000)
