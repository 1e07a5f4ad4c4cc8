"""The worker: changes at their sample, and what happens when there is no time."""

import math
import threading
import time

import numpy as np
import pytest
from pedalboard import Gain

from dreampedal.effects.dream import Dream
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live import worker
from dreampedal.engine.live.player.changes import Bypass, Program, Set, Swap
from dreampedal.engine.live.take.take import Changed, Held, LateBlock, Skipped

from ...signals import Wait
from .desk import Desk, late_by
from .gong import Gong

SIZE = 128


class Breaks(Effect, family=True):
    """Plays what it hears, until `gone` is set."""

    gone = threading.Event()

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return self

    latency = 0

    def process(self, block):
        if self.gone.is_set():
            raise RuntimeError("the plugin is gone")
        return block


@pytest.fixture
def audio(clip):
    sound, _ = clip("solo_egtr_em9")
    return np.ascontiguousarray(sound[:1, 20_000 : 20_000 + SIZE * 400] * np.float32(0.5))


def entries(desk):
    desk.journal.keeps_entries = True
    return desk.journal.entries()


def test_what_comes_out_is_the_board_one_block_later(audio):
    desk = Desk(Board([Wait(samples=200), Gain(-6)]))
    expected = late_by(Board([Gain(-6)])(audio, 48_000), 200 + SIZE)
    np.testing.assert_allclose(desk.play(audio), expected, atol=1e-7)


def test_a_parameter_of_the_users_board_is_heard_from_the_next_block_on(audio):
    board = Board([Gong()])
    desk = Desk(board)
    desk.journal.keeps_entries = True
    desk.play(audio[:, : SIZE * 3])
    board[0].level_db = -12
    board[0].bright = True
    desk.play(audio[:, : SIZE * 2])
    assert entries(desk) == [
        Changed(SIZE * 3, Set("0", "level_db", -12.0)),
        Changed(SIZE * 3, Set("0", "bright", True)),
    ]
    assert desk.player.current.mirror.board[0].level_db == -12


def test_a_message_is_applied_at_the_sample_that_was_captured_when_it_came(audio):
    desk = Desk(Board([Gong()]))
    desk.journal.keeps_entries = True
    desk.midi.map("cc:74", "0", "level_db", pickup=False)
    desk.midi.map("note:60", action="bypass")
    desk.play(audio[:, : SIZE * 4])
    arrival = time.perf_counter() + 1
    # The block that is being captured meanwhile arrives 100 and 28 samples after the messages.
    desk.midi.receive(arrival - 100 / 48_000, [0xB0, 74, 127])
    desk.midi.receive(arrival - 28 / 48_000, [0x90, 60, 100])
    desk.give(audio[:, :SIZE], now=arrival)
    desk.worker.catch_up()
    assert entries(desk) == [
        Changed(SIZE * 4 + 28, Set("0", "level_db", 24.0)),
        Changed(SIZE * 4 + 100, Bypass(True)),
    ]
    assert desk.player.bypass


def test_a_message_that_comes_after_a_block_waits_for_the_next(audio):
    desk = Desk(Board([Gong()]))
    desk.midi.map("cc:74", "0", "level_db", pickup=False)
    arrival = time.perf_counter()
    desk.give(audio[:, :SIZE], now=arrival)
    desk.midi.receive(arrival + 0.001, [0xB0, 74, 0])
    desk.worker.catch_up()
    assert desk.player.current.mirror.board[0].level_db == 0
    desk.give(audio[:, :SIZE], now=arrival + SIZE / 48_000)
    desk.worker.catch_up()
    assert desk.player.current.mirror.board[0].level_db == -24


def test_what_takes_longer_than_a_block_is_handed_over(audio):
    desk = Desk(Board([Gong()]))
    desk.midi.map("cc:1", "0", "strokes", pickup=False)
    desk.midi.receive(0.0, [0xB0, 1, 127])
    desk.midi.receive(0.0, [0xC0, 5])
    desk.play(audio[:, :SIZE])
    assert desk.asked == [Set("0", "strokes", 100), Program(5)]
    assert desk.player.current.mirror.board[0].strokes == 1


def test_an_edited_list_asks_for_a_new_board_once(audio):
    board = Board([Gain(-6)])
    desk = Desk(board)
    desk.play(audio[:, :SIZE])
    board.append(Gain(-6))
    desk.play(audio[:, : SIZE * 3])
    assert desk.asked == [None]
    desk.worker.requests.append(desk.player.prepare(board, "two"))
    desk.play(audio[:, : SIZE * 40])
    assert len(desk.player.current.mirror.board) == 2
    board.pop()
    desk.play(audio[:, : SIZE * 2])
    assert desk.asked == [None, None]


