"""Judges: what they hear in windows of a sound, level apart, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import features
from dreampedal.engine.model.format.manifest import ModelError, Training
from dreampedal.engine.model.library import library
from dreampedal.export.compile.classifier import export_classifier
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import SAMPLES, Phrases
from dreampedal.export.judge.heard.judges import SHIPPED, Judge, Verdict, shipped
from dreampedal.export.judge.heard.schooling import (
    RECIPES,
    as_amplitude,
    as_input,
    encoded,
    layout_of,
    school,
)
from dreampedal.export.nets.listeners.table import LISTENERS

pytestmark = pytest.mark.any_recording
RATE = 48_000


@pytest.fixture(scope="module")
def phrases(tmp_path_factory):
    """A tone for each family, in noise of many kinds: 44 phrases."""
    random, time = np.random.default_rng(0), np.arange(SAMPLES) / RATE
    families = np.arange(44) % len(CLASSES)
    hz = 100 * 1.5**families
    sounds = 0.3 * np.sin(2 * np.pi * hz[:, None] * time) + 1e-3 * random.standard_normal((44, SAMPLES))
    folder = tmp_path_factory.mktemp("phrases")
    return Phrases("tones", folder / "tones.npy", np.asarray(sounds * 32_767, np.int16), families)


@pytest.fixture(scope="module")
def judges(phrases, tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("judges"), []
    for recipe in RECIPES:
        net = school(replace(recipe, steps=2, batch=4), phrases)
        path = folder / f"{recipe.name}.onnx"
        export_classifier(net, path, name=recipe.name, training=Training(data="tones", licence="none", seed=0))
        found.append((Judge(path), net))
    return found


def test_no_judge_is_built_and_hears_as_a_listener_does():
    assert len({recipe.network for recipe in RECIPES} | {str(recipe.settings) for recipe in RECIPES}) > 2
    for recipe in RECIPES:
        centres = layout_of(recipe.input).centres_hz
        assert all(listener.layout.count != len(centres) for listener in LISTENERS)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_tone_is_loudest_where_rooms_believe_its_band_to_be(recipe):
    layout, time = layout_of(recipe.input), np.arange(RATE) / RATE
    for band in (20, 60, 100):
        hz = float(layout.centres_hz[band])
        tone = (0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32)
        x = as_amplitude(recipe.input, features(recipe.input, tone, RATE))
        middle = x[:, x.shape[1] // 2]
        assert abs(int(middle.argmax()) - band) <= 1
        assert -3.5 < middle.max() < 0.1


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_amplitudes_become_the_features_again(recipe, clip):
    audio, rate = clip("solo_cello")
    x = features(recipe.input, audio.mean(0)[: 2 * int(rate)], rate)
    again = as_input(recipe.input, torch.from_numpy(as_amplitude(recipe.input, x))).numpy()
    assert np.abs(again - x).max() < 1e-4


def test_the_same_seed_gives_the_same_judge_and_another_does_not(phrases, judges):
    recipe = replace(RECIPES[1], steps=2, batch=4)
    again, other = school(recipe, phrases), school(recipe, phrases, seed=1)
    mine = [dict(net.named_parameters()) for net in (judges[1][1], again, other)]
    assert all(torch.equal(mine[0][name], mine[1][name]) for name in mine[0])
    assert not all(torch.equal(mine[0][name], mine[2][name]) for name in mine[0])


def test_held_out_phrases_are_not_learned_from(phrases, judges, monkeypatch):
    changed = replace(phrases, path=phrases.path.with_name("changed.npy"), sounds=phrases.sounds.copy())
    changed.sounds[::10] = 0
    recipe = replace(RECIPES[1], steps=2, batch=4)
    mine, its = (dict(net.named_parameters()) for net in (judges[1][1], school(recipe, changed)))
    assert all(torch.equal(mine[name], its[name]) for name in mine)


def test_a_tone_is_told_from_another_after_some_steps(phrases, tmp_path):
    recipe = replace(
        RECIPES[1], steps=150, batch=22, network="vgg", settings={"width": 16, "depth": 2, "kernel": "full_height"}
    )
    net = school(recipe, phrases)
    x = torch.from_numpy(encoded(phrases, recipe.input)[::10, :, : net.task.shape[1]].astype(np.float32))
    right = net(as_input(recipe.input, x)).argmax(1).numpy() == phrases.families[::10]
    assert right.mean() >= 0.6


def test_the_file_hears_what_the_network_heard(judges, clip):
    audio, rate = clip("solo_egtr_em9")
    mono = audio.mean(0)[: int(3 * rate)]
    for judge, net in judges:
        [verdict] = judge.hear([(mono[None], rate)])
        window = judge._windows(mono[None], rate)
        twin = torch.log_softmax(net(torch.from_numpy(window)), 1).mean(0).exp()
        assert np.abs(verdict.shares - (twin / twin.sum()).numpy()).max() < 1e-4
        assert len(window) >= 4


def test_level_and_company_decide_nothing(judges, clip):
    (flute, rate), (cello, its_rate) = clip("solo_flute"), clip("solo_cello")
    for judge, _ in judges:
        loud, soft, other = judge.hear([(flute, rate), (flute * np.float32(0.05), rate), (cello, its_rate)])
        [alone] = judge.hear([(flute, rate)])
        assert np.abs(loud.shares - soft.shares).max() < 2e-3
        assert np.abs(loud.shares - alone.shares).max() < 1e-5
        assert loud.shares.sum() == pytest.approx(1) and other.classes == CLASSES


def test_silence_beside_a_sound_is_not_heard(judges, clip):
    audio, rate = clip("solo_piano")
    mono = audio.mean(0)[: int(3 * rate)]
    for judge, _ in judges:
        padded = np.pad(mono, (0, int(6 * rate)))
        assert len(judge._windows(padded[None], rate)) <= len(judge._windows(mono[None], rate)) + 2


@pytest.mark.parametrize("seconds", [0.5, 0.9, 1.3])
def test_a_short_sound_is_repeated(judges, clip, seconds):
    audio, rate = clip("solo_flute")
    for judge, _ in judges:
        assert np.isfinite(judge.hear([(audio[:, : int(seconds * rate)], rate)])[0].shares).all()


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros((1, RATE), np.float32), "silent: nothing in it reaches -80 dBFS; expected a sound"),
        (np.ones((1, 1000), np.float32), r"too short: 0\.0208 s of sound; expected at least 0\.5 s"),
        (np.full((1, RATE), np.nan, np.float32), "holds NaN or infinity: expected finite samples"),
    ],
)
def test_what_cannot_be_judged_is_said(judges, audio, said):
    with pytest.raises(ValueError, match=said):
        judges[0][0].hear([(audio, RATE)])


@pytest.mark.parametrize("name", ["notes", "songs"])
def test_a_model_of_another_kind_is_no_judge(name):
    with pytest.raises(ModelError, match=r"classifier|softmax"):
        Judge(library.find("model", name))


def test_a_place_is_that_among_all_classes():
    verdict = Verdict(np.array([0.2, 0.5, 0.3]), ("a", "b", "c"))
    assert verdict.named == ["b", "c", "a"] and [verdict.rank(name) for name in "abc"] == [3, 1, 2]


def test_where_no_judge_ships_it_is_said_how_one_is_made(monkeypatch):
    monkeypatch.setattr(library, "names", lambda kind: {})
    with pytest.raises(ValueError, match="no judge is there: expected the models judge_image and judge_cepstra"):
        shipped()


@pytest.mark.very_recording
@pytest.mark.parametrize("name", SHIPPED)
def test_those_that_ship_hear_what_the_solo_clips_are(name, clip):
    if name not in library.names("model"):
        pytest.skip(f"{name} is not there: make train-judges makes it")
    judge = Judge(library.find("model", name))
    assert judge.classes == CLASSES
    wanted = {"fiddle_irish": "string", "solo_cello": "string", "solo_flute": "flute", "solo_piano": "keyboard"}
    right = [judge.hear([clip(clip_name)])[0].rank(family) <= 2 for clip_name, family in wanted.items()]
    assert sum(right) >= 2
