"""Listeners that name genres and tags: that they learn both, what they leave aside, that a kill changes no bit."""

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from dreampedal.export.nets.listeners.layouts import COARSE
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil.records import naming
from dreampedal.export.train.distil.records.naming import (
    Lessons,
    NamingHearing,
    NamingPlan,
    named,
    naming_loss,
    taught_to_name,
)  # fmt: skip
from tests.export.train.distil.sounds import tones

HEARS = Listener("hears", "cepstral", COARSE)
OPPOSED = Listener("opposed", "statistics", COARSE, adversarial_db=2)
BRIEF = NamingPlan(steps=8, batch=8)
CLASSES = 3


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """Tones of six heights: the lower three are classes; the tag "high" is of the others, "any" of all of them."""
    phrases = tones(tmp_path_factory.mktemp("tones"), count=48, families=6)
    height = phrases.families
    classes = np.where(height < CLASSES, height, -1)
    tags = np.stack([height >= CLASSES, np.ones(48)], 1).astype(np.float32)[:, None].repeat(2, 1)
    return Lessons(phrases, np.arange(48), classes, np.arange(48) // 6, (0, 9_600), 48_000, tags)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(naming, "EVERY", 3)


def weights(folder):
    return {key: value.numpy().tobytes() for key, value in safetensors.torch.load_file(folder).items()}


def test_both_genres_and_tags_are_learned(lessons, tmp_path):
    net = taught_to_name(HEARS, 0, CLASSES, [lessons], NamingPlan(steps=60, batch=16), tmp_path)
    said = np.exp(named(net, HEARS, lessons, lessons.aside(0)))
    of, high = lessons.classes[lessons.aside(0)], lessons.tags[lessons.aside(0), 0, 0]
    assert said.shape == (12, CLASSES + 2)
    assert (said[of >= 0, :CLASSES].argmax(1) == of[of >= 0]).mean() > 0.6
    assert said[high == 1, CLASSES].mean() > said[high == 0, CLASSES].mean() + 0.2
    assert said[:, CLASSES + 1].min() > 0.6


def test_a_killed_training_goes_on_to_the_same_bits(lessons, tmp_path):
    class Killed(BaseException):
        pass

    def killed(what, done, total):
        if what.startswith("listener"):
            raise Killed

    taught_to_name(OPPOSED, 1, CLASSES, [lessons], BRIEF, tmp_path / "whole")
    with pytest.raises(Killed):
        taught_to_name(OPPOSED, 1, CLASSES, [lessons], BRIEF, tmp_path / "killed", killed)
    assert not (tmp_path / "killed" / "opposed.safetensors").exists()
    taught_to_name(OPPOSED, 1, CLASSES, [lessons], BRIEF, tmp_path / "killed")
    assert weights(tmp_path / "whole" / "opposed.safetensors") == weights(tmp_path / "killed" / "opposed.safetensors")
    seen = []
    taught_to_name(OPPOSED, 1, CLASSES, [lessons], BRIEF, tmp_path / "killed", lambda *at: seen.append(at))
    assert not seen, "what is there is not taught again"
    with pytest.raises(ValueError, match="another training's"):
        taught_to_name(OPPOSED, 2, CLASSES, [lessons], BRIEF, tmp_path / "killed")


def test_whole_groups_are_left_aside_and_never_drawn(lessons):
    aside = lessons.aside(2)
    assert sorted(set(lessons.groups[aside])) == [2, 7]
    chances = naming._chances(lessons, 2)
    assert (chances[aside] == 0).all() and chances.sum() == pytest.approx(1)
    drawn = [chances[lessons.classes == name].sum() for name in (-1, 0, 1, 2)]
    assert np.ptp(drawn) < 0.02, "classes are drawn alike, and what has none as often as one of them"
    assert (naming._chances(replace(lessons, classes=np.full(48, -1)), 2) > 0).all(), "phrases are all learned from"


def test_a_stretch_is_where_the_published_network_heard_it(lessons):
    x = naming.encoded(lessons.of, COARSE)
    found = lessons.features(x, COARSE, np.array([5]), 1)
    sound = torch.from_numpy(lessons.of.sounds[5:6, 9_728:57_728].astype(np.float32) / 32_768)
    assert found.shape == (1, 40, 90)
    assert (found - COARSE.heard(sound)).abs().max() < 0.01
    late = lessons.features(x, COARSE, np.array([5]), 1, late=9.0)
    assert np.array_equal(late[0].numpy(), x[5, :, -90:].astype(np.float32)), "within the sound"


def test_sounds_of_no_class_teach_tags_alone():
    logits = torch.zeros(2, 4, requires_grad=True)
    tags = torch.tensor([[1.0], [0.0]])
    naming_loss(logits, torch.tensor([-1, -1]), tags, 3, BRIEF).backward()
    assert (logits.grad[:, :3] == 0).all() and logits.grad[:, 3].tolist() == pytest.approx([-0.05, 0.05])
    naming_loss(logits, torch.tensor([-1, 1]), tags, 3, BRIEF).backward()
    assert (logits.grad[0, :3] == 0).all() and logits.grad[1, 1] < 0


def test_a_hearing_misses_a_mixture_by_its_weights():
    def answers(features):
        return torch.tensor([[-1.0, -2.0, -4.0]]).expand(len(features), -1)

    hearing = NamingHearing("hears", COARSE, answers, (2, 0))
    target = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert hearing.missed(torch.zeros(2, 40, 9), target).tolist() == [4.0, 2.5]
