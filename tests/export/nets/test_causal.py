import pytest
import torch

from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.nets.causal import Network

FLOOR = Network().floor


def test_a_network_is_causal_and_starts_in_silence():
    torch.manual_seed(0)
    network = Network(classes=CLASSES, filters=(16, 16, 16), activation="leaky_relu", context_frames=5).eval()
    x = FLOOR + 8 * torch.rand(2, 96, 50)
    later = x.clone()
    later[..., 30:] = 0
    with torch.no_grad():
        before, after = network.logits_at_frames(x), network.logits_at_frames(later)
        silent = torch.nn.functional.pad(x, (network.receptive_frames, 0), value=FLOOR)
        assert torch.allclose(before[..., :30], after[..., :30], atol=1e-5)
        assert (before[..., 30] != after[..., 30]).any()
        assert torch.allclose(network.logits_at_frames(silent)[..., -50:], before, atol=1e-5)
        assert torch.allclose(network(x), before[..., -1], atol=1e-5)
        named = network.activations(x)
    assert {name: tuple(y.shape) for name, y in named.items()} == {f"conv{i}": (2, 16, 50) for i in (1, 2, 3)}
    assert network.receptive_frames == 2 * (1 + 2 + 4) + 5


def test_bad_networks_are_refused():
    with pytest.raises(ValueError, match="2 layers and 3 dilations"):
        Network(filters=(8, 8))
    with pytest.raises(ValueError, match="activation 'relu': expected one of elu, leaky_relu"):
        Network(activation="relu")
