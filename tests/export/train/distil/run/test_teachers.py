"""Teachers that are model files: what is read back is the network that was written, and all else is refused."""

import onnx
import pytest
import torch

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import Bands, ModelError, Training
from dreampedal.engine.model.library import library
from dreampedal.export.compile.ascent import export_ascent
from dreampedal.export.nets.causal import Network
from dreampedal.export.nets.listeners.layouts import BANDS
from dreampedal.export.train.distil.run.teachers import asked, read_teacher, unknown

WRITTEN = Training(data="none", licence="none", seed=0)
CLASSES = ("bell", "drone")


def written(path, **changes):
    """A network with batch norms that have seen something, in a model file."""
    torch.manual_seed(2)
    settings = {"classes": CLASSES, "filters": (12, 10), "dilations": (1, 3), "context_frames": 5} | changes
    network = Network(**settings)
    network.train()
    network(-6 + 2 * torch.randn(4, network.layers["conv1"].conv.in_channels, 40))
    network.eval()
    bands = LogBands(bands=Bands(count=network.layers["conv1"].conv.in_channels))
    export_ascent(network, path, input=bands, name="mine", training=WRITTEN)
    return network


@pytest.mark.parametrize(
    "changes",
    [{}, {"activation": "leaky_relu", "bands": 40}, {"kernel": 1, "context_frames": 1}],
    ids=str,
)
def test_what_is_read_is_what_was_written(changes, tmp_path):
    network = written(tmp_path / "mine.onnx", **changes)
    teacher = read_teacher(tmp_path / "mine.onnx")
    x = -6 + 2 * torch.randn(3, network.layers["conv1"].conv.in_channels, 50)
    with torch.no_grad():
        expected, found = network.activations(x), teacher.network.activations(x)
        for name, y in expected.items():
            past = network.history_frames
            assert torch.allclose(y[..., past:], found[name][..., past:], atol=1e-4)
        heard = teacher.hears(["class:drone", "conv2:3", "conv1"])(x)
        still = expected["conv2"][..., network.history_frames :]
        named = torch.log_softmax(network.head(still.mean(-1)), 1)[:, 1]
        energy = torch.log(0.5 * still[:, 3].square().mean(1) + 1e-6)
        assert torch.allclose(heard[:, 0], named, atol=1e-4) and torch.allclose(heard[:, 1], energy, atol=1e-3)
    assert (teacher.layout is BANDS) == ("bands" not in changes)
    assert teacher.name == "mine" and len(teacher.content_hash) == 64


@pytest.mark.parametrize("name", ["notes", "songs"])
def test_shipped_models_teach(name):
    teacher = read_teacher(library.find("model", name))
    assert teacher.layout is BANDS and teacher.filters == {"conv1": 128, "conv2": 96, "conv3": 96}
    heard = teacher.hears([f"class:{teacher.classes[0]}", "conv3:5"])(-6 + torch.randn(2, 96, 60))
    assert heard.shape == (2, 2) and bool(heard.isfinite().all())


def test_gradients_reach_the_features_and_no_weight(teacher):
    x = (-6 + torch.randn(2, 96, 40)).requires_grad_(True)
    teacher.hears(["conv2:3", "class:bell"])(x).sum().backward()
    assert float(x.grad.abs().sum()) > 0


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "mine.onnx"
    written(path)
    return read_teacher(path)


@pytest.mark.parametrize("target", ["conv9", "conv1:12", "conv1:x", "class:gong", "class"])
def test_a_target_that_it_does_not_know_is_refused_and_those_there_are_named(target, teacher):
    assert not teacher.knows(target)
    with pytest.raises(ValueError, match="there are class:bell, class:drone, conv1:0 to conv1:11, conv2:0 to conv2:9"):
        teacher.hears([target])


def test_without_a_teacher_the_hint_says_how_to_bring_one():
    assert "--teacher MODEL" in str(unknown("conv3:5", [], ["flute"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [("conv1 - conv2", "weight -1 of conv2"), ("0*conv1", "weight 0 of conv1"), ("conv1 conv2", "expected")],
)
def test_what_cannot_be_taught_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        asked([text])


def test_other_kinds_are_refused():
    with pytest.raises(ModelError, match="kind is classifier: expected an ascent model"):
        read_teacher(library.find("model", "genres"))


def test_a_network_that_looks_back_too_far_is_refused(tmp_path):
    written(tmp_path / "mine.onnx", dilations=(1, 30))
    with pytest.raises(ModelError, match="its history is 62 frames: expected 40 or fewer"):
        read_teacher(tmp_path / "mine.onnx")


def test_an_unknown_activation_is_refused(tmp_path):
    """The graph is sound, its hash is right, and still it is no network that can be read back."""
    path = tmp_path / "mine.onnx"
    written(path)
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "Elu":
            node.op_type = "Tanh"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"activation of conv1 is .*Tanh.*: expected Elu or LeakyRelu"):
        read_teacher(path)


def test_a_missing_file_and_another_kind_of_file_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx"):
        read_teacher(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        read_teacher(tmp_path / "text.onnx")
