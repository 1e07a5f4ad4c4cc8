"""Whole sessions of controllers while one is to be learned: it is bound as what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.player.changes import Program

from ..gong import Gong
from ..midi_sessions import (
    ENDLESS,
    SESSIONS,
    bank_select,
    controller,
    fourteen_bits,
    hear,
    position,
    power_on,
    stopping,
)


@pytest.fixture
def board():
    return Board([Gong()])


@pytest.fixture
def midi(board):
    return Midi(lambda: board)


def channel_of(session):
    """The channel of what moves."""
    return (session.packets[-1].data[0] & 0x0F) + 1


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_learning_binds_what_it_is(midi, board, session):
    """At once where nothing has to be told apart, later for one half of a pair and for endless knobs."""
    midi.learn("0", "level_db", pickup=False)
    wanted = session.source if "MPE" in _name(session) else f"{session.source}@{channel_of(session)}"
    board[0].level_db, bound = 0.0, None
    for count, packet in enumerate(session.packets, 1):
        if count == 13 and "untold" in _name(session):  # nothing tells such a keyboard until a chord was played
            midi.mappings = []
            midi.learn("0", "level_db", pickup=False)
        hear(midi, board, packet.data)
        found = [mapping.source for mapping in midi.mappings]
        if count in session.learned:
            assert found == [session.learned[count]]
        if found == [wanted] and bound is None:
            bound = count
        if bound is not None and not session.source.startswith("rel") and packet.position is not None:
            assert position(board) == pytest.approx(packet.position, abs=1e-9), packet
    assert found == [wanted] and midi.learning is None
    told = {"cc14": 330 if "out" in _name(session) else 6, "rel": 110}
    kind = session.source.partition(":")[0]
    assert "MPE" in _name(session) or bound <= told.get(kind, 3)


def _name(session):
    return next(name for name, each in SESSIONS.items() if each is session)


@pytest.mark.parametrize("session", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_knob_that_is_learned_goes_on_from_the_value_before(midi, board, session):
    """What it did while it was taken for one that stands somewhere is undone, even with no pick-up."""
    board[0].level_db = 12.0
    midi.learn("0", "level_db", pickup=False)
    for before, packet in zip([None, *session.packets], session.packets, strict=False):
        hear(midi, board, packet.data)
        if midi.mappings[0].source.startswith("rel:"):
            assert position(board) == pytest.approx(0.75 + packet.position - before.position, abs=1e-9)
            return
    pytest.fail("never learned")


NOT_KNOBS = {
    "bank select": bank_select(),
    "bank select of a small bank": bank_select(bank=(121, 0)),
    "registered parameters at power on": power_on(),
    "a sequencer that stops": stopping(),
}


@pytest.mark.parametrize("session", NOT_KNOBS.values(), ids=NOT_KNOBS)
@pytest.mark.parametrize("pickup", [False, True])
def test_what_is_no_knob_is_not_learned(midi, board, session, pickup):
    midi.map("cc:21", "0", "level_db")
    midi.learn("0", "level_db", pickup=pickup)
    for packet in session.packets:
        hear(midi, board, packet.data)
    assert midi.learning is not None and board[0].level_db == 0.0
    assert [each.source for each in midi.mappings] == ["cc:21"], "and what was there stays"
    hear(midi, board, controller(74, 1, 100))
    assert [each.source for each in midi.mappings] == ["cc:74@1"]


def test_a_bank_select_still_changes_the_program(midi, board):
    midi.learn("0", "level_db")
    changes = [change for packet in bank_select().packets for change in hear(midi, board, packet.data)]
    assert changes[-1] == Program(5)


def test_a_fader_on_0_is_learned_though_a_program_change_comes_later(midi, board):
    midi.learn("0", "level_db")
    for value in (64, 65, 66):
        hear(midi, board, controller(0, 1, value))
    hear(midi, board, (0xC0, 3))
    assert [each.source for each in midi.mappings] == ["cc:0@1"]


def test_a_fader_and_the_button_32_further_are_two(midi, board):
    """As on a nanoKONTROL2: fader 1 is 0, the solo button of its strip 32."""
    midi.learn("0", "level_db", pickup=False)
    hear(midi, board, controller(0, 1, 64))
    for value in range(60, 100):
        hear(midi, board, controller(32, 1, 127 if value % 2 else 0))
        hear(midi, board, controller(0, 1, value))
        assert position(board) == pytest.approx(value / 127)
    assert [each.source for each in midi.mappings] == ["cc:0@1"]


@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(-6, 6)), max_size=60), st.integers(0, 127), st.integers(0, 127)
)
def test_two_faders_moved_together_are_two(moves, one, other):
    """A fader that stands still sends nothing, so an upper half never comes twice alike, and none leaps."""
    board = Board([Gong()])
    midi = Midi(lambda: board)
    midi.learn("0", "level_db", pickup=False)
    hear(midi, board, controller(1, 1, one))
    for first, second in moves:
        for number, value, change in ((1, one, first), (33, other, second)):
            if change and 0 <= value + change <= 127:
                hear(midi, board, controller(number, 1, value + change))
        one = one + first if 0 <= one + first <= 127 else one
        other = other + second if 0 <= other + second <= 127 else other
    assert [each.source for each in midi.mappings if each.source.startswith("cc14")] == []


@given(st.integers(1, 9), st.lists(st.integers(-20, 20).filter(bool), min_size=1, max_size=150), st.integers(0, 127))
def test_a_knob_that_stands_somewhere_is_no_endless_one(number, moves, at):
    board = Board([Gong()])
    midi = Midi(lambda: board)
    midi.learn("0", "level_db")
    for move in moves:
        at = min(max(at + move, 0), 127)
        hear(midi, board, controller(number, 1, at))
        if at in (0, 127):
            at += -1 if at else 1
            hear(midi, board, controller(number, 1, at))
    assert [each.source for each in midi.mappings] == [f"cc:{number}@1"]


@pytest.mark.parametrize("number", [98, 99, 100, 101])
def test_plain_knobs_on_the_numbers_of_parameters(midi, board, number):
    """As some controllers have them, one row of knobs after another: each is learned, and takes none of the others."""
    for other in (98, 99, 100, 101):
        for value in range(10, 20):
            hear(midi, board, controller(other, 1, value))
    midi.learn("0", "level_db", pickup=False)
    for value in range(10, 20):
        hear(midi, board, controller(number, 1, value))
    assert [each.source for each in midi.mappings] == [f"cc:{number}@1"]
    assert position(board) == pytest.approx(19 / 127)
    midi.learn("0", "level_db", pickup=False)
    hear(midi, board, controller(6, 1, 30))
    assert [each.source for each in midi.mappings] == ["cc:6@1"]


def test_a_knob_of_14_bits_goes_on_for_the_half_that_was_learned(midi, board):
    """Picked up as one of 7 bits, it need not be picked up again."""
    midi.learn("0", "level_db")
    session = fourteen_bits("upper", step=150)
    middle = next(at for at, packet in enumerate(session.packets) if (packet.position or 0) > 0.45) + 1
    for packet in session.packets[middle:]:
        hear(midi, board, packet.data)
        if packet.position and packet.position > 0.6:
            assert position(board) == pytest.approx(packet.position, abs=1e-9)
            return


def test_a_program_of_another_device_leaves_what_was_learned(midi, board):
    midi.learn("0", "level_db")
    hear(midi, board, controller(32, 1, 64))
    hear(midi, board, (0xC1, 3))
    assert [each.source for each in midi.mappings] == ["cc:32@1"]
