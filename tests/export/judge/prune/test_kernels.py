"""Kernels taken out of every network that has a row of them, and kernels that resemble each other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.model.format.inputs import LogBands, Mel
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.judge.prune.kernels import convolutions, most_similar, similarity, weights, without
from dreampedal.export.nets.costs import multiply_adds, parameters
from dreampedal.export.nets.table import build

from ...compile.networks import settle

CLASSES = ("drum", "flute", "voice")
SMALL = LogBands(bands=Bands(count=16))
KINDS = {
    "raw": ("raw", {"filters": (4, 3, 5), "dense": 6}, None, 0.2),
    "conv": ("conv", {"filters": (3, 6), "dense": 7}, None, None),
    "vgg": ("vgg", {"filters": (3, 4, 2), "dense": 6}, Mel(bands=24), 0.5),
    "vgg, mean": ("vgg", {"filters": (3, 4), "dense": 6, "pooling": "mean"}, Mel(bands=24), 0.5),
    "vgg, full height": ("vgg", {"filters": (5, 4), "dense": 6, "kernel": "full_height"}, Mel(bands=24), 0.5),
    "vgg, strides": ("vgg", {"filters": (3, 4), "dense": 6, "pooling": "none"}, Mel(bands=24), 0.5),
    "deep": ("deep", {"filters": (2, 3, 2, 2, 3, 3, 2, 4)}, SMALL, 0.5),
    "columns": ("columns", {"filters": (5, 4, 3), "context_frames": 4}, SMALL, 0.6),
}


def drawn(kind, seed=0):
    """A network with every part as if it had been trained, and features that it hears."""
    torch.manual_seed(seed)
    name, chosen, heard, seconds = KINDS[kind]
    net = build(name, CLASSES, heard, seconds, chosen)
    settle(net)
    net.normalise([torch.randn(4, *net.task.shape)])
    return net.eval(), torch.randn(3, *net.task.shape)


def silenced(net, x, removed):
    """What the network says with these filters' outputs at zero."""

    def hook(filters):
        def zero(_module, _inputs, output):
            mask = torch.ones(output.shape[1])
            mask[filters] = 0
            return output * mask.reshape(-1, *[1] * (output.ndim - 2))

        return zero

    handles = [net.layers()[layer].register_forward_hook(hook(filters)) for layer, filters in removed.items()]
    with torch.no_grad():
        logits = net(x)
    for handle in handles:
        handle.remove()
    return logits


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_without_kernels_it_says_what_it_says_with_them_silenced(kind, data):
    net, x = drawn(kind)
    removed = {
        c.layer: data.draw(st.lists(st.integers(0, c.filters - 1), max_size=c.filters - 1, unique=True))
        for c in convolutions(net)
    }
    smaller = without(net, removed)
    with torch.no_grad():
        assert torch.allclose(smaller(x), silenced(net, x, removed), atol=2e-5)
    assert smaller.name == net.name and smaller.classes == net.classes
    gone = sum(map(len, removed.values()))
    assert sum(smaller.settings.filters) == sum(net.settings.filters) - gone
    if gone:
        assert parameters(smaller) < parameters(net) and multiply_adds(smaller) < multiply_adds(net)


@pytest.mark.parametrize("kind", ["raw", "columns"])
def test_a_constant_filter_before_a_dense_layer_goes_with_no_loss(kind):
    """Batch norm that multiplies by nothing leaves a constant, which the bias of the next layer takes over."""
    net, x = drawn(kind)
    last = convolutions(net)[-1]
    norm = net.get_submodule(last.norm)
    with torch.no_grad():
        norm.weight[1], norm.bias[1] = 0, 1.5
        before = net(x)
        heard = {}
        hook = net.get_submodule(last.consumer).register_forward_pre_hook(lambda _m, inputs: heard.update(x=inputs[0]))
        net(x)
        hook.remove()
        means = {last.consumer: heard["x"].reshape(-1, heard["x"].shape[-1]).mean(0).numpy()}
        assert torch.allclose(without(net, {last.layer: [1]}, means)(x), before, atol=1e-5)
        assert not torch.allclose(without(net, {last.layer: [1]})(x), before, atol=1e-3)


@pytest.mark.parametrize("name", ["gated", "lstm", "dense", "recurrent", "conv_recurrent"])
def test_networks_with_no_row_of_convolutions_are_refused(name):
    net = build(name, CLASSES, seconds=0.5 if name == "gated" else None)
    with pytest.raises(ValueError, match=f"{name}: kernels can be taken out only where convolutions follow"):
        convolutions(net)


@pytest.mark.parametrize("removed, words", [
    ({"conv9": [0]}, "no convolution 'conv9' in conv: expected one of conv1, conv2"),
    ({"conv1": [0, 1, 2]}, "conv1 has 3 filters: cannot take out 3"),
    ({"conv1": [3]}, "from 3 to 3"),
])  # fmt: skip
def test_kernels_that_cannot_go(removed, words):
    with pytest.raises(ValueError, match=words):
        without(drawn("conv")[0], removed)


def test_a_kernel_and_the_same_one_later_are_alike_when_shifted():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1, 4, 12))
    one[..., :3] = one[..., -3:] = 0
    later = np.roll(one, 2, -1)
    kernels = np.concatenate([one, 3 * later, rng.normal(size=(1, 4, 12)), -one])
    assert similarity(kernels)[0, 1] < 0.7
    assert similarity(kernels, shift=2)[0, 1] == pytest.approx(1)
    assert similarity(kernels)[0, 3] == pytest.approx(-1)
    assert most_similar(kernels, 1, shift=3)[0][:2] == (0, 1)


@given(st.integers(0, 1000), st.integers(0, 4))
@settings(max_examples=20, deadline=None)
def test_likeness_is_symmetric_and_grows_with_shift(seed, shift):
    kernels = np.random.default_rng(seed).normal(size=(5, 2, 3, 6))
    alike = similarity(kernels, shift)
    flat = kernels.reshape(5, -1)
    cosines = flat @ flat.T / np.linalg.norm(flat, axis=1) / np.linalg.norm(flat, axis=1)[:, None]
    assert np.allclose(similarity(kernels), cosines)
    assert np.allclose(alike, alike.T) and (alike >= similarity(kernels) - 1e-12).all()
    assert np.allclose(np.diag(alike), 1) and np.abs(alike).max() <= 1 + 1e-9


def test_weights_of_a_layer_with_none_are_refused():
    net, _ = drawn("conv")
    assert weights(net, "conv2").shape == (6, 3, 3, 3)
    with pytest.raises(ValueError, match="no convolution in a layer 'dense'"):
        weights(net, "dense")
