"""A training is repeatable, ends when it should, learns, and says what does not fit."""

import csv
import errno
import itertools
import resource
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import distributed as dist
from torch import nn

from dreampedal.export.train.fit.fitting import DivergenceError, fit
from dreampedal.export.train.fit.plan import Plan, plan_for
from dreampedal.export.train.fit.processes import Processes

from .fit_scene import PLAIN, PLAN, Small, clips, figures, same


@pytest.fixture(scope="module")
def train():
    return clips()


@pytest.fixture(scope="module")
def val():
    return clips("speech_female_en", 24)


class OverError(Exception):
    """What ends a training from outside."""


def interrupted(net, train, val, plan, folder, after):
    """Train and end after some epochs."""

    def tell(row):
        if row["epoch"] == after:
            raise OverError

    with pytest.raises(OverError):
        fit(net, train, val, plan, folder, each_epoch=tell)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(train, val, optimiser):
    plan = PLAN.changed(optimiser=optimiser, learning_rate=0.01)
    first, again = fit(Small(), train, val, plan), fit(Small(), train, val, plan)
    assert same(first.net, again.net) and figures(first.history) == figures(again.history)
    assert not same(first.net, fit(Small(), train, val, plan.changed(seed=4)).net)


def test_it_learns_what_can_be_heard(train, val):
    plan = Plan(epochs=25, batch=16, learning_rate=0.02, averaging=0.9)
    fitted = fit(Small(), train, val, plan)
    assert fitted.best["val_accuracy"] >= 0.9 and fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    with torch.no_grad():
        heard = fitted.net(torch.from_numpy(np.asarray(val.x, np.float32))).argmax(1).numpy()
    assert (heard == val.labels).mean() == pytest.approx(fitted.best["val_accuracy"])


def test_training_leaves_torch_as_it_was(train, val):
    torch.manual_seed(5)
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    fit(Small(), train, val, PLAN.changed(epochs=1, threads=2))
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_a_resumed_training_is_the_uninterrupted_one(train, val, tmp_path, schedule):
    plan = PLAN.changed(schedule=schedule)
    whole = fit(Small(), train, val, plan)
    interrupted(Small(), train, val, plan, tmp_path, after=1)
    resumed = fit(Small(), train, val, plan, tmp_path)
    assert same(whole.net, resumed.net) and figures(whole.history) == figures(resumed.history)
    assert whole.best_epoch == resumed.best_epoch
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_a_training_that_ended_goes_on_when_it_may_have_more_epochs(train, val, tmp_path):
    fit(Small(), train, val, PLAN.changed(epochs=2), tmp_path)
    assert len(fit(Small(), train, val, PLAN.changed(epochs=2), tmp_path).history) == 2
    assert same(fit(Small(), train, val, PLAN, tmp_path).net, fit(Small(), train, val, PLAN).net)


def test_logs_have_each_epoch_once_after_a_resumption_too(train, val, tmp_path):
    interrupted(Small(), train, val, PLAN, tmp_path, after=2)
    fitted = fit(Small(), train, val, PLAN, tmp_path)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == list(fitted.history)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
        logged = [(event.step, event.value) for event in events.Scalars(name)]
        assert logged == [(row["epoch"], pytest.approx(row[name])) for row in fitted.history]


def test_patience_and_plateaus(train, val):
    plan = PLAN.changed(epochs=30, learning_rate=1e-6, least_learning_rate=1e-8, patience_epochs=4, least_gain=0.5)
    history = fit(Small(), train, val, plan).history
    assert len(history) == 5, "the first epoch is a gain; four without one follow"
    steady = fit(Small(), train, val, plan.changed(patience_epochs=None, epochs=6, learning_rate=9.0, momentum=0.1))
    rates = [row["learning_rate"] for row in steady.history[1:]]
    assert all(new in (old, pytest.approx(0.2 * old)) for old, new in itertools.pairwise(rates))
    assert rates[-1] < 9.0


