"""Whole sessions of controllers: after every message the right value, and learning binds what it is."""

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.board import Board
from dreampedal.engine.live.changes import Program, Set
from dreampedal.engine.live.midi import Midi
from dreampedal.engine.live.midi_messages import Parser
from dreampedal.engine.live.rendering import Rendering
from dreampedal.engine.live.take_reading import read_take

from .gong import Gong
from .midi_sessions import (
    ENCODED,
    FAST,
    HALF_AN_UPPER,
    SLOW,
    bank_select,
    controller,
    endless,
    fourteen_bits,
    mpe,
    nrpn,
    power_on,
    pressed,
    seven_bits,
    steps_of_a_number,
    stopping,
    together,
    touched,
)
from .performance import Performance, build

PAIRS = {
    "upper first": fourteen_bits("upper"),
    "upper first, slowly": fourteen_bits("upper", step=11),
    "upper first, fast": fourteen_bits("upper", step=700),
    "upper first, unchanged ones left out": fourteen_bits("upper", "upper", step=20),
    "upper first, lower ones of 0 left out": fourteen_bits("upper", "lower", step=32),
    "lower first": fourteen_bits("lower"),
    "lower first, slowly": fourteen_bits("lower", step=11),
    "lower first, fast": fourteen_bits("lower", step=700),
    "lower first, unchanged upper ones left out": fourteen_bits("lower", "upper", step=20),
}
NUMBERS = {
    "NRPN of 7 bits": nrpn(7),
    "NRPN of 7 bits that names its number once": nrpn(7, is_running=True),
    "NRPN of 14 bits": nrpn(14),
    "NRPN of 14 bits that names its number once": nrpn(14, is_running=True, number=16382, channel=16),
    "NRPN of 14 bits, lower half first": nrpn(14, order="lower"),
    "NRPN of a lone step at a time": steps_of_a_number(),
}
ENDLESS = {
    f"endless, {encoding}, {speed}": endless(encoding, turns)
    for encoding in ENCODED
    for speed, turns in (("slow", SLOW), ("fast", FAST))
}
TOUCHES = {"pressure": pressed(), "pressure of a key": touched(), "7 bits": seven_bits()}
MPE = {f"MPE {moves}{told}": mpe(moves, not told) for moves in ("slide", "press", "glide") for told in ("", ", untold")}
SESSIONS = PAIRS | NUMBERS | ENDLESS | TOUCHES | MPE


FIRST_ALONE = 2
"""The first lower half that comes alone is not known to be alone until the next one."""


@pytest.fixture
def board():
    return Board([Gong()])


@pytest.fixture
def midi(board):
    return Midi(lambda: board)


def position(board):
    return (board[0].level_db + 24) / 48


def hear(midi, board, data):
    """Take what came at once; the changes."""
    done = []
    midi.hear(0.0, list(data))
    for _, message in midi.take(0.0):
        for change in midi.handle(message, board):
            if isinstance(change, Set):
                setattr(board[0], change.name, change.value)
            done.append(change)
    return done


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_every_message_gives_the_right_value(midi, board, session):
    midi.map(session.source, "0", "level_db", pickup=False)
    last, pending = None, []
    waits = session is PAIRS["lower first, unchanged upper ones left out"]
    for count, packet in enumerate(session.packets):
        hear(midi, board, packet.data)
        if packet.position is None or (waits and count == FIRST_ALONE):
            pending.append(position(board))
            continue
        assert position(board) == pytest.approx(packet.position, abs=1e-9), packet
        if last is not None:
            low, high = sorted((last, packet.position))
            assert all(low - HALF_AN_UPPER - 1e-9 <= each <= high + HALF_AN_UPPER + 1e-9 for each in pending), packet
        last, pending = packet.position, []
    assert last is not None


@pytest.mark.parametrize("name", [name for name in PAIRS if "lower first, unchanged" not in name])
def test_no_step_back_on_the_way_up(midi, board, name):
    """Nor between the halves; the first upper half is of 7 bits until a lower one has come."""
    midi.map(PAIRS[name].source, "0", "level_db", pickup=False)
    top = next(at for at, packet in enumerate(PAIRS[name].packets) if packet.position == 1.0)
    before, board[0].level_db = 0.0, -24.0
    for packet in PAIRS[name].packets[: top + 1]:
        hear(midi, board, packet.data)
        assert position(board) >= before - 1e-9, packet
        before = position(board)


@pytest.mark.parametrize("name", [name for name in PAIRS if name.startswith("lower first") and "out" not in name])
def test_lower_halves_first_wait_for_their_upper_one(midi, board, name):
    midi.map(PAIRS[name].source, "0", "level_db", pickup=False)
    heard = [(packet, hear(midi, board, packet.data)) for packet in PAIRS[name].packets]
    assert all(not changes for packet, changes in heard if packet.position is None)


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


def test_registered_parameters_turn_no_knob_on_data_entry(midi, board):
    midi.map("cc:6", "0", "level_db", pickup=False)
    midi.map("cc:38", "0", "shape", pickup=False)
    for packet in power_on().packets:
        assert hear(midi, board, packet.data) == []
    assert hear(midi, board, controller(6, 1, 127)) == [Set("0", "level_db", 24.0)], "after the null number it is one"
    assert hear(midi, board, controller(38, 1, 127)) == [Set("0", "shape", "pulse")]


