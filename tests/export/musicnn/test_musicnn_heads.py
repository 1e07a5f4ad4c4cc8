"""A head on frozen networks: what it may know of a recording, how sure it is, and its file."""

import numpy as np
import pytest
import torch

from dreampedal.export.musicnn.heads import Headed, cross_validated, fit_head, hidden_of, softmax, temperature
from dreampedal.export.musicnn.networks import FRAMES, Musicnn
from dreampedal.export.musicnn.published import TAGS


def recordings(count=40, clips=6, units=12, seed=0):
    """Units that tell a clip's recording and nothing of its class, and the class of each recording."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), clips)
    labels = (groups % 3).astype(np.int64)
    own = rng.standard_normal((count, units))
    return own[groups] + 0.01 * rng.standard_normal((len(groups), units)), labels, groups


def test_cross_validation_never_hears_the_recording_it_is_asked_about():
    hidden, labels, groups = recordings()
    found = cross_validated(hidden, labels, groups, strength=1.0)
    assert np.allclose(found.sum(1), 1)
    right = np.mean(found.argmax(1) == labels)
    assert right < 0.6
    assert np.mean(fit_head(hidden, labels, 1.0).probabilities(hidden).argmax(1) == labels) > right + 0.1


def test_a_class_with_too_few_recordings_is_said():
    hidden, labels, groups = recordings()
    kept = (labels != 2) | (groups == 2)
    with pytest.raises(ValueError, match="class 2 has too few recordings"):
        cross_validated(hidden[kept], labels[kept], groups[kept])


def test_temperature_makes_a_head_as_sure_as_it_is_right():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 900)
    hidden = np.eye(3)[labels] * 1.5 + rng.standard_normal((900, 3))
    groups = np.arange(900) // 3 * 3 + labels
    strength = 1e-3
    warmth = temperature(hidden, labels, groups, strength=strength)
    plain = fit_head(hidden, labels, strength)
    new = rng.integers(0, 3, 3_000)
    asked = np.eye(3)[new] * 1.5 + rng.standard_normal((3_000, 3))

    def off(head):
        found = head.probabilities(asked)
        return abs(np.mean(found.max(1)) - np.mean(found.argmax(1) == new))

    assert warmth < 1
    assert off(plain.sharpened(warmth)) < 0.05 < off(plain)


def test_two_classes_are_two_logits():
    hidden, labels, _ = recordings()
    head = fit_head(hidden, np.minimum(labels, 1), 1.0)
    assert head.weight.shape == (2, 12)
    assert np.allclose(head.probabilities(hidden), softmax(hidden @ head.weight.T + head.bias))


def test_a_headed_network_is_its_networks_and_its_head(tmp_path):
    torch.manual_seed(0)
    taggers = [Musicnn(name, TAGS[name[:3]]).eval() for name in ("mtt_musicnn", "msd_musicnn")]
    rng = np.random.default_rng(2)
    clips = rng.uniform(0, 4, (3, 96, FRAMES)).astype(np.float16)
    hidden = hidden_of(taggers, clips, batch=2)
    head = fit_head(np.repeat(hidden, 4, 0) + rng.standard_normal((12, 400)), np.repeat(np.arange(3), 4))
    net = Headed("genres", taggers, head.linear(), ("one", "two", "three")).eval()
    with torch.no_grad():
        logits = net(torch.from_numpy(clips.astype(np.float32))).double().numpy()
    assert np.allclose(softmax(logits), head.probabilities(hidden), atol=1e-4)
    assert {name: layer.dense.out_features for name, layer in net.layers().items()} == {
        "mtt_musicnn": 200,
        "msd_musicnn": 200,
    }
