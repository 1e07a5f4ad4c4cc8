"""The clone of a board, and what it hears of."""

import numpy as np
from pedalboard import Chain, Compressor, Delay, Gain, Reverb

from dreampedal.effects.dream import Dream
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.live.player.changes import Set, item_at, paths
from dreampedal.engine.live.player.mirror import Mirror


def board():
    return Board(
        [
            Gain(-3),
            Mix([Board([Dream(target="class:vocal", model="notes", amount=0.4)]), Chain([Reverb(), Delay()])]),
            None,
        ]
    )


def test_a_clone_has_the_same_items_and_shares_none():
    source = board()
    clone = Mirror(source).board
    assert [path for path, _ in paths(clone)] == [path for path, _ in paths(source)]
    for (path, own), (_, other) in zip(paths(source), paths(clone), strict=True):
        assert type(own) is type(other)
        assert own is None or own is not other, path
    assert item_at(clone, "1.0.0").parameters == item_at(source, "1.0.0").parameters


def test_a_clone_plays_the_same_samples(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.ascontiguousarray(audio[:, :30_000])
    source = Board([Compressor(), Dream(target="class:vocal", model="notes"), Reverb()])
    np.testing.assert_array_equal(Mirror(source).board(audio, rate), source(audio, rate))


def test_what_is_set_anywhere_is_told_once():
    source = board()
    mirror = Mirror(source)
    assert list(mirror.changed()) == []
    item_at(source, "1.0.0").amount = 0.9
    item_at(source, "1.1.0").room_size = 0.25
    item_at(source, "1.0.0").target = "conv2:3"
    assert list(mirror.changed()) == [
        Set("1.0.0", "target", "conv2:3"),
        Set("1.0.0", "amount", 0.9),
        Set("1.1.0", "room_size", 0.25),
    ]
    assert list(mirror.changed()) == []
    item_at(source, "1.0.0").amount = 0.9
    assert list(mirror.changed()) == []


def test_a_knob_turns_the_users_board():
    source = board()
    mirror = Mirror(source)
    mirror.turn(Set("0", "gain_db", 6.0))
    assert source[0].gain_db == 6 and list(mirror.changed()) == [Set("0", "gain_db", 6.0)]


def test_an_edited_list_makes_a_clone_stale():
    source = board()
    mirror = Mirror(source)
    assert not mirror.is_stale()
    source[1][0].append(Gain())
    assert mirror.is_stale()
    source[1][0].pop()
    assert not mirror.is_stale()
    source[0], source[1] = source[1], source[0]
    assert mirror.is_stale()
