"""Listeners: that they learn, that a kill changes no bit, and that a folder of another training is refused."""

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from dreampedal.export.nets.listeners.layouts import COARSE, SHORT
from dreampedal.export.nets.listeners.table import LISTENERS, Listener
from dreampedal.export.train.distil import listening
from dreampedal.export.train.distil.listening import Schooling, accuracy, encoded, taught
from tests.export.train.distil.sounds import tones

BRIEF = Schooling(steps=12, batch=8)
HEARS = Listener("hears", "cepstral", COARSE)
OPPOSED = Listener("opposed", "statistics", COARSE, adversarial_db=2)


@pytest.fixture(scope="module")
def phrases(tmp_path_factory):
    return tones(tmp_path_factory.mktemp("phrases"))


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(listening, "EVERY", 3)


class Killed(BaseException):
    pass


def killed_at(step):
    """A progress that ends a training after so many steps, as a kill would; nothing catches it."""
    taken = []

    def progress(what, done, total):
        if what.startswith("listener"):
            taken.append(done)
            if done == step:
                raise Killed

    return progress


def weights(folder, name="hears"):
    tensors = safetensors.torch.load_file(folder / f"{name}.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_features_of_phrases_are_those_of_the_layout_and_are_kept(phrases):
    found = encoded(phrases, SHORT)
    assert found.shape == (44, 64, 131) and found.dtype == np.float16
    sound = torch.from_numpy(phrases.sounds[7:9].astype(np.float32) / 32_768)
    assert np.abs(found[7:9] - SHORT.heard(sound).numpy()).max() < 0.01
    seen = []
    encoded(phrases, SHORT, lambda *at: seen.append(at))
    assert not seen, "what lies there is not made again"


def test_a_listener_learns_what_is_easy(phrases, tmp_path):
    net = taught(HEARS, [phrases], Schooling(steps=60, batch=16, mixed_share=0.0), 0, tmp_path)
    assert accuracy(net, phrases, COARSE, every=1) > 0.6
    assert not net.training and not any(weight.requires_grad for weight in net.parameters())


@pytest.mark.parametrize("listener", [HEARS, OPPOSED], ids=lambda one: one.name)
def test_killed_and_gone_on_with_it_has_the_same_bits(listener, phrases, tmp_path, monkeypatch):
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    whole.mkdir()
    halved.mkdir()
    taught(listener, [phrases], BRIEF, 5, whole)
    written = listening.Standing.write

    def write_and_die(self, *place):
        written(self, *place)
        if self.steps == 6:
            raise Killed

    monkeypatch.setattr(listening.Standing, "write", write_and_die)
    with pytest.raises(Killed):
        taught(listener, [phrases], BRIEF, 5, halved)
    monkeypatch.setattr(listening.Standing, "write", written)
    torch.rand(99)  # whatever else draws in between
    taught(listener, [phrases], BRIEF, 5, halved)
    assert weights(whole, listener.name) == weights(halved, listener.name)
    assert [file.name for file in halved.iterdir()] == [f"{listener.name}.safetensors"]


def test_a_newest_state_with_nan_is_passed_over_and_the_bits_stay(phrases, tmp_path, monkeypatch):
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    whole.mkdir()
    halved.mkdir()
    taught(HEARS, [phrases], BRIEF, 5, whole)
    written = listening.Standing.write

    def write_and_die(self, *place):
        written(self, *place)
        if self.steps == 9:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(listening.Standing, "write", write_and_die)
        with pytest.raises(Killed):
            taught(HEARS, [phrases], BRIEF, 5, halved)
    newest = halved / "hears.training.safetensors"
    with safetensors.safe_open(newest, "pt") as stream:
        about, tensors = stream.metadata(), {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    tensors["listener.head.bias"][0] = torch.nan
    safetensors.torch.save_file(tensors, newest, about)
    with pytest.warns(UserWarning, match=r"training\.safetensors holds NaN .* goes on from its last whole state"):
        taught(HEARS, [phrases], BRIEF, 5, halved)
    assert weights(whole) == weights(halved)


@pytest.mark.parametrize("damage", [b"", b"no safetensors", b"\xff" * 100])
def test_a_listener_that_is_damaged_is_taught_again(damage, phrases, tmp_path):
    taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    good = weights(tmp_path)
    (tmp_path / "hears.safetensors").write_bytes(damage)
    with pytest.warns(UserWarning, match="hears.safetensors is cut short or damaged"):
        taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    assert weights(tmp_path) == good


def test_a_loss_that_is_no_number_changes_no_weight_and_is_said(phrases, tmp_path, monkeypatch):
    usual, calls = torch.nn.functional.cross_entropy, []

    def sometimes(*given, **named):
        calls.append(None)
        return usual(*given, **named) * (torch.nan if len(calls) == 4 else 1)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", sometimes)
    with pytest.warns(UserWarning, match="the loss of step 4 is no number"):
        net = taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    assert all(bool(weight.isfinite().all()) for weight in net.parameters())


def test_losses_that_stay_no_numbers_end_it(phrases, tmp_path, monkeypatch):
    usual = torch.nn.functional.cross_entropy
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", lambda *a, **k: usual(*a, **k) * torch.nan)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="no number in 20 steps in a row"):
        taught(HEARS, [phrases], replace(BRIEF, steps=40), 5, tmp_path)


@pytest.mark.parametrize("finished", [True, False])
def test_a_folder_of_another_training_is_refused(finished, phrases, tmp_path):
    if finished:
        taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    else:
        with pytest.raises(Killed):
            taught(HEARS, [phrases], BRIEF, 5, tmp_path, killed_at(12))
    with pytest.raises(ValueError, match="is another training's"):
        taught(HEARS, [phrases], BRIEF, 6, tmp_path)


def test_what_the_shipped_training_wrote_before_is_still_its_own(phrases, tmp_path):
    """The file's form and its identity are kept: hours of teaching go by them."""
    taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    with safetensors.safe_open(tmp_path / "hears.safetensors", "pt") as stream:
        about = stream.metadata()
    assert about["steps"] == "12"
    assert about["identity"] == (
        '[{"batch": 8, "clip_norm": 2.0, "learning_rate": 0.003, "mixed_share": 0.3, "smoothing": 0.01, "steps": 12, '
        '"weight_decay": 0.02}, "Listener(name=\'hears\', build=\'cepstral\', layout=Layout(name=\'coarse\', count=40, '
        "low_hz=140, high_hz=11500, scale='mel', of_power=True, by_area=False, window=2048, hop=512), fonts=(), "
        'adversarial_db=0.0)", 5, ["tones-44-11"]]'
    )  # fmt: skip


def test_a_listener_of_fonts_that_are_not_there_hears_those_that_are(phrases, tmp_path):
    assert any(listener.fonts == (1, 2) for listener in LISTENERS)
    taught(replace(HEARS, fonts=(1, 2)), [phrases], BRIEF, 5, tmp_path)


def test_a_full_disk_is_said_and_keeps_what_was_kept(phrases, tmp_path, monkeypatch):
    monkeypatch.setattr(safetensors.torch, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match=r"No space left \(step 3; none yet\)"):
        taught(HEARS, [phrases], BRIEF, 5, tmp_path)
    assert not list(tmp_path.iterdir())
