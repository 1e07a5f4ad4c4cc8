"""Knobs: pick-up, 14 bits, keys and pedals, and effects that move about."""

import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.knob import Knob
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.live.midi.messages import ControlChange, NoteOff, NoteOn, PitchBend, ProgramChange
from dreampedal.engine.live.player.changes import Bypass, Set

from ..gong import Gong

DATA = st.integers(0, 127)


def knob_and_board(source="cc:74", parameter="level_db", **more):
    return Knob(Mapping(source, "0", parameter, **more)), Board([Gong()])


def turned(knob, board, *values, number=74):
    """What each movement of a controller does; the board takes it at once."""
    done = []
    for value in values:
        changes = knob.turn(ControlChange(1, number, value), board)
        for change in changes:
            setattr(board[0], change.name, change.value)
        done.append([change.value for change in changes])
    return done


def test_nothing_happens_until_the_knob_comes_by():
    knob, board = knob_and_board(low=0, high=12.7)
    board[0].level_db = 6.0
    assert turned(knob, board, 100, 90, 70) == [[], [], []]
    assert (knob.picked_up, knob.position) == (False, 70 / 127)
    assert turned(knob, board, 59, 30) == [[pytest.approx(5.9)], [pytest.approx(3)]]
    assert knob.picked_up


def test_what_another_hand_sets_has_to_be_picked_up_again():
    knob, board = knob_and_board(low=0, high=12.7)
    assert turned(knob, board, 0, 50) == [[], [pytest.approx(5)]]
    board[0].level_db = 10.0
    assert turned(knob, board, 51, 60) == [[], []]
    assert turned(knob, board, 101, 102) == [[pytest.approx(10.1)], [pytest.approx(10.2)]]
    board[0].level_db = 10.0
    assert turned(knob, board, 100) == [[]], "it stands there already"
    assert turned(knob, board, 99) == [[pytest.approx(9.9)]]


@given(st.lists(st.tuples(DATA, st.none() | st.floats(-24, 24)), min_size=2, max_size=40))
def test_the_value_never_moves_further_than_the_knob(moves):
    knob, board = knob_and_board()
    before = None
    for value, another_hand in moves:
        if another_hand is not None:
            board[0].level_db = another_hand
        present = (board[0].level_db + 24) / 48
        if any(turned(knob, board, value)[0]):
            way = [value / 127, value / 127 if before is None else before]
            assert min(way) - 0.5 / 127 - 1e-9 <= present <= max(way) + 0.5 / 127 + 1e-9
            assert board[0].level_db == pytest.approx(-24 + 48 * value / 127)
        before = value / 127