def test_time_is_kept_and_a_cosine_comes_to_its_end_in_it(train, val):
    plan = PLAN.changed(epochs=100_000, minutes=0.01, schedule="cosine", rising_epochs=0)
    fitted = fit(Small(), train, val, plan)
    assert 0.6 <= fitted.seconds < 3 and len(fitted.history) < 1000
    assert fitted.history[-1]["learning_rate"] < 0.02 * plan.learning_rate


@pytest.mark.parametrize("change, words", [
    ({"learning_rate": 0.1}, ["plan.learning_rate is 0.05: expected 0.1", "another folder"]),
    ({"seed": 8}, ["plan.seed is 3: expected 8"]),
    ({"mixup": 0.0}, ["plan.mixup"]),
])  # fmt: skip
def test_a_checkpoint_of_another_plan_is_refused(train, val, tmp_path, change, words):
    fit(Small(), train, val, PLAN.changed(epochs=1), tmp_path)
    with pytest.raises(ValueError) as refused:
        fit(Small(), train, val, PLAN.changed(**change), tmp_path)
    assert all(word in str(refused.value) for word in (*words, "training.pt"))


def test_a_checkpoint_of_another_network_or_other_clips_is_refused(train, val, tmp_path):
    plan = PLAN.changed(epochs=1)
    fit(Small(), train, val, plan, tmp_path)
    with pytest.raises(ValueError, match=r"network\.settings\.filters is 8: expected 9"):
        fit(Small(filters=9), train, val, plan, tmp_path)
    with pytest.raises(ValueError, match="training clips"):
        fit(Small(), val, val, plan, tmp_path)
    with pytest.raises(ValueError, match=r"training\.pt: first weights is .*: expected .*; go on as it began, or give"):
        fit(Small(seed=9), train, val, plan, tmp_path)
    assert len(fit(Small(), train, val, plan, tmp_path).history) == 1


@pytest.mark.parametrize("place", [0, 23, 47])
def test_a_change_of_any_clip_is_seen(train, val, tmp_path, place):
    fit(Small(), train, val, PLAIN.changed(epochs=1), tmp_path)
    x = train.x.copy()
    x[place, 3, 5] += 0.5
    with pytest.raises(ValueError, match=r"training clips\.content is"):
        fit(Small(), replace(train, x=x), val, PLAIN.changed(epochs=1), tmp_path)


def test_what_is_done_to_the_features_belongs_to_a_training(train, val, tmp_path):
    fit(Small(), train, val, PLAIN.changed(epochs=1), tmp_path)
    with pytest.raises(ValueError, match=r"change of features is null: expected .*louder"):
        fit(Small(), train, val, PLAIN, tmp_path, change=louder)
    with pytest.raises(ValueError, match="normalise is true: expected false"):
        fit(Small(), train, val, PLAIN, tmp_path, normalise=False)


def louder(x, targets, _random):
    return x + 1, targets


def test_two_trainings_in_one_folder_are_refused_while_the_first_runs(train, val, tmp_path):
    refused = []

    def tell(_row):
        words = r"a training is running there and holds training\.lock: expected a folder that no other .*; wait until"
        with pytest.raises(ValueError, match=words) as error:
            fit(Small(), train, val, PLAIN, tmp_path)
        refused.append(error)

    fit(Small(), train, val, PLAIN, tmp_path, each_epoch=tell)
    assert len(refused) == PLAIN.epochs
    assert same(fit(Small(), train, val, PLAIN, tmp_path).net, fit(Small(), train, val, PLAIN).net)


def test_a_lock_that_is_none_is_named_with_what_to_do(train, val, tmp_path):
    (tmp_path / "training.lock").mkdir()
    with pytest.raises(OSError, match=r"training\.lock: cannot be locked \(.*\): expected a lock .*; remove that file"):
        fit(Small(), train, val, PLAN, tmp_path)


