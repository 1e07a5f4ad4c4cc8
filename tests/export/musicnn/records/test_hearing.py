"""The published networks at 48 kHz against the front end that they were trained on."""

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.input_spectra import mel_weights
from dreampedal.engine.model.format.inputs import Mel, features, resampled
from dreampedal.export.musicnn.networks import FRAMES
from dreampedal.export.musicnn.published import load
from dreampedal.export.musicnn.records.hearing import BIN_HZ, SAMPLES, Published, layout, mel_of
from dreampedal.export.nets.listeners.layouts import weights_of


@pytest.fixture(scope="module")
def both():
    """A function from a recording to what the networks see of it: from 16 kHz, and from 48 kHz, (1, 96, 187) each."""

    def seen(audio, rate):
        line = resampled(audio.mean(0), rate, 48_000)[: SAMPLES + 768 * 20]
        at_16 = features(Mel.musicnn(), line.astype(np.float32), 48_000)[:, 11 : 11 + FRAMES]
        heard = layout().heard(torch.from_numpy(line.astype(np.float32))[None])[..., 10 : 10 + FRAMES]
        return torch.from_numpy(at_16)[None], heard

    return seen


def test_bands_are_those_that_the_networks_were_trained_on():
    theirs = mel_weights(16_000, 512, 96, 0.0, 8000.0, "slaney")
    ours = weights_of(layout()).numpy().T / BIN_HZ
    assert np.abs(ours[:, :257] - theirs).max() < 0.04 * theirs.max()
    decibels = 10 * np.log10(ours.sum(1) / theirs.sum(1))
    assert np.abs(decibels).max() < 0.35 and np.abs(decibels).mean() < 0.1, "triangles a few bins wide are never even"
    assert not ours[:, 257:].any(), "nothing above 8 kHz is heard"


@pytest.mark.any_recording
@pytest.mark.parametrize("name", ["mtt_musicnn", "msd_vgg"])
def test_logits_are_those_of_the_front_end_at_16_khz(wheel, clip, both, name):
    network = load(wheel, name)
    for recording in ("mix_rock", "solo_piano"):
        at_16, heard = both(*clip(recording))
        with torch.no_grad():
            theirs, ours = network(at_16), Published(network)(heard)
        assert (mel_of(heard) - at_16).abs().mean() < 0.03
        assert (ours - theirs).abs().max() < 0.2 * theirs.std()


@pytest.mark.any_recording
def test_bfloat16_changes_little_and_tags_are_chosen(wheel, clip, both):
    network = load(wheel, "mtt_musicnn")
    _, heard = both(*clip("mix_rock"))
    with torch.no_grad():
        whole, halves = (Published(network, ["flute", "rock"], halves)(heard[..., :125]) for halves in (False, True))
        every = Published(network)(heard[..., :125])
    assert whole.shape == (1, 2) and halves.dtype == torch.float32
    assert torch.equal(whole[0, 1], every[0, network.classes.index("rock")])
    assert (whole - halves).abs().max() < 0.3


def test_a_gradient_reaches_the_sound(wheel):
    network = load(wheel, "mtt_musicnn").requires_grad_(False)
    sound = (0.1 * torch.randn(1, 40_000)).requires_grad_()
    Published(network, ["flute"])(layout().heard(sound)).sum().backward()
    assert sound.grad.abs().max() > 0 and sound.grad.isfinite().all()


def test_a_tag_that_the_network_does_not_know_is_named(wheel):
    with pytest.raises(ValueError, match="msd_vgg has no tag 'flute': expected some of rock"):
        Published(load(wheel, "msd_vgg"), ["rock", "flute"])
