"""Costs, counted by hand."""

import torch

from dreampedal.export.nets.costs import multiply_adds
from dreampedal.export.nets.table import build

TWO = ("metal", "soft")


def test_multiply_adds_of_strided_convolutions():
    convolutions = 19_997 * 8 * 8 + 4_992 * 8 * 8 * 32 + 1_217 * 8 * 8 * 128
    assert multiply_adds(build("raw", TWO)) == convolutions + 9_736 * 256 + 256 * 2


def test_multiply_adds_over_bands_and_time():
    net = build("vgg", TWO, settings={"depth": 2, "width": 4})
    assert multiply_adds(net) == 96 * 86 * 9 * 4 + 48 * 43 * 9 * 4 * 8 + 24 * 8 * 128 + 128 * 2


def test_multiply_adds_of_recurrence():
    # Four gates, each with weights on the input and on the state, at each of 86 frames.
    net = build("lstm", TWO, settings={"depth": 1, "width": 10})
    assert multiply_adds(net) == 86 * 4 * 10 * (96 + 10) + 10 * 2
    gru = build("recurrent", TWO, settings={"cell": "gru", "units": (10,)})
    assert multiply_adds(gru) == 29 * 3 * 10 * (12 + 10) + 10 * 2


def test_counting_changes_nothing():
    net = build("conv", TWO)
    before, state = torch.get_rng_state(), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    multiply_adds(net)
    assert net.training and torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
