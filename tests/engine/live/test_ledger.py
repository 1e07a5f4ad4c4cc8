"""The ledger: its rows are what they say, and add up."""

from pedalboard import Gain

from dreampedal.effects.dream import Dream
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.live.ledger import ledger

from ...signals import Wait


def rows(board, latency=None, rate=48_000):
    latency = board.latency_at(rate) if latency is None else latency
    return ledger(board, latency, rate, 128, 2, (0.003, 0.005))


def test_each_part_has_a_row_and_their_sum_is_the_latency():
    board = Board([Gain(), Dream(mode="studio", lookahead_frames=2), Board([Wait(samples=77)])])
    found = rows(board)
    assert [(row.name, row.samples) for row in found.rows] == [
        ("device in", 144),
        ("buffering", 256),
        ("window", 2048),
        ("look-ahead", 1024),
        ("wait", 77),
        ("device out", 240),
    ]
    assert found.total.samples == 144 + 256 + board.latency_at(48_000) + 240
    assert abs(found.total.seconds - found.total.samples / 48_000) < 1e-9


def test_parallel_paths_count_by_the_slowest_and_what_is_reserved_is_said():
    board = Board([Mix([Wait(samples=10), Wait(samples=300)])])
    assert [(row.name, row.samples) for row in rows(board, latency=512).rows[2:-1]] == [("mix", 300), ("reserve", 212)]


def test_instant_has_a_row_of_nothing():
    found = rows(Board([Dream(mode="instant")]))
    assert [(row.name, row.samples) for row in found.rows[2:-1]] == [("filter", 0)]


def test_an_estimated_phase_that_waits_has_a_row():
    board = Board([Dream(mode="live", phase_lookahead_frames=2, lookahead_frames=1)])
    found = [(row.name, row.samples) for row in rows(board).rows[2:-1]]
    assert found == [("synthesis window", 256), ("look-ahead", 512), ("phase", 128)]
