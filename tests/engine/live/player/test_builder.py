"""Boards made ready beside one that plays."""

import threading
from types import SimpleNamespace

import pytest
from pedalboard import Gain

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.player.builder import Builder
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.player.player import BoardPlayer

from ....signals import Wait
from ..gong import Gong


@pytest.fixture
def build():
    """A builder that runs, what it made ready, and a gate that keeps it at its first wish until it is set."""
    made, gate = [], threading.Event()
    player = BoardPlayer(Board([Gain(0)]), 48_000, 1, 128)

    def load(name):
        gate.wait(60)
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
    builder.want_preset("first")
    wait_for(lambda: made)
    assert [(program.name, program.midi) for program in made] == [("first", ["the map of first"])]
    assert builder.trouble == ""


def test_what_is_not_ready_at_the_end_never_comes(build):
    builder, made, gate = build
    builder.want_preset("first")  # and not before the gate opens
    end = threading.Thread(target=builder.stop)
    end.start()
    wait_for(builder._stopping.is_set)
    gate.set()
    end.join()
    assert made == [] and builder.trouble == builder.loading == ""


def test_only_the_newest_wish_is_fulfilled(build):
    builder, made, gate = build
    for name in ("first", "second", "third"):
        builder.want_preset(name)
    assert builder.loading == "third"
    gate.set()
    wait_for(lambda: made)
    assert [(program.name, program.midi) for program in made] == [("third", ["the map of third"])]


def test_a_board_that_fails_is_told_and_the_next_one_comes(build):
    builder, made, gate = build
    gate.set()
    builder.want_preset("broken")
    wait_for(lambda: builder.trouble)
    assert builder.trouble == "broken.toml: effects = nothing", "which says its name, once"
    assert not made
    builder.want_board(Board([Wait(samples=5000)]), "long")
    wait_for(lambda: "latency=5000" in builder.trouble)
    builder.want_board(Gain(3), "one effect")
    wait_for(lambda: made)
    assert builder.trouble == "" and made[0].mirror.board[0].gain_db == 3 and made[0].midi is None


def test_what_failed_is_told_by_its_own_name_and_not_by_that_of_the_next_wish():
    begun, gates, made = threading.Event(), {"broken": threading.Event(), "whole": threading.Event()}, []

    def load(name):
        begun.set()
        gates[name].wait(60)
        return Board([Gain(-6)]) if name == "whole" else Board([Wait(samples=1)])

    builder = Builder(BoardPlayer(Board(), 48_000, 1, 128), made.append, load)
    builder.start()
    builder.want_preset("broken")
    begun.wait(60)
    builder.want_preset("whole")
    gates["broken"].set()
    wait_for(lambda: builder.trouble)
    assert builder.trouble.startswith("broken needs 1 samples of latency") and builder.loading == "whole" and not made
    gates["whole"].set()
    wait_for(lambda: not builder.loading)
    assert [program.name for program in made] == ["whole"] and builder.trouble == ""
    builder.stop()


def test_a_slow_parameter_is_set_on_the_users_board(build):
    builder, _, _ = build
    board = Board([Gong()])
    builder.turn(board, Set("0", "strokes", 7))
    wait_for(lambda: board[0].strokes == 7)


def test_without_load_there_are_no_names():
    player = BoardPlayer(Board(), 48_000, 1, 128)
    with pytest.raises(ValueError, match="'bowed' cannot be loaded"):
        Builder(player, print, None).want_preset("bowed")


def wait_for(found, seconds=60):
    """Wait until `found` returns something; it fails if that never comes."""
    done = threading.Event()
    for _ in range(seconds * 100):
        if found():
            return
        done.wait(0.01)
    raise AssertionError("it never came")
