"""Students are taught the same way every time, after a kill too, and learn."""

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from dreampedal.export.nets.listeners import layouts
from dreampedal.export.nets.students.curves import Curves
from dreampedal.export.nets.students.student import Student
from dreampedal.export.train.distil import distilling
from dreampedal.export.train.distil.distilling import Course, NotFiniteError, distilled
from dreampedal.export.train.distil.hearing import ClassHearing
from dreampedal.export.train.distil.sources import UNKNOWN, Source, Sources

COURSE = Course(steps=6, batch=3, frames=40, warm_up=2)
TARGETS = ("class:dark", "class:bright")


class Brightness(nn.Module):
    """Hears where the middle of the spectrum lies: low is dark, high is bright."""

    def forward(self, features):
        bands = features.shape[1]
        share = torch.softmax(2 * features, 1).mean(2)
        centre = (share * torch.linspace(-1, 1, bands)).sum(1)
        return 6 * torch.stack([-centre, centre], 1)


@pytest.fixture
def hearings():
    shown = layouts.BANDS, layouts.SHORT
    return [ClassHearing(layout.name, layout, Brightness().eval()) for layout in shown]


@pytest.fixture
def sources(clip):
    audio, _ = clip("solo_cello")
    line = np.round(audio.mean(0)[:120_000] * 30_000).astype(np.int16).reshape(4, 30_000)
    return Sources([Source(line, np.array([0, 1, UNKNOWN, 0]), 0.7), Source(line[:2], None, 0.3)])


def taught(hearings, sources, folder, course=COURSE):
    torch.manual_seed(3)
    return distilled(Student(TARGETS, filters=16), hearings, sources, course, 1, folder)


def weights(student):
    return torch.cat([tensor.flatten() for tensor in student.state_dict().values()])


def test_a_kill_changes_no_bit(hearings, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(distilling, "SAVED_EVERY", 2)
    whole = taught(hearings, sources, tmp_path / "whole")

    def die(what, done, of):
        raise KeyboardInterrupt

    torch.manual_seed(3)
    once = replace(COURSE, steps=6)
    monkeypatch.setattr(distilling, "_loss", dying(distilling._loss, 3))
    with pytest.raises(KeyboardInterrupt):
        distilled(Student(TARGETS, filters=16), hearings, sources, once, 1, tmp_path / "killed")
    monkeypatch.undo()
    monkeypatch.setattr(distilling, "SAVED_EVERY", 2)
    again = taught(hearings, sources, tmp_path / "killed")
    assert torch.equal(weights(whole), weights(again))


def dying(loss, calls):
    """A loss that is interrupted after so many."""
    left = iter(range(calls))

    def found(*given):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return loss(*given)

    return found


def test_it_learns(hearings, sources, tmp_path):
    before = Student(TARGETS, filters=16)
    course = replace(COURSE, steps=60, batch=6, mixtures=0.0, pitch=0.0, noisy=0.0)
    student = taught(hearings, sources, tmp_path, course)
    sound, _ = sources.drawn(8, 30_000, np.random.default_rng(9))
    power = layouts.power_of(sound)
    features, reach = distilling.played.features(power), torch.full((8,), 2.0)
    for student_, least in ((before, -0.2), (student, 0.3)):
        centre = []
        for target in torch.eye(2):
            offset = student_(features, target.expand(8, 2), reach).offset
            wet = power * distilling.played.gains(distilling.played.matched(power, offset, reach)).square()
            centre.append(hearings[0].net(layouts.BANDS.features(wet))[:, 1].mean())
        assert (centre[1] - centre[0] > least) if least > 0 else abs(centre[1] - centre[0]) < 0.3


def test_another_training_is_not_gone_on_with(hearings, sources, tmp_path):
    taught(hearings, sources, tmp_path)
    with pytest.raises(ValueError, match="another training's"):
        taught(hearings, sources, tmp_path, replace(COURSE, batch=4))


def test_losses_that_stay_no_numbers_end_it_and_keep_what_was_whole(hearings, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(distilling, "SAVED_EVERY", 2)
    monkeypatch.setattr(distilling, "MOST_SKIPPED", 2)
    sick, calls = hearings[0].net.forward, iter(range(100))
    monkeypatch.setattr(hearings[0].net, "forward", lambda x: sick(x) * (np.nan if next(calls) > 2 else 1))
    with (
        pytest.warns(UserWarning, match="the loss of step 4 is no number"),
        pytest.raises(NotFiniteError, match="no finite number in 2 steps in a row, up to step 5"),
    ):
        taught(hearings, sources, tmp_path)
    tensors = safetensors.torch.load_file(tmp_path / "student.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_a_single_loss_that_is_no_number_changes_nothing(hearings, sources, tmp_path, monkeypatch):
    sick, calls = hearings[0].net.forward, iter(range(100))
    monkeypatch.setattr(hearings[0].net, "forward", lambda x: sick(x) * (np.nan if next(calls) == 2 else 1))
    with pytest.warns(UserWarning, match="the loss of step 3 is no number: it changes nothing"):
        student = taught(hearings, sources, tmp_path)
    assert bool(weights(student).isfinite().all())


def test_a_checkpoint_with_nan_is_passed_over_and_the_bits_stay(hearings, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(distilling, "SAVED_EVERY", 2)
    whole = taught(hearings, sources, tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(distilling, "_loss", dying(distilling._loss, 5))
        with pytest.raises(KeyboardInterrupt):
            taught(hearings, sources, tmp_path / "hurt")
    file = tmp_path / "hurt" / "student.safetensors"
    with safetensors.safe_open(file, "pt") as stream:
        about, tensors = stream.metadata(), {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    tensors["now.head.bias"][0] = torch.nan
    safetensors.torch.save_file(tensors, file, about)
    with pytest.warns(UserWarning, match="holds NaN .* goes on from its last whole state"):
        again = taught(hearings, sources, tmp_path / "hurt")
    assert torch.equal(weights(whole), weights(again))


def test_nobody_is_asked_to_become_what_it_is():
    rng = np.random.default_rng(0)
    own = np.array([0, 1, 2, UNKNOWN] * 50)
    found = distilling._targets(own, 3, 0.5, rng)
    assert torch.allclose(found.sum(1), torch.ones(200))
    assert all(found[row, known] == 0 for row, known in enumerate(own) if known != UNKNOWN)
    assert 40 < ((found > 0).sum(1) == 2).sum() < 160


def test_sources_are_drawn_alike_and_by_their_shares(sources):
    first, of_first = sources.drawn(64, 20_000, np.random.default_rng(5))
    again, of_again = sources.drawn(64, 20_000, np.random.default_rng(5))
    assert torch.equal(first, again) and np.array_equal(of_first, of_again)
    assert first.abs().max() <= 2 and set(of_first) == {0, 1, UNKNOWN}
    with pytest.raises(ValueError, match="no sounds to dream on"):
        Sources([])


def test_curves_are_taught_as_students_are(hearings, sources, tmp_path):
    course = replace(COURSE, steps=40, batch=6, learning_rate=0.1, mixtures=0.0, pitch=0.0, noisy=0.0)
    curves = distilled(Curves(TARGETS), hearings, sources, course, 1, tmp_path)
    dark, bright = curves(torch.zeros(2, 96, 5), torch.eye(2), torch.full((2,), 2.0)).offset[..., 0]
    assert dark[:48].mean() - dark[48:].mean() > 0.3
    assert bright[48:].mean() - bright[:48].mean() > 0.3