@given(st.lists(DATA, min_size=1, max_size=60), st.integers(0, 70))
def test_a_slow_parameter_is_not_put_down_because_it_lags(values, late):
    knob, board = knob_and_board(parameter="strokes", low=1, high=100)
    waiting, last = [], 1
    for value in [0, *values]:
        changes = knob.turn(ControlChange(1, 74, value), board)
        aim = min(value * 100 // 127 + 1, 100)
        assert [change.value for change in changes] == ([] if aim == last else [aim])
        last = aim
        waiting += changes
        while len(waiting) > late:
            board[0].strokes = waiting.pop(0).value


def test_a_native_rounds_and_is_not_put_down():
    knob, board = Knob(Mapping("cc:74", "0", "gain_db", low=-24, high=24)), Board([pedalboard.Gain(gain_db=-24)])
    heard = turned(knob, board, *range(128))
    assert heard == [[], *([pytest.approx(-24 + 48 * value / 127)] for value in range(1, 128))]


def test_without_pick_up_the_value_jumps():
    knob, board = knob_and_board(pickup=False, low=0, high=12.7)
    assert turned(knob, board, 127, 127, 10) == [[pytest.approx(12.7)], [], [pytest.approx(1)]]
    board[0].level_db = -3.0
    assert turned(knob, board, 10) == [[pytest.approx(1)]], "even where it stands"


def test_words_change_where_their_part_of_the_travel_begins():
    knob, board = knob_and_board(parameter="shape")
    assert turned(knob, board, 0, 20, 42, 43, 84, 85, 127, 0) == [[], [], [], ["saw"], [], ["pulse"], [], ["sine"]]
    board[0].shape = "pulse"
    assert turned(knob, board, 20, 60, 110, 50) == [[], [], [], ["saw"]]


def test_a_range_may_be_turned_round():
    knob, board = knob_and_board(low=12, high=0)
    assert turned(knob, board, 127, 0) == [[], [12.0]]


BELOW_THE_LAST = st.integers(0, (127 << 7) - 1)
"""Values of 14 bits below the last upper half, for which see below."""


@given(BELOW_THE_LAST, BELOW_THE_LAST)
def test_an_upper_half_means_a_lower_one_of_0_until_that_comes(first, second):
    """MIDI 1.0. The same upper half again is the beginning of a pair, and changes nothing."""
    knob, _ = knob_and_board("cc14:1")

    def positions(value):
        return [
            (knob.seen(ControlChange(1, 1, value >> 7)) or [None])[0],
            knob.seen(ControlChange(1, 33, value & 127))[0],
        ]

    assert positions(first)[1] == first / 16383
    between, there = positions(second)
    assert there == second / 16383
    assert between == (first if first >> 7 == second >> 7 else second >> 7 << 7) / 16383


def test_14_bits_reach_both_ends_without_lower_halves():
    knob, _ = knob_and_board("cc14:1")
    heard = [knob.seen(ControlChange(1, *each)) for each in ((1, 65), (33, 100), (1, 64), (1, 0), (1, 0), (1, 64))]
    assert [round(place[0] * 16383) for place in heard[1:]] == [65 * 128 + 100, 64 * 128, 0, 0, 64 * 128]


def test_7_bits_sent_as_14_reach_the_end():
    knob, _ = knob_and_board("cc14:1")
    knob.seen(ControlChange(1, 1, 126))
    assert knob.seen(ControlChange(1, 33, 0))[0] == 126 * 128 / 16383
    assert (knob.seen(ControlChange(1, 1, 127))[0], knob.seen(ControlChange(1, 33, 0))[0]) == (1, 1)
    assert knob.seen(ControlChange(1, 33, 1))[0] == (127 * 128 + 1) / 16383
    assert knob.seen(ControlChange(1, 33, 0))[0] == 127 * 128 / 16383, "once it is known to be finer"


def test_14_bits_where_only_the_lower_ones_move():
    knob, board = knob_and_board("cc14:1", low=-24, high=24, pickup=False)
    knob.turn(ControlChange(1, 1, 0), board)
    knob.turn(ControlChange(1, 33, 0), board)
    knob.turn(ControlChange(1, 1, 127), board)
    [change] = knob.turn(ControlChange(1, 33, 5), board)
    assert change.value == pytest.approx(-24 + 48 * (127 * 128 + 5) / 16383)
    assert knob.seen(ControlChange(2, 33, 9)) is None, "another channel is another pair"
    assert knob.seen(ControlChange(1, 65, 9)) is None, "and 65 belongs to none"


@given(st.lists(DATA, min_size=1))
def test_a_pair_without_lower_bits_has_7_over_the_whole_travel(values):
    knob, _ = knob_and_board("cc14:1")
    assert [knob.seen(ControlChange(1, 1, value)) for value in values] == [(value / 127, 1 / 127) for value in values]


def test_the_wheel_rests_in_the_middle():
    knob, board = knob_and_board("bend", low=-6, high=6, pickup=False)
    assert [knob.turn(PitchBend(1, value), board) for value in (0, 8191, -8192)] == [
        [Set("0", "level_db", pytest.approx(0, abs=1e-3))],
        [Set("0", "level_db", 6.0)],
        [Set("0", "level_db", -6.0)],
    ]


def test_a_key_sets_both_ends():
    knob, board = knob_and_board("note:60", "bright")
    assert knob.turn(NoteOn(1, 60, 3), board) == [Set("0", "bright", True)]
    board[0].bright = True
    assert knob.turn(NoteOn(1, 61, 3), board) == [] == knob.turn(NoteOff(1, 61), board)
    assert knob.turn(NoteOff(1, 60), board) == [Set("0", "bright", False)]


def test_bypass_lasts_as_long_as_a_key_or_pedal_is_down():
    key, pedal = Knob(Mapping("note:60", action="bypass")), Knob(Mapping("cc:80", action="bypass"))
    messages = [NoteOn(1, 60, 100), NoteOff(1, 60), *(ControlChange(1, 80, value) for value in (0, 63, 64, 127, 63, 0))]
    done = [key.turn(message, Board()) + pedal.turn(message, Board()) for message in messages]
    on, off = [Bypass(True)], [Bypass(False)]
    assert done == [on, off, off, [], on, [], off, []]


@pytest.mark.parametrize("source", ["cc:74@2", "cc14:10@2", "bend@2", "note:74@2"])
def test_a_channel_of_its_own(source):
    knob, board = knob_and_board(source, pickup=False)

    def heard(channel):
        numbers = (74, 10)
        messages = [*(ControlChange(channel, number, 100) for number in numbers), PitchBend(channel, 3000)]
        messages += [NoteOn(channel, 74, 9), ProgramChange(channel, 74)]
        return [change for message in messages for change in knob.turn(message, board)]

    assert heard(1) == [] != heard(2)


def test_an_effect_is_followed_when_the_list_is_edited():
    knob, board = knob_and_board(pickup=False)
    assert knob.turn(ControlChange(1, 74, 127), board) == [Set("0", "level_db", 24.0)]
    gong = board.pop(0)
    board.extend([None, Board([Gong(), gong])])
    assert knob.turn(ControlChange(1, 74, 0), board) == [Set("1.1", "level_db", -24.0)]
    assert knob.mapping.effect == "1.1"


def test_a_board_without_the_effect_or_the_parameter_is_left_alone():
    knob, board = knob_and_board(pickup=False)
    for other in (Board(), Board([None]), Board([pedalboard.Gain()])):
        assert knob.turn(ControlChange(1, 74, 127), other) == []
    assert knob.turn(ControlChange(1, 74, 127), board) == [Set("0", "level_db", 24.0)]
