"""Weights of image networks out of a file with the published names."""

import pickle

import pytest
import safetensors.torch
import torch

from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.export.nets.pretrained import load_weights

CLASSES = ("cat", "dog", "drum")


def published(net):
    """A network's state dictionary as others publish it, with random numbers in it."""
    torch.manual_seed(7)
    names = {name: tensor for name, tensor in net.state_dict().items() if name not in ("mean", "std")}
    return {
        name: torch.rand_like(tensor) if tensor.is_floating_point() else torch.tensor(9)
        for name, tensor in names.items()
    }


def test_names_are_those_of_published_files(small):
    vgg = published(small("vgg19"))
    weights = [name for name in vgg if name.endswith("weight")]
    assert weights == [f"features.{i}.weight" for i in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)] + [
        f"classifier.{i}.weight" for i in (0, 3, 6)
    ]
    inception = published(small("inception_v3", settings={"auxiliary": True, "size": 299}))
    assert len(inception) == 580  # 96 convolutions with their batch norms, and two heads
    assert {
        "Conv2d_1a_3x3.conv.weight", "Conv2d_4a_3x3.bn.running_var", "Mixed_5b.branch5x5_2.conv.weight",
        "Mixed_6a.branch3x3dbl_3.bn.weight", "Mixed_6e.branch7x7dbl_5.conv.weight", "Mixed_7a.branch7x7x3_4.bn.bias",
        "Mixed_7c.branch3x3dbl_3b.conv.weight", "Mixed_7c.branch_pool.bn.num_batches_tracked",
        "AuxLogits.conv1.conv.weight", "AuxLogits.fc.bias", "fc.weight",
    } <= set(inception)  # fmt: skip


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", ["vgg19", "inception_v3"])
def test_weights_are_read(name, ending, small, tmp_path):
    weights = published(small(name))
    path = tmp_path / f"weights{ending}"
    if ending == ".pth":
        torch.save({"state_dict": weights}, path)
    else:
        safetensors.torch.save_file(weights, path)
    net = small(name, seed=1)
    assert load_weights(net, path) == ()
    assert all(torch.equal(net.state_dict()[part], tensor) for part, tensor in weights.items())
    assert net.state_dict()["mean"].eq(0).all()


@pytest.mark.parametrize("name, head", [("vgg19", "classifier.6"), ("inception_v3", "fc")])
def test_a_head_for_other_classes_stays_fresh(name, head, small, tmp_path):
    weights = published(small(name, classes=CLASSES))
    torch.save(weights, tmp_path / "weights.pth")
    net = small(name, seed=1)
    fresh = net.get_submodule(head).weight.clone()
    assert load_weights(net, tmp_path / "weights.pth") == (head,)
    assert torch.equal(net.get_submodule(head).weight, fresh)
    first = next(iter(weights))
    assert torch.equal(net.state_dict()[first], weights[first])


def test_second_heads_and_counts_of_batches_may_be_there_or_not(small, tmp_path):
    both = {"auxiliary": True, "size": 299}
    weights = published(small("inception_v3", settings=both))
    safetensors.torch.save_file(weights, tmp_path / "both.safetensors")
    assert load_weights(small("inception_v3"), tmp_path / "both.safetensors") == ()
    older = {name: tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}
    safetensors.torch.save_file(older, tmp_path / "older.safetensors")
    assert load_weights(small("inception_v3", settings=both), tmp_path / "older.safetensors") == ()
    one = {name: tensor for name, tensor in older.items() if not name.startswith("AuxLogits")}
    safetensors.torch.save_file(one, tmp_path / "one.safetensors")
    with pytest.raises(ModelError, match=r"tensor AuxLogits\.conv0\.conv\.weight is missing"):
        load_weights(small("inception_v3", settings=both), tmp_path / "one.safetensors")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda weights: weights.pop("features.2.bias"), r"tensor features\.2\.bias is missing"),
        (lambda weights: weights.update(more=torch.zeros(1)), "tensor more is there"),
        (lambda weights: weights.update({"features.0.weight": torch.zeros(8, 1, 3, 3)}), r"of shape \(8, 1, 3, 3\)"),
        (lambda weights: weights["features.5.weight"].fill_(torch.nan), r"features\.5\.weight is partly NaN"),
        (lambda weights: weights.update({"classifier.6.weight": torch.zeros(2, 9)}), r"of shape \(2, 9\)"),
    ],
)
def test_a_file_of_another_network_changes_nothing(change, message, small, tmp_path):
    weights = published(small("vgg19"))
    change(weights)
    safetensors.torch.save_file(weights, tmp_path / "weights.safetensors")
    net = small("vgg19")
    before = {part: tensor.clone() for part, tensor in net.state_dict().items()}
    with pytest.raises(ModelError, match=message):
        load_weights(net, tmp_path / "weights.safetensors")
    assert all(torch.equal(before[part], tensor) for part, tensor in net.state_dict().items())


class Trap:
    """Runs when a pickle that holds it is read by a reader that runs code."""

    def __reduce__(self):
        return print, ("the trap has run",)


def test_files_that_cannot_be_read_are_named(small, tmp_path, capsys):
    net = small("vgg19")
    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    (tmp_path / "text.safetensors").write_text("text")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    torch.save({1: torch.zeros(3)}, tmp_path / "numbers.pth")
    (tmp_path / "cut.pth").write_bytes(b"\x80\x02}q\x00(X\x01")
    bad = ("trap.pth", "pickle.pth", "text.safetensors", "empty.pth", "tensor.pth", "numbers.pth", "cut.pth")
    for name in bad:
        with pytest.raises(ModelError, match=name) as caught:
            load_weights(net, tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"none\.pth: no such file"):
        load_weights(net, tmp_path / "none.pth")
    assert "trap" not in capsys.readouterr().out
