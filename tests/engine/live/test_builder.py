"""Boards made ready beside one that plays."""

import threading
from types import SimpleNamespace

import pytest
from pedalboard import Gain

from dreampedal.engine.board import Board
from dreampedal.engine.live.builder import Builder
from dreampedal.engine.live.changes import Set
from dreampedal.engine.live.player import Player

from ...signals import Wait
from .gong import Gong


@pytest.fixture
def build():
    """A builder that runs, what it made ready, and a gate that keeps it at its first wish until it is set."""
    made, gate = [], threading.Event()
    player = Player(Board([Gain(0)]), 48_000, 1, 128)

    def load(name):
        gate.wait(10)
        if name == "broken":
            raise ValueError("broken.toml: effects = nothing")
        return SimpleNamespace(board=Board([Gain(-6)]), midi=[f"the map of {name}"])

    builder = Builder(player, made.append, load)
    builder.start()
    yield builder, made, gate
    gate.set()
    builder.stop()


def test_a_preset_comes_with_its_map(build):
    builder, made, gate = build
    gate.set()
    builder.want("first")
    builder.stop()
    assert [(program.name, program.midi) for program in made] == []  # stopped before it was ready
    assert builder.trouble == ""


def test_only_the_newest_wish_is_fulfilled(build):
    builder, made, gate = build
    for name in ("first", "second", "third"):
        builder.want(name)
    assert builder.loading == "third"
    gate.set()
    wait_for(lambda: made)
    assert [(program.name, program.midi) for program in made] == [("third", ["the map of third"])]


def test_a_board_that_fails_is_told_and_the_next_one_comes(build):
    builder, made, gate = build
    gate.set()
    builder.want("broken")
    wait_for(lambda: builder.trouble)
    assert builder.trouble == "broken: broken.toml: effects = nothing" and not made
    builder.want_board(Board([Wait(samples=5000)]), "long")
    wait_for(lambda: "latency=5000" in builder.trouble)
    builder.want_board(Gain(3), "one effect")
    wait_for(lambda: made)
    assert builder.trouble == "" and made[0].mirror.board[0].gain_db == 3 and made[0].midi is None


def test_a_slow_parameter_is_set_on_the_users_board(build):
    builder, _, _ = build
    board = Board([Gong()])
    builder.turn(board, Set("0", "strokes", 7))
    wait_for(lambda: board[0].strokes == 7)


def test_without_load_there_are_no_names():
    player = Player(Board(), 48_000, 1, 128)
    with pytest.raises(ValueError, match="'bowed' cannot be loaded"):
        Builder(player, print, None).want("bowed")


def wait_for(found, seconds=20):
    """Wait until `found` returns something; it fails if that never comes."""
    done = threading.Event()
    for _ in range(seconds * 100):
        if found():
            return
        done.wait(0.01)
    raise AssertionError("it never came")
