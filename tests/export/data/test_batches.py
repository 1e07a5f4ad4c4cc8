"""Batches: what is in them, how often, and that a seed and an epoch say it all."""

import threading
from itertools import islice

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import Mel
from dreampedal.export.data.batches import AHEAD, Batches
from dreampedal.export.data.clips import Clips, Rows, gathered


def clips_of(counts):
    """Clips in which every value is the clip's own number; `counts[i]` clips of class i."""
    labels = np.repeat(np.arange(len(counts)), counts)
    x = np.broadcast_to(np.arange(len(labels), dtype=np.float16)[:, None, None], (len(labels), 2, 3))
    names = tuple(f"c{i}" for i in range(len(counts)))
    return Clips(x.copy(), labels, np.arange(len(labels)), tuple(map(str, labels)), names, Mel(), 1.0)


def numbers(batches, epoch):
    """Which clips come in an epoch."""
    return torch.cat([x[:, 0, 0] for x, _ in batches.epoch(epoch)]).long().numpy()


def same(first, second):
    return all(torch.equal(a, b) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True))


def test_a_seed_and_an_epoch_say_what_comes():
    chosen = {"size": 8, "seed": 3, "mixup": 0.4, "change": lambda x, y, g: (x + torch.rand(x.shape, generator=g), y)}
    batches, again = (Batches(clips_of([30, 10, 20]), **chosen) for _ in range(2))
    list(again.epoch(0))
    assert same(list(batches.epoch(5)), list(again.epoch(5)))
    assert not same(list(batches.epoch(5)), list(batches.epoch(6)))
    other = Batches(clips_of([30, 10, 20]), **{**chosen, "seed": 4})
    assert not same(list(batches.epoch(5)), list(other.epoch(5)))


def test_targets_say_the_class_of_the_clip():
    clips = clips_of([5, 9, 3])
    for x, targets in Batches(clips, 4, seed=1).epoch(0):
        assert x.dtype == targets.dtype == torch.float32 and x.shape[1:] == (2, 3)
        assert (targets.sum(1) == 1).all() and (x == x[:, :1, :1]).all()
        assert targets.argmax(1).tolist() == clips.labels[x[:, 0, 0].long().numpy()].tolist()


def test_balanced_classes_come_equally_often_and_their_clips_take_turns():
    clips = clips_of([40, 7, 13])
    batches = Batches(clips, 10, seed=0)
    drawn = numbers(batches, 0)
    assert len(batches) == 6 and len(drawn) == 60
    assert np.bincount(clips.labels[drawn]).tolist() == [20, 20, 20]
    for name in range(3):
        times = np.bincount(drawn, minlength=60)[clips.labels == name]
        assert times.max() - times.min() <= 1


def test_unbalanced_every_clip_comes_once():
    for count, size, whole in ((60, 8, 60), (57, 8, 56), (5, 8, 5), (16, 8, 16)):
        batches = Batches(clips_of([count - 2, 2]), size, seed=0, balanced=False)
        drawn = numbers(batches, 1)
        assert len(set(drawn)) == len(drawn) == whole
        assert len(list(batches.epoch(0))) == len(batches)


def test_a_class_without_clips_is_no_obstacle():
    clips = clips_of([6, 0, 6])
    assert np.bincount(clips.labels[numbers(Batches(clips, 4), 0)]).tolist() == [6, 0, 6]


def test_mixup_mixes_targets_as_it_mixes_clips():
    clips = clips_of([32, 32])
    shares = []
    for x, targets in Batches(clips, 64, seed=0, mixup=0.5).epoch(0):
        assert torch.allclose(targets.sum(1), torch.ones(64))
        shares += targets.max(1).values.tolist()
        assert ((x[:, 0, 0] >= 0) & (x[:, 0, 0] <= 63)).all()
    between = [share for share in shares if share < 0.999]
    assert len(between) > 10
    two = Clips(np.float16([[[0.0]], [[1.0]]]), np.array([0, 1]), np.arange(2), ("a", "b"), ("a", "b"), Mel(), 1.0)
    for number in range(20):
        for x, targets in Batches(two, 2, seed=0, mixup=0.5).epoch(number):
            assert torch.allclose(x[:, 0, 0], targets[:, 1], atol=1e-6)


def test_little_is_read_ahead_and_leaving_early_ends_the_thread():
    made = []
    batches = Batches(clips_of([300, 300]), 4, change=lambda x, y, _: made.append(1) or (x, y))
    before = threading.active_count()
    iterator = batches.epoch(0)
    for _ in islice(iterator, 5):
        assert len(made) <= 5 + AHEAD + 2
    iterator.close()
    assert threading.active_count() == before and len(made) < 20


def test_an_error_in_the_thread_is_raised_where_the_batch_is_asked_for():
    def fail(x, targets, generator):
        raise ValueError("no such change")

    with pytest.raises(ValueError, match="no such change"):
        list(Batches(clips_of([4, 4]), 2, change=fail).epoch(0))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 4, "mixup": -1.0}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Batches(clips_of([4, 4]), **wrong)
    with pytest.raises(ValueError, match="0 clips"):
        Batches(clips_of([0, 0]), 4)


def test_taking_clips_reads_none_and_keeps_their_order(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(60.0).reshape(10, 2, 3).astype(np.float16))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    labels = np.arange(10) % 2
    clips = Clips(x, labels, np.arange(10), tuple("abcdefghij"), ("even", "odd"), Mel(), 1.0)
    odd = clips.take(labels == 1)
    assert isinstance(odd.x, Rows) and odd.x.base is x and odd.x.shape == (5, 2, 3)
    assert (np.asarray(odd.x) == x[1::2]).all() and (odd.x[1:3] == x[[3, 5]]).all() and (odd.x[0] == x[1]).all()
    inner = odd.take(np.array([4, 0]))
    assert (np.asarray(inner.x, np.float32) == x[[9, 1]]).all() and inner.groups.tolist() == [9, 1]
    assert (odd.x[:, 1] == x[1::2, 1]).all() and (gathered(x, np.array([7, 7, 0])) == x[[7, 7, 0]]).all()
    with pytest.raises(ValueError, match="each of 10 clips"):
        clips.take(np.ones(3, bool))