@pytest.fixture
def grouped():
    """What several processes share, in this one alone: of two, the first, whose sums are those of both."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield Processes(0, 2, torch.device("cpu"))
    dist.destroy_process_group()


def test_a_batch_norm_over_all_processes_has_the_right_numbers_or_says_that_it_cannot(grouped):
    norm, twin = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    x = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(1))
    with grouped.in_step(norm):
        assert torch.allclose(norm(x), twin(x), atol=1e-6)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(norm.buffers(), twin.buffers(), strict=True))
        kept = norm.running_var.clone()
        with pytest.raises(ValueError, match="heard 1 value a channel from all processes together: expected two"):
            norm(x[..., 0])
        assert torch.equal(norm.running_var, kept) and norm.running_mean.isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_repeats_itself(train, val):
    first, again = (fit(Small(), train, val, PLAN, device="cuda") for _ in range(2))
    assert same(first.net, again.net) and not torch.are_deterministic_algorithms_enabled()


def test_what_does_not_fit_is_said(train, val):
    other = replace(train, classes=("bright", "dull"))
    with pytest.raises(ValueError, match="the training clips have the classes bright, dull: expected the network's"):
        fit(Small(), other, val, PLAN)
    with pytest.raises(ValueError, match="no validation clips"):
        fit(Small(), train, val.take(np.zeros(len(val), bool)), PLAN)
    with pytest.raises(ValueError, match="device 'tpu': expected auto, cpu or cuda"):
        fit(Small(), train, val, PLAN, device="tpu")


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_what_was(train, val, tmp_path):
    broken = Small()
    with torch.no_grad():
        broken.head.weight.fill_(float("nan"))
    with pytest.raises(DivergenceError, match="the loss of training is nan at epoch 1: lower learning_rate"):
        fit(broken, train, val, PLAN, tmp_path)
    assert not (tmp_path / "training.pt").exists()


@pytest.mark.parametrize("values, words", [
    ({"epochs": 0}, "epochs = 0"),
    ({"batches": 3}, r"no 'batches' \(did you mean 'batch'\?\)"),
    ({"optimiser": "adam"}, "optimiser = 'adam'"),
    ({"optimiser": "sgd", "momentum": 0}, "momentum = 0"),
    ({"least_learning_rate": 1.0}, "least_learning_rate = 1.0"),
    ({"learning_rate": float("nan")}, "learning_rate = nan"),
    ({"weight_decay": float("inf")}, "weight_decay = inf"),
])  # fmt: skip
def test_plans_that_are_none(values, words):
    with pytest.raises(ValueError, match=words):
        Plan(**values)


def test_the_theses_plans():
    geng, van_mieghem = plan_for("raw"), plan_for("recurrent")
    assert (geng.optimiser, geng.momentum, geng.nesterov, geng.learning_rate) == ("sgd", 0.9, True, 0.01)
    assert (geng.batch, geng.epochs) == (480, 20)
    assert (van_mieghem.patience_epochs, van_mieghem.least_gain) == (50, 0.01)
    assert (van_mieghem.plateau_factor, van_mieghem.plateau_epochs, van_mieghem.least_learning_rate) == (0.2, 5, 1e-4)


@pytest.fixture
def small_disk():
    """A limit on the size of files, which fails as a full disk does, for as long as a `with`."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


def test_a_full_disk_keeps_the_last_whole_checkpoint(train, val, tmp_path, small_disk):
    with small_disk(4_000), pytest.raises(OSError) as refused:
        fit(Small(), train, val, PLAN, tmp_path)
    assert refused.value.errno == errno.EFBIG and "there is no checkpoint yet" in refused.value.strerror
    interrupted(Small(), train, val, PLAN, tmp_path, after=2)
    before = (tmp_path / "training.pt").read_bytes()
    with small_disk(4_000), pytest.raises(OSError) as refused:
        fit(Small(), train, val, PLAN, tmp_path)
    assert "epoch 3; the last whole checkpoint is kept" in refused.value.strerror
    assert refused.value.filename == str(tmp_path / "training.pt") and (tmp_path / "training.pt").read_bytes() == before
    assert not list(tmp_path.glob(".*.part*"))
    assert same(fit(Small(), train, val, PLAN, tmp_path).net, fit(Small(), train, val, PLAN).net)