def test_boards_come_one_after_the_other_and_of_those_that_wait_the_newest(audio):
    desk = Desk(Board([Gain(-6)]))
    desk.journal.keeps_entries = True
    boards = [desk.player.prepare(Board([Gain(-12)]), name) for name in "abcd"]
    desk.worker.requests.append(boards[0])
    desk.play(audio[:, :SIZE])
    desk.worker.requests.extend(boards[1:])
    desk.play(audio[:, SIZE:])
    swaps = [entry for entry in entries(desk) if isinstance(entry.change, Swap)]
    assert [(entry.change.number, entry.change.name) for entry in swaps] == [(1, "a"), (2, "d")]
    assert swaps[1].at - swaps[0].at >= 0.05 * 48_000


def test_a_stall_is_dry_at_the_same_latency_and_every_block_is_played_after_it(audio):
    board = Board([Wait(samples=300)])
    desk = Desk(board)
    desk.journal.keeps_entries = True
    stalled = {block for start in (50, 120, 300) for block in range(start, start + start // 10)}
    out = desk.play(audio, worked=lambda block: block not in stalled)
    # This board only waits: dry and wet are the same sound, so a stall must not be heard at all.
    np.testing.assert_array_equal(out, late_by(audio, 300 + SIZE))
    assert desk.worker.done == audio.shape[1] // SIZE
    late = [entry.block for entry in entries(desk) if isinstance(entry, LateBlock)]
    assert late == sorted(block + 1 for block in stalled)
    assert desk.exchange.counted("late_blocks") == len(stalled)


def test_a_worker_that_is_behind_holds_hops_instead_of_dreaming(audio):
    desk = Desk(Board([Dream(target="class:flute")]))
    desk.journal.keeps_entries = True
    desk.play(audio, worked=lambda block: not 100 <= block < 140)
    held = [entry for entry in entries(desk) if isinstance(entry, Held)]
    assert desk.worker.held_hops == len(held) >= 9
    stream = desk.player.current.paced[0]
    assert stream.state.held_hops == len(held)
    # Hops 25 to 34 end in the blocks that waited; the last of them came in time.
    assert {entry.hop for entry in held} >= set(range(25, 34))


def test_an_ascent_that_would_be_late_is_not_begun(audio):
    desk = Desk(Board([Dream(target="class:flute")]))
    desk.worker._ascent_seconds = math.inf
    desk.play(audio[:, : SIZE * 80])
    assert desk.worker.held_hops == 20
    desk.worker._ascent_seconds = -math.inf
    desk.play(audio[:, : SIZE * 80])
    assert desk.worker.held_hops == 20


class Machine:
    """Time that passes only while somebody says so, and what a thread computed of it."""

    def __init__(self, monkeypatch):
        self.now, self.computed = 1000.0, 0.0
        monkeypatch.setattr(worker, "time", self)
        monkeypatch.setattr(worker, "computed", lambda: self.computed)

    def perf_counter(self):
        return self.now

    def pass_by(self, seconds, share=0.0):
        """So many seconds, in a share of which the worker's thread computes."""
        self.now += seconds
        self.computed += share * seconds


class Busy(Effect, family=True):
    """Plays what it hears; what is to happen meanwhile is in `meanwhile`, an entry a block."""

    latency = 0
    meanwhile = ()

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return self

    def process(self, block):
        if self.meanwhile:
            Busy.meanwhile.pop(0)()
        return block


PERIOD = SIZE / 48_000


def causes(desk):
    """Late blocks, and how many of them are told to be the worker's, the bursts' and the system's."""
    late = desk.exchange.counted("late_blocks")
    bursts, system = desk.worker.late_by_bursts, desk.worker.late_by_system
    return late, late - bursts - system, bursts, system


def steadily(desk, audio, machine, blocks):
    """Blocks that come in time, and a worker that is done at once; returns when the next is due."""
    begin = machine.now
    for number in range(blocks):
        machine.now = begin + number * PERIOD
        desk.give(audio[:, :SIZE], now=machine.now)
        desk.worker.catch_up()
    return begin + blocks * PERIOD


@pytest.mark.parametrize("share, cause", [(1.0, (1, 0, 0)), (0.6, (1, 0, 0)), (0.4, (0, 0, 1)), (0.0, (0, 0, 1))])
def test_a_worker_that_computes_is_slow_and_one_that_does_not_was_kept_from_it(audio, monkeypatch, share, cause):
    machine, desk = Machine(monkeypatch), Desk(Board([Busy()]))
    due = steadily(desk, audio, machine, 20)

    def long_block():
        machine.pass_by(1.5 * PERIOD, share)
        desk.give(audio[:, :SIZE], now=due + PERIOD)  # the callback that wants this block, and does not get it

    machine.now = due
    desk.give(audio[:, :SIZE], now=due)
    monkeypatch.setattr(Busy, "meanwhile", [long_block])
    desk.worker.catch_up()
    assert causes(desk) == (1, *cause)
    # The block that came meanwhile is not late, and neither are those after it.
    machine.now = due + 2 * PERIOD
    steadily(desk, audio, machine, 20)
    assert causes(desk) == (1, *cause)


def test_a_worker_that_is_woken_late_was_kept_from_its_work(audio, monkeypatch):
    machine, desk = Machine(monkeypatch), Desk(Board())
    due = steadily(desk, audio, machine, 20)
    for late in range(3):
        desk.give(audio[:, :SIZE], now=due + late * PERIOD)
    machine.now = due + 2.2 * PERIOD
    desk.worker.catch_up()
    assert causes(desk) == (2, 0, 0, 2)


@pytest.mark.parametrize("burst", [2, 8])
def test_callbacks_in_bursts_are_told_as_such(audio, monkeypatch, burst):
    machine, desk = Machine(monkeypatch), Desk(Board())
    for turn in range(20):
        machine.now = 1000.0 + turn * burst * PERIOD
        for number in range(burst):
            desk.give(audio[:, :SIZE], now=machine.now + number * 1e-5)
        desk.worker.catch_up()
    late, slow, _, system = causes(desk)
    assert late == 20 * (burst - 1) and slow == 0
    assert system == burst - 1, "a first burst might be anything; there is no second without it being one"
    assert desk.exchange.together == burst * SIZE


def test_one_callback_that_comes_too_soon_is_the_systems(audio, monkeypatch):
    machine, desk = Machine(monkeypatch), Desk(Board())
    due = steadily(desk, audio, machine, 20)
    desk.give(audio[:, :SIZE], now=due + 0.9 * PERIOD)  # late itself, and the next in time
    desk.give(audio[:, :SIZE], now=due + PERIOD)
    machine.now = due + 1.1 * PERIOD
    desk.worker.catch_up()
    assert causes(desk) == (1, 0, 0, 1)


def test_late_blocks_that_were_left_out_have_a_cause_too(audio, monkeypatch):
    machine, desk = Machine(monkeypatch), Desk(Board(), block_size=512)
    for number in range(desk.exchange.slots + 50):
        desk.give(np.zeros((1, 512), np.float32), now=1000.0 + number * 512 / 48_000)
    machine.now = 1000.0 + number * 512 / 48_000
    desk.worker.catch_up()
    late, slow, bursts, system = causes(desk)
    assert late == desk.exchange.slots + 49 and bursts == 0 and slow + system == late and system > late / 2


def test_more_than_the_ring_holds_is_left_out_and_told(audio):
    desk = Desk(Board([Gain(-6)]), block_size=512)
    desk.journal.keeps_entries = True
    silence = np.zeros((1, 512), np.float32)
    for _ in range(desk.exchange.slots + 50):
        desk.give(silence)
    desk.worker.catch_up()
    skipped = [entry for entry in entries(desk) if isinstance(entry, Skipped)]
    assert skipped == [Skipped(0, desk.exchange.slots + 48)]
    assert desk.worker.skipped_blocks == desk.exchange.slots + 49
    out = desk.play(audio)
    np.testing.assert_allclose(out[:, 1024:], late_by(Board([Gain(-6)])(audio, 48_000), 512)[:, 1024:], atol=1e-6)


def test_a_board_that_breaks_leaves_the_dry_sound(audio, monkeypatch):
    desk = Desk(Board([Breaks()]))
    heard = desk.play(audio[:, : SIZE * 40])
    desk.give(audio[:, SIZE * 40 : SIZE * 41])
    monkeypatch.setattr(Breaks, "gone", gone := threading.Event())
    gone.set()
    desk.worker.run()
    assert "the plugin is gone" in str(desk.worker.trouble)
    rest = desk.play(audio[:, SIZE * 41 :], worked=lambda block: False)
    out = np.concatenate([heard, late_by(audio, SIZE)[:, SIZE * 40 : SIZE * 41], rest], axis=1)
    np.testing.assert_array_equal(out, late_by(audio, SIZE))


def test_a_report_sees_the_last_blocks_only(audio):
    desk = Desk(Board())
    desk.play(audio[:, : SIZE * 10])
    loads = desk.worker.last(desk.worker.loads)
    assert loads.shape == (10,) and (loads > 0).all()


@pytest.mark.parametrize("size", [32, 128, 1024])
def test_the_worker_never_sleeps_through_a_block_that_may_come(audio, size):
    desk, period = Desk(Board(), block_size=size), size / 48_000
    assert desk.worker._until_next(1000.0) < period / 2  # nothing came yet: the first may come at once
    desk.give(audio[:, :size], now=1000.0)
    assert desk.worker._until_next(1000.0) == pytest.approx(period)
    for late in (0.0, 0.001, 0.5, 2.0, 3600.0):
        assert 0 < desk.worker._until_next(1000.0 + period + late) < period / 2
