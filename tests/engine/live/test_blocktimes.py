"""The times of blocks are those of the blocks."""

import gc
import sys
import time

import numpy as np
import pytest

from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live import blocktimes
from dreampedal.engine.live.blocktimes import BlockTimes, block_times, recommended, summary

pytestmark = pytest.mark.any_recording


class Slow(Effect, family=True):
    """Takes a known time for each block, by a clock, and a longer one for each tenth."""

    latency = 0

    def __init__(self, seconds, heard, clock=time):
        super().__init__()
        self.seconds, self.heard, self.clock = seconds, heard, clock

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return self

    def process(self, block):
        self.heard.append(block.copy())
        self.clock.sleep(self.seconds * (4 if len(self.heard) % 10 == 0 else 1))
        return block


class Clock:
    """Time that passes while somebody sleeps, and else stands still: a machine that nothing disturbs."""

    def __init__(self):
        self.now = 1000.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("period_seconds", [256 / 48_000, 0.002])
def test_what_a_block_takes_is_measured_at_the_pace_of_a_device(clip, monkeypatch, period_seconds):
    clock, audio, heard = Clock(), clip("solo_cello")[0], []
    monkeypatch.setattr(blocktimes, "time", clock)
    rate = 256 / period_seconds
    (times,) = block_times(Board([Slow(0.001, heard, clock)]), audio, rate, (256,), seconds=0.5)
    assert times.block_size == 256 and times.period == 256 / rate and times.blocks == round(0.5 * rate / 256)
    assert (times.median, times.p99, times.longest) == pytest.approx((0.001, 0.004, 0.004), abs=1e-9)
    # From the first block to the last; one that takes longer than a period delays those after it.
    assert clock.now - 1000.0 - 0.001 * (len(heard) - times.blocks) > 0.5 - 2 * times.period


def test_no_machine_is_faster_than_its_blocks(clip):
    audio, rate = clip("solo_cello")
    begin = time.perf_counter()
    (times,) = block_times(Board([Slow(0.001, [])]), audio, rate, (256,), seconds=0.5)
    assert times.median >= 0.001 and times.p99 >= 0.004 and times.longest >= times.p999 >= times.p99
    assert time.perf_counter() - begin > 0.5 * 0.95


def test_the_audio_goes_round_without_a_gap(clip):
    audio, rate = clip("solo_cello")
    audio, heard = audio[:, :1000], []
    list(block_times(Board([Slow(0.0, heard)]), audio, rate, (64,), seconds=0.1))
    # The board was warmed up with noise before.
    played = np.concatenate(heard[-round(0.1 * rate / 64) :], axis=1)
    np.testing.assert_array_equal(played, audio[:, np.arange(played.shape[1]) % 1000])


def test_the_interpreter_is_as_before_even_if_a_board_fails(clip):
    audio, rate = clip("solo_cello")
    heard, before = [], sys.getswitchinterval()
    slow = Slow(0.0, heard)
    slow.process = lambda block: block if heard.append(0) or len(heard) < 300 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        list(block_times(Board([slow]), audio, rate, (64,), seconds=1))
    assert len(heard) == 300 and sys.getswitchinterval() == before and gc.get_freeze_count() == 0


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_seconds_that_are_no_time(clip, seconds):
    with pytest.raises(ValueError, match="seconds = "):
        list(block_times(Board(), *clip("solo_cello"), (64,), seconds=seconds))


def test_quantiles_never_flatter():
    times = np.full(2000, 0.001)
    times[[3, 4, 1500]] = 0.009
    found = summary(times, 128, 128 / 48_000)
    assert (found.median, found.p99, found.p999, found.longest) == (0.001, 0.001, 0.009, 0.009)
    assert not found.is_safe


@pytest.mark.parametrize("safe, block", [
    ((False, True, True), 64), ((True, False, True), 128), ((True, True, False), None), ((True, True, True), 32),
])  # fmt: skip
def test_a_block_is_recommended_if_all_larger_ones_are_safe_too(safe, block):
    sizes = (32, 64, 128)
    p999 = [0.4 if good else 0.6 for good in safe]
    times = [BlockTimes(size, 1.0, 9, 0.1, 0.1, high, 0.7) for size, high in zip(sizes, p999, strict=True)]
    found = recommended(times)
    assert (found.block_size if found else None) == block
