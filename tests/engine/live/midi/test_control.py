"""The MIDI input as the worker sees it: a bounded queue with times, learning, and a map that may change meanwhile."""

import subprocess
import sys
import time
from itertools import groupby, pairwise

import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.midi.input import Clock
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.live.midi.messages import ControlChange, NoteOn, PitchBend, ProgramChange, Transport
from dreampedal.engine.live.midi.ports import QUEUE, Port, awaited, chosen
from dreampedal.engine.live.player.changes import Bypass, Program, Set

from ..gong import Gong


@pytest.fixture
def board():
    return Board([Gong(), Board([pedalboard.Reverb(), Gong()])])


@pytest.fixture
def midi(board):
    return Midi(lambda: board)


def hear(midi, *packets):
    """What the input has read."""
    for packet in packets:
        midi.receive(time.perf_counter(), list(packet))


def moved(midi, board, *messages):
    """What messages do to a board that takes every change at once."""
    done = []
    for message in messages:
        for change in midi.handle(message, board):
            if isinstance(change, Set):
                setattr(board[0], change.name, change.value)
            done.append(change)
    return done


def test_messages_come_with_their_times_up_to_the_one_asked_for(midi):
    before = time.perf_counter()
    hear(midi, [0xB0, 74, 1], [0xC0, 5])
    between = time.perf_counter()
    hear(midi, [0xE0, 0, 64])
    taken = midi.take(between)
    assert [message for _, message in taken] == [ControlChange(1, 74, 1), ProgramChange(1, 5)]
    assert before <= taken[0][0] <= taken[1][0] <= between
    assert midi.take(between) == [], "the later one waits"
    assert [message for _, message in midi.take(time.perf_counter())] == [PitchBend(1, 0)]
    assert (midi.received, midi.malformed, midi.dropped) == (3, 0, 0)


@given(st.lists(st.lists(st.integers(0, 255), max_size=20), max_size=40))
def test_no_bytes_stop_it(packets):
    board = Board([Gong()])
    midi = Midi(lambda: board)
    midi.mappings = [
        Mapping("cc:74", "0", "level_db"),
        Mapping("bend", "0", "shape"),
        Mapping("note:60", action="bypass"),
        Mapping("cc14:1", "0", "level_db"),
        Mapping("nrpn:1", "0", "shape"),
        Mapping("rel:20:sign", "0", "voices"),
        Mapping("pressure", "0", "bright"),
        Mapping("key_pressure:1", "0", "ring_seconds"),
        Mapping("transport", "0", "bright"),
    ]
    midi.learn("0", "voices", pickup=False)
    hear(midi, *packets)
    for _, message in midi.take(time.perf_counter()):
        moved(midi, board, message)
    assert midi._queue.maxlen == QUEUE and not midi._queue