def test_a_number_holds_data_entry_of_its_channel_until_null(midi, board):
    """Nothing tells two devices of one channel apart, so the standard's rule holds: the number that came last."""
    midi.map("cc:6", "0", "level_db", pickup=False)
    for packet in nrpn(7).packets:
        assert hear(midi, board, packet.data) == []
    assert hear(midi, board, controller(6, 1, 100)) == []
    assert hear(midi, board, controller(6, 2, 127)) == [Set("0", "level_db", 24.0)], "another channel has its own"
    assert hear(midi, board, (*controller(99, 1, 127), *controller(98, 1, 127))) == []
    assert hear(midi, board, controller(6, 1, 0)) == [Set("0", "level_db", -24.0)]
    hear(midi, board, (*controller(99, 1, 1), *controller(98, 1, 1), *controller(121, 1, 0)))
    assert hear(midi, board, controller(6, 1, 127)) == [Set("0", "level_db", 24.0)], "and so does a reset"


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


@given(st.lists(st.sampled_from(sorted(SESSIONS)), min_size=2, max_size=4), st.data())
def test_any_way_of_mixing_and_cutting_gives_the_same_messages(names, data):
    """Running status, clock bytes anywhere, packets cut anywhere."""
    packets = [packet.data for packet, _ in together(*(SESSIONS[name] for name in names))][:120]
    plain, clocked, status = Parser(), Parser(), None
    wanted = [message for packet in packets for message in plain.feed(packet)]
    stream = bytearray()
    for packet in packets:
        begins = 1 if packet[0] == status and len(packet) < 4 and data.draw(st.booleans()) else 0
        stream += packet[begins:]
        status = packet[-3] if len(packet) > 3 else packet[0]
    for _ in range(data.draw(st.integers(0, 12))):
        stream.insert(data.draw(st.integers(0, len(stream))), data.draw(st.sampled_from([0xF8, 0xFE, 0xFA])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += clocked.feed(stream[start:stop])
    assert found == wanted and clocked.malformed == 0


def test_two_devices_at_once_are_each_right(midi):
    """A pair on one channel, a number on another, pressure on a third; all on one cable."""
    sessions = (fourteen_bits("lower", channel=1), nrpn(14, channel=2), pressed(channel=3))
    board = Board([Gong(), Gong(), Gong()])
    midi = Midi(lambda: board)
    for place, session in enumerate(sessions):
        midi.map(f"{session.source}@{place + 1}", place, "level_db", pickup=False)
    for packet, number in together(*sessions):
        midi.hear(0.0, list(packet.data))
        for _, message in midi.take(0.0):
            for change in midi.handle(message, board):
                setattr(board[int(change.path)], change.name, change.value)
        if packet.position is not None:
            assert (board[number].level_db + 24) / 48 == pytest.approx(packet.position, abs=1e-9)


def test_a_take_of_any_controller_renders_the_same(tmp_path):
    """A take keeps what a control did, so it needs none of them to be rendered again."""
    played = ("NRPN of 14 bits", "endless, twos, slow", "lower first", "pressure of a key", "MPE slide")
    board, rate = Board([pedalboard.Gain(), pedalboard.Reverb(room_size=0.5)]), 48_000
    midi, changes, start = Midi(lambda: board), {}, 0.0
    for name in played:
        midi.mappings = []
        midi.map(SESSIONS[name].source, "1", "room_size", low=0, high=1, pickup=False)
        for packet in SESSIONS[name].packets[:400]:
            midi.hear(0.0, list(packet.data))
            for _, message in midi.take(0.0):
                for change in midi.handle(message, board):
                    board[1].room_size = change.value
                    changes[round((start + packet.seconds) * rate)] = change
        start += SESSIONS[name].packets[:400][-1].seconds
    audio = np.random.default_rng(0).uniform(-0.2, 0.2, (1, round(start * rate) + rate)).astype(np.float32)
    board[1].room_size = 0.5
    folder, heard = Performance(board, audio, rate, changes).recorded(tmp_path)
    rendering = Rendering(read_take(folder), build)
    np.testing.assert_array_equal(np.concatenate(list(rendering), axis=1), heard)
    assert rendering.counts.changes == len(changes) > 500


@pytest.mark.parametrize("name, low, high, values", [
    ("voices", 1, 4, [1, 2, 3, 4]),
    ("shape", None, None, ["sine", "saw", "pulse"]),
    ("bright", None, None, [False, True]),
])  # fmt: skip
def test_an_endless_knob_steps_through_a_few_values(midi, board, name, low, high, values):
    midi.map("rel:20:twos", "0", name, low=low, high=high)
    setattr(board[0], name, values[0])
    found = [getattr(board[0], name)]
    for _ in range(4 * len(values)):
        hear(midi, board, controller(20, 1, 1))
        found.append(getattr(board[0], name))
    assert list(dict.fromkeys(found)) == values and found == sorted(found, key=values.index)
    hear(midi, board, controller(20, 1, 128 - 60))
    assert getattr(board[0], name) == values[0], "a fast turn goes all the way"


def test_an_endless_knob_of_a_native_goes_on_from_its_present_value():
    board = Board([pedalboard.Reverb(room_size=0.5)])
    midi = Midi(lambda: board)
    midi.map("rel:20:offset@2", "0", "room_size", low=0, high=1)
    for value, wanted in ((65, 0.5 + 1 / 128), (66, 0.5 + 3 / 128), (63, 0.5 + 2 / 128)):
        midi.hear(0.0, [*controller(20, 1, 65), *controller(20, 2, value)])
        for _, message in midi.take(0.0):
            for change in midi.handle(message, board):
                board[0].room_size = change.value
        assert board[0].room_size == pytest.approx(wanted, abs=1e-6)
    board[0].room_size = 0.25
    midi.hear(0.0, list(controller(20, 2, 65)))
    [(_, message)] = midi.take(0.0)
    assert midi.handle(message, board) == [Set("0", "room_size", pytest.approx(0.25 + 1 / 128))]
