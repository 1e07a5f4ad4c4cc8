"""The four networks in torch against an independent twin, and on real recordings."""

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import Mel, features
from dreampedal.export.musicnn.networks import FRAMES
from dreampedal.export.musicnn.published import NETWORKS, NOTICE, load, weights_of

from . import published_twin


def heard(audio, rate):
    """The middle 3 s of a recording, as the networks hear it: (96, 187)."""
    mel = features(Mel.musicnn(), audio, rate)
    start = (mel.shape[1] - FRAMES) // 2
    return mel[:, start : start + FRAMES]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.any_recording
def test_a_network_equals_the_published_computation(wheel, clip, name):
    network, weights = load(wheel, name), weights_of(wheel, name)
    x = heard(*clip("mix_rock"))
    with torch.no_grad():
        found = [hear(torch.tensor(x)[None])[0].numpy() for hear in (network, network.hidden)]
    twin = (published_twin.vgg if "vgg" in name else published_twin.musicnn)(x.T, weights)
    for ours, theirs in zip(found, twin, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize(
    ("name", "recording", "tag"),
    [
        ("mtt_musicnn", "solo_flute", "flute"),
        ("mtt_vgg", "solo_flute", "flute"),
        ("mtt_musicnn", "mix_death_metal", "metal"),
        ("msd_musicnn", "mix_death_metal", "metal"),
        ("mtt_musicnn", "solo_piano", "piano"),
        ("msd_vgg", "mix_house", "electronic"),
    ],
)
def test_a_network_names_what_is_played(wheel, clip, name, recording, tag):
    network = load(wheel, name)
    with torch.no_grad():
        logits = network(torch.tensor(heard(*clip(recording)))[None])[0]
    assert tag in [network.classes[i] for i in logits.argsort(descending=True)[:5]]


def test_every_weight_of_a_checkpoint_has_its_place(wheel):
    for name in NETWORKS:
        network, weights = load(wheel, name), weights_of(wheel, name)
        held = [value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")]
        assert len(held) == len(weights)
        assert sum(value.numel() for value in held) == sum(value.size for value in weights.values())


def test_activations_are_those_of_the_layers_in_order(wheel, clip):
    network = load(wheel, "msd_musicnn")
    x = torch.tensor(heard(*clip("solo_egtr_em9")))[None]
    with torch.no_grad():
        found = network.activations(x)
        assert list(found) == list(network.layers())
        assert torch.equal(network.head(found["penultimate"]), network(x))


def test_an_unknown_network_is_named(wheel):
    with pytest.raises(ValueError, match="msd_big"):
        load(wheel, "msd_big")


def test_the_vgg_refuses_another_length(wheel):
    with pytest.raises(ValueError, match="100 frames: expected 187"):
        load(wheel, "mtt_vgg")(torch.zeros(1, 96, 100))


def test_the_notice_is_the_one_in_the_wheel(wheel):
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        licence = archive.read("musicnn-0.1.0.dist-info/LICENSE.md").decode()
    assert "ISC. " + " ".join(licence.split()) == NOTICE
