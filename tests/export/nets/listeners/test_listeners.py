"""The listeners: each answers, learns from what it hears, and differs from the others."""

import pytest
import torch

from dreampedal.export.nets.listeners.layouts import FLOOR
from dreampedal.export.nets.listeners.table import BUILDS, LISTENERS

by_name = pytest.mark.parametrize("listener", LISTENERS, ids=lambda one: one.name)


@by_name
def test_it_answers_for_any_stretch_and_by_the_sound_alone(listener):
    torch.manual_seed(0)
    net = listener.network(11).eval()
    with torch.no_grad():
        for frames in (56, 80, 131):
            assert net(torch.randn(2, listener.layout.count, frames)).shape == (2, 11)
        x = -5 + torch.randn(3, listener.layout.count, 64)
        assert torch.allclose(net(x)[1:2], net(x[1:2]), atol=1e-4), "no sound depends on those beside it"
        assert bool(net(torch.full((1, listener.layout.count, 64), FLOOR)).isfinite().all()), "silence is a sound too"


@by_name
def test_each_weight_learns_and_gradients_reach_the_sound(listener):
    torch.manual_seed(0)
    net = listener.network(11).train()
    x = (-5 + torch.randn(6, listener.layout.count, 64)).requires_grad_(True)
    torch.nn.functional.cross_entropy(net(x), torch.arange(6)).backward()
    assert bool((x.grad.abs().sum((1, 2)) > 0).all())
    still = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()]
    assert not still


def test_there_are_a_dozen_and_no_two_hear_alike():
    assert len({listener.name for listener in LISTENERS}) == len(LISTENERS) >= 12
    assert len({(one.build, one.layout) for one in LISTENERS}) == len(LISTENERS)
    assert {one.build for one in LISTENERS} == set(BUILDS)
