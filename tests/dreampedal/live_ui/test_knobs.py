"""The parameters of a board as knobs."""

import pytest
from pedalboard import Reverb

from dreampedal import Board, Dream, Mix
from dreampedal.engine.host.contract.parameters import Number, parameters_of
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.midi.messages import ControlChange
from dreampedal.live_ui.knobs import knobs_of, place_of, share_of, source_text, stepped, turn


@pytest.fixture
def board():
    return Board([Dream(target="class:flute", amount=0.4), Mix([Reverb(room_size=0.3), Dream(target="conv1")])])


@pytest.fixture
def midi(board):
    return Midi(lambda: board)


def knob_of(knobs, path, name):
    (found,) = [knob for knob in knobs if (knob.path, knob.name) == (path, name)]
    return found


def test_every_parameter_that_can_be_turned_is_a_knob(board):
    knobs = knobs_of(board)
    turnable = [name for name, each in parameters_of(Dream).items() if not each.fixed and name != "target"]
    assert [knob.name for knob in knobs if knob.path == "0"] == turnable
    assert {knob.path for knob in knobs} == {"0", "1.1"}
    assert knob_of(knobs, "0", "amount").shown == "0.40" and knob_of(knobs, "0", "amount").share == 0.4
    assert knob_of(knobs, "1.1", "freeze").share is None


def test_mapped_knobs_come_first_and_natives_are_knobs_too(board, midi):
    midi.map("cc:74", "1.0", "room_size", low=0, high=0.6)
    midi.map("bend", "1.1", "amount")
    knobs = knobs_of(board, midi.knobs)
    assert {(knob.path, knob.name) for knob in knobs[:2]} == {("1.0", "room_size"), ("1.1", "amount")}
    room = knob_of(knobs, "1.0", "room_size")
    assert (room.source, room.shown) == ("CC 74", "0.30") and room.share == pytest.approx(0.5)


def test_a_knob_waits_until_it_is_picked_up(board, midi):
    midi.map("cc:1", "0", "amount")
    assert knob_of(knobs_of(board, midi.knobs), "0", "amount").waits_at is None
    assert midi.handle(ControlChange(1, 1, 127), board) == []
    assert knob_of(knobs_of(board, midi.knobs), "0", "amount").waits_at == 1.0
    (change,) = midi.handle(ControlChange(1, 1, 0), board)
    board[0].amount = change.value
    found = knob_of(knobs_of(board, midi.knobs), "0", "amount")
    assert found.waits_at is None and found.share == 0.0


def test_a_mapping_that_fits_no_longer_disturbs_nothing(board, midi):
    midi.map("cc:1", "0", "amount")
    board[0] = Reverb()
    assert {knob.path for knob in knobs_of(board, midi.knobs)} == {"1.1"}


@pytest.mark.parametrize("name, parameter", [
    (name, each) for name, each in parameters_of(Dream).items() if isinstance(each, Number) and not each.fixed
])  # fmt: skip
def test_steps_go_to_both_ends_and_no_further(name, parameter):
    value, seen = parameter.default, []
    for steps in [1] * 400 + [-1] * 800:
        value = stepped(parameter, value, steps)
        seen.append(value)
        assert parameter.checked(value, name) == value
    assert max(seen) == parameter.high and (min(seen) == parameter.low or parameter.unit == "Hz")
    assert 0 <= share_of(parameter, min(seen)) <= share_of(parameter, max(seen)) == 1


def test_turning_sets_on_the_live_stream_alone(board):
    class Live:
        def __init__(self):
            self.board, self.was_set = board, []

        def set(self, *what):
            self.was_set.append(what)

    live = Live()
    for path, name in (("0", "amount"), ("0", "freeze"), ("0", "model"), ("0", "target"), ("9", "amount"), ("0", "x")):
        turn(live, path, name, 1)
    assert live.was_set == [("0", "amount", 0.42), ("0", "freeze", True)]


def test_places_and_sources_in_words():
    assert place_of("2.0.mix") == ("2.0", "mix") and place_of("mix") == ("0", "mix")
    assert source_text("note:60@10") == "note 60 ch 10"


@pytest.mark.parametrize("source, shown", [
    ("nrpn:148@1", "NRPN 148 ch 1"), ("rel:74:offset", "CC 74 endless"), ("pressure", "pressure"),
    ("key_pressure:60@2", "pressure 60 ch 2"), ("cc14:1@3", "CC 1+33 ch 3"),
])  # fmt: skip
def test_every_kind_of_control_is_shown(board, midi, source, shown):
    midi.map(source, "0", "amount")
    assert knob_of(knobs_of(board, midi.knobs), "0", "amount").source == shown


def test_an_endless_knob_never_waits(board, midi):
    midi.map("rel:74:offset", "0", "amount")
    for value in (66, 63):
        (change,) = midi.handle(ControlChange(1, 74, value), board)
        board[0].amount = change.value
        found = knob_of(knobs_of(board, midi.knobs), "0", "amount")
        assert found.waits_at is None and found.share == change.value
    board[0].amount = 0.9
    midi.mappings = midi.mappings
    assert knob_of(knobs_of(board, midi.knobs), "0", "amount").waits_at is None
