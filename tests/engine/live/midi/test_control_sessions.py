"""Whole sessions of controllers: after every message the right value."""

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.midi.parser import Parser
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering

from ..gong import Gong
from ..midi_sessions import (
    HALF_AN_UPPER,
    PAIRS,
    SESSIONS,
    controller,
    fourteen_bits,
    hear,
    nrpn,
    position,
    power_on,
    pressed,
    together,
)
from ..performance import Performance, build

FIRST_ALONE = 2
"""The first lower half that comes alone is not known to be alone until the next one."""


@pytest.fixture
def board():
    return Board([Gong()])


@pytest.fixture
def midi(board):
    return Midi(lambda: board)


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
        stream.insert(data.draw(st.integers(0, len(stream))), data.draw(st.sampled_from([0xF8, 0xFE, 0xFF])))
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
        midi.receive(0.0, list(packet.data))
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
            midi.receive(0.0, list(packet.data))
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
        midi.receive(0.0, [*controller(20, 1, 65), *controller(20, 2, value)])
        for _, message in midi.take(0.0):
            for change in midi.handle(message, board):
                board[0].room_size = change.value
        assert board[0].room_size == pytest.approx(wanted, abs=1e-6)
    board[0].room_size = 0.25
    midi.receive(0.0, list(controller(20, 2, 65)))
    [(_, message)] = midi.take(0.0)
    assert midi.handle(message, board) == [Set("0", "room_size", pytest.approx(0.25 + 1 / 128))]