def test_a_flood_loses_the_oldest_and_counts_them(midi):
    hear(midi, *([0xB0, number % 120, number // 120 % 128] for number in range(QUEUE + 1000)))
    assert midi.dropped == 1000
    taken = [message for _, message in midi.take(time.perf_counter())]
    assert len(taken) == QUEUE
    assert taken[0] == ControlChange(1, 1000 % 120, 1000 // 120)
    assert (midi.dropped, midi.received) == (1000, QUEUE)


def test_the_next_knob_that_moves_is_learned(midi, board):
    midi.learn(board[0], "level_db", low=0, high=12.7, pickup=False)
    assert midi.learning and not midi.mappings
    hear(midi, [0x90, 60, 1], [0xB3, 123, 0], [0xB3, 74, 20])
    messages = [message for _, message in midi.take(time.perf_counter())]
    assert moved(midi, board, *messages) == [Set("0", "level_db", pytest.approx(2.0))]
    assert midi.learning is None
    assert midi.mappings == [Mapping("cc:74@4", "0", "level_db", low=0, high=12.7, pickup=False)]
    assert moved(midi, board, ControlChange(1, 74, 30)) == [], "on its channel"


def test_learning_again_takes_the_place_of_what_was_learned(midi, board):
    for source in (ControlChange(1, 74, 1), PitchBend(2, 5)):
        midi.learn("0", "level_db")
        moved(midi, board, source)
    midi.learn("1.1", "level_db")
    moved(midi, board, PitchBend(2, 5))
    assert [(each.source, each.effect) for each in midi.mappings] == [("bend@2", "0"), ("bend@2", "1.1")]


@pytest.mark.parametrize("first, second", [(1, 33), (33, 1)])
def test_three_pairs_are_learned_as_14_bits(midi, board, first, second):
    midi.learn("0", "level_db", pickup=False)
    for lower in (3, 9, 20):
        values = {1: 64, 33: lower}
        assert [each.source for each in midi.mappings] in ([], [f"cc:{first}@1"])
        moved(midi, board, ControlChange(1, first, values[first]), ControlChange(1, second, values[second]))
    assert [each.source for each in midi.mappings] == ["cc14:1@1"]
    assert board[0].level_db == pytest.approx(-24 + 48 * (64 * 128 + 20) / 16383)


@pytest.mark.parametrize("then", [
    [ControlChange(1, 33, 5)],
    [ControlChange(1, 1, 5), ControlChange(1, 33, 5)],
    [ControlChange(2, 33, 5), ControlChange(1, 33, 5)],
    [ControlChange(1, 33, 127), ControlChange(1, 1, 5), ControlChange(1, 33, 0), ControlChange(1, 1, 6)],
    [ControlChange(1, 34, 5), ControlChange(1, 33, 5)],
])  # fmt: skip
def test_what_comes_later_is_another_knob(midi, board, then):
    midi.learn("0", "level_db")
    moved(midi, board, ControlChange(1, 1, 4), *then)
    assert [each.source for each in midi.mappings] == ["cc:1@1"]


def test_controllers_from_64_on_are_no_pairs(midi, board):
    midi.learn("0", "level_db")
    moved(midi, board, ControlChange(1, 64, 4), ControlChange(1, 96, 4))
    assert [each.source for each in midi.mappings] == ["cc:64@1"]


def test_learning_can_be_called_off(midi, board):
    midi.learn("0", "level_db")
    midi.cancel()
    assert moved(midi, board, ControlChange(1, 74, 1)) == [] == midi.mappings


def test_a_sequencer_moves_a_parameter_between_its_ends(midi, board):
    midi.map("transport", "0", "level_db", low=-12, high=0)
    moved(midi, board, Transport(0, False))
    assert board[0].level_db == -12, "at once: it has no travel on which it could be picked up"
    assert moved(midi, board, Transport(0, True), Transport(0, True)) == [Set("0", "level_db", 0.0)]


def test_a_sequencer_can_be_learned_for_bypass_when_it_starts_and_by_no_parameter(midi, board):
    midi.learn("0", "level_db")
    moved(midi, board, Transport(0, True))
    assert midi.learning is not None, "musicians start theirs while they look for a knob"
    midi.learn(action="bypass")
    assert moved(midi, board, Transport(0, False)) == []
    assert moved(midi, board, Transport(0, True), Transport(0, False)) == [Bypass(True), Bypass(False)]
    assert [each.source for each in midi.mappings] == ["transport"]


def test_a_key_can_be_learned_for_bypass(midi, board):
    midi.learn(action="bypass")
    assert moved(midi, board, PitchBend(1, 4), NoteOn(1, 60, 9)) == [Bypass(True)]
    assert midi.mappings == [Mapping("note:60@1", action="bypass")]


def test_mapping_by_hand(midi, board):
    midi.map("cc:74", board[0], "level_db")
    midi.map("cc:74", 0, "level_db", high=0)
    midi.map("cc:75", "0", "level_db")
    midi.map("cc:74", board[1][1], "shape")
    midi.map("note:60", action="bypass")
    assert [(each.source, each.effect, each.high) for each in midi.mappings] == [
        ("cc:74", "0", 0), ("cc:75", "0", None), ("cc:74", "1.1", None), ("note:60", "", None),
    ]  # fmt: skip
    midi.unmap(board[0], "level_db")
    midi.unmap(action="bypass")
    assert [each.target for each in midi.mappings] == [("1.1", "shape")]
    for wrong in ({"effect": "0", "parameter": "level_db"}, {"action": "bypass"}):
        with pytest.raises(ValueError, match="nothing is mapped to"):
            midi.unmap(**wrong)


def test_what_cannot_be_mapped_is_said_at_once(midi):
    with pytest.raises(ValueError, match="is not on the board that plays"):
        midi.learn(Gong(), "level_db")
    with pytest.raises(ValueError, match=r"^parameter = 'lvl_db'"):
        midi.learn("0", "lvl_db")
    with pytest.raises(ValueError, match=r"^source = 'cc'"):
        midi.map("cc", "0", "level_db")
    assert midi.learning is None and not midi.mappings


def test_another_map_keeps_where_the_knobs_stand(midi, board):
    """So that a knob just below the new preset's value is picked up on its way up."""
    midi.mappings = [Mapping("cc:74", "0", "level_db", low=0, high=12.7)]
    moved(midi, board, ControlChange(1, 74, 49))
    board[0] = Gong(level_db=5.0)
    midi.mappings = [Mapping("cc:74", "0", "level_db", low=0, high=12.7)]
    assert moved(midi, board, ControlChange(1, 74, 51)) == [Set("0", "level_db", pytest.approx(5.1))]
    assert [(knob.position, knob.picked_up) for knob in midi.knobs] == [(51 / 127, True)]


def test_a_program_change_asks_for_a_preset(midi, board):
    midi.learn("0", "level_db")
    assert midi.handle(ProgramChange(3, 7), board) == [Program(7)]
    assert midi.learning, "and is no knob"


NAMES = [
    "Midi Through:Midi Through Port-0 14:0",
    "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0",
    "nanoPAD2:nanoPAD2 MIDI 1 24:0",
]


@pytest.mark.parametrize("wanted, number", [
    ("nanopad", 2), ("Through", 0), (2, 2), (NAMES[1], 1), ("nanoKONTROL2:nanoKONTROL2 MIDI 1", 1),
])  # fmt: skip
def test_an_input_by_name_part_of_a_name_or_number(wanted, number):
    assert chosen(wanted, NAMES) == number


def test_a_number_may_come_as_a_text_where_no_name_has_it():
    assert chosen("1", ["Keys", "Pads"]) == 1
    assert chosen("1", ["Keys 1", "Pads"]) == 0


@pytest.mark.parametrize("wanted, said", [
    ("nano", "MIDI input 'nano' is one of several: 1 = nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0, 2 = nanoPAD2"),
    ("launch", "no MIDI input named 'launch': there are 0 = Midi Through:Midi Through Port-0 14:0, 1 = nano"),
    (3, "no MIDI input 3: there are 0 = Midi"),
    (-1, "no MIDI input -1: there are 0 = Midi"),
])  # fmt: skip
def test_an_input_that_is_not_meant_clearly(wanted, said):
    with pytest.raises(ValueError) as caught:
        chosen(wanted, NAMES)
    assert str(caught.value).startswith(said)


def test_equal_names_are_told_apart_by_number():
    assert chosen(1, ["Keys", "Keys"]) == 1
    with pytest.raises(ValueError, match="0 = Keys, 1 = Keys"):
        chosen("Keys", ["Keys", "Keys"])


def test_a_device_plugged_in_again_has_another_address():
    wanted = Port(2, 1, "Keys:Keys MIDI 1 20:0")
    back = Port(2, 2, "Keys:Keys MIDI 1 28:0")
    others = [Port(2, 0, NAMES[0]), Port(2, 1, NAMES[1])]
    assert awaited(wanted, others) is None
    assert awaited(wanted, [*others, back]) == back
    assert awaited(wanted, [back, wanted]) == wanted, "the same one of two"


def test_any_input_will_do_but_none_that_only_passes_on():
    assert awaited(None, [Port(2, 0, NAMES[0])]) is None
    assert awaited(None, [Port(3, 0, "dreampedal:out"), Port(2, 1, NAMES[2])]) == Port(2, 1, NAMES[2])


@given(
    st.lists(st.floats(1e-4, 0.3), min_size=1, max_size=50),
    st.floats(0.001, 0.05),
    st.floats(0, 10),
)
def test_times_lie_between_the_reads_that_enclose_them_and_keep_their_distances(gaps, period, start):
    came = [start + sum(gaps[: n + 1]) for n in range(len(gaps))]
    clock, late, last = Clock(), [], came[0]
    for read, together in groupby(came, lambda at: at // period):
        part = list(together)
        times = clock.times([at - before for before, at in pairwise([last, *part])], read * period, (read + 1) * period)
        last = part[-1]
        late += [[told - at for told, at in zip(times, part, strict=True)]]
        assert read * period - 1e-9 <= times[0] and times[-1] <= (read + 1) * period + 1e-9
        assert late[-1] == pytest.approx([late[-1][0]] * len(part), abs=1e-9), (
            "what is read at once keeps its distances"
        )
    errors = [abs(part[0]) for part in late]
    assert all(error <= period + 1e-9 for error in errors)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(errors)), "ever better"


def test_rtmidi_is_loaded_when_an_input_is_looked_for():
    code = "import sys, dreampedal.engine.live.midi.control as m; m.Midi(); sys.exit('rtmidi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
