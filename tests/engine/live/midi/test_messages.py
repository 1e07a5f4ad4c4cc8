"""MIDI out of bytes: every cut gives the same, and nothing that comes can hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.live.midi.messages import (
    ChannelPressure,
    ControlChange,
    KeyPressure,
    NoteOff,
    NoteOn,
    PitchBend,
    ProgramChange,
    Transport,
)
from dreampedal.engine.live.midi.parser import Parser

DATA = st.integers(0, 127)
CHANNEL = st.integers(0, 15)


def voice(kind, size):
    return st.builds(
        lambda channel, data: [kind | channel, *data], CHANNEL, st.lists(DATA, min_size=size, max_size=size)
    )


VOICES = st.one_of(
    voice(0x80, 2), voice(0x90, 2), voice(0xA0, 2), voice(0xB0, 2), voice(0xC0, 1), voice(0xD0, 1), voice(0xE0, 2)
)
SYSEX = st.lists(DATA, max_size=30).map(lambda data: [0xF0, *data, 0xF7])
COMMON = st.one_of(
    DATA.map(lambda data: [0xF1, data]),
    st.tuples(DATA, DATA).map(lambda data: [0xF2, *data]),
    DATA.map(lambda data: [0xF3, data]),
    st.just([0xF6]),
)
REAL_TIME = st.sampled_from([0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF])


def plainly(message):
    """The obvious reading of one whole message."""
    if message[0] in (0xFA, 0xFB, 0xFC):
        return [Transport(0, message[0] != 0xFC)]
    kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if kind == 0x80 or (kind == 0x90 and message[2] == 0):
        return [NoteOff(channel, message[1])]
    if kind == 0x90:
        return [NoteOn(channel, message[1], message[2])]
    if kind == 0xA0:
        return [KeyPressure(channel, message[1], message[2])]
    if kind == 0xD0:
        return [ChannelPressure(channel, message[1])]
    if kind == 0xB0:
        return [ControlChange(channel, message[1], message[2])]
    if kind == 0xC0:
        return [ProgramChange(channel, message[1])]
    if kind == 0xE0:
        return [PitchBend(channel, message[1] + 128 * message[2] - 8192)]
    return []


@given(st.lists(st.one_of(VOICES, SYSEX, COMMON), max_size=20), st.data())
def test_any_cut_of_a_well_formed_stream_gives_the_same_messages(messages, data):
    stream, status = [], None
    for message in messages:
        running = message[0] == status and data.draw(st.booleans())
        stream += message[1:] if running else message
        status = message[0] if message[0] < 0xF0 else None
    between = data.draw(st.lists(REAL_TIME, max_size=8))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), min_size=len(between), max_size=len(between))))
    for at, byte in reversed(list(zip(places, between, strict=True))):
        stream.insert(at, byte)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parser = Parser()
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[start:stop])
    of_channels = [each for message in messages for each in plainly(message)]
    assert [each for each in found if not isinstance(each, Transport)] == of_channels
    of_the_system = [each for byte in between for each in plainly([byte])]
    assert [each for each in found if isinstance(each, Transport)] == of_the_system
    assert parser.malformed == 0


@given(st.lists(st.one_of(st.binary(max_size=12), st.lists(st.integers(0, 255), max_size=12)), max_size=30), VOICES)
def test_after_any_bytes_a_whole_message_is_heard(packets, message):
    parser = Parser()
    for packet in packets:
        for found in parser.feed(packet):
            assert all(0 <= value <= 127 for name, value in vars(found).items() if name in ("number", "velocity"))
            assert 1 <= found.channel <= 16 or isinstance(found, Transport)
    assert parser.feed(message) == plainly(message)


def test_a_sequencer_starts_in_the_midst_of_a_controller():
    assert Parser().feed([0xB0, 74, 0xFA, 1, 0xF8, 0xFC]) == [
        Transport(0, True), ControlChange(1, 74, 1), Transport(0, False),
    ]  # fmt: skip


def test_running_status_needs_no_status():
    parser = Parser()
    assert parser.feed([0xB0, 74, 1, 74, 2]) + parser.feed([74, 3]) == [
        ControlChange(1, 74, value) for value in (1, 2, 3)
    ]
    assert parser.feed([0xF2, 1, 2]) == [] == parser.feed([74, 4]), "a system message ends it"
    assert parser.malformed == 1


MALFORMED = {
    "cut short by the next packet": ([[0xB0, 74], [0xB0, 75, 1]], [ControlChange(1, 75, 1)], 1),
    "a data byte over 127, which would be a program change": (
        [[0xB0, 200, 1], [0xB0, 75, 1]],
        [ControlChange(1, 75, 1)],
        1,
    ),
    "a value over 127": ([[0xB0, 74, 0xC5, 3]], [], 1),
    "data and no status": ([[1, 2, 3], [4]], [], 1),
    "sysex with no end": ([[0xF0, 1, 2], [3], [0xB0, 75, 1]], [ControlChange(1, 75, 1)], 1),
    "sysex ended by a status": ([[0xF0, 1, 2, 0xB0, 75, 1]], [ControlChange(1, 75, 1)], 1),
    "an end of no sysex": ([[0xF7], [0xB0, 75, 1]], [ControlChange(1, 75, 1)], 0),
    "a song position cut short": ([[0xF2, 1], [0xB0, 75, 1]], [ControlChange(1, 75, 1)], 1),
    "nothing": ([[], []], [], 0),
    "a clock in the midst": ([[0xB0, 0xF8, 75], [0xFE], [1]], [ControlChange(1, 75, 1)], 0),
}


@pytest.mark.parametrize("packets, expected, malformed", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_counted_and_left_out(packets, expected, malformed):
    parser = Parser()
    assert [message for packet in packets for message in parser.feed(packet)] == expected
    assert parser.malformed == malformed


def test_a_flood_of_sysex_is_not_kept():
    parser = Parser()
    parser.feed([0xF0])
    for _ in range(1000):
        parser.feed(range(128))
    assert sum(len(value) for value in vars(parser).values() if isinstance(value, list)) == 0
    assert parser.feed([0xF7]) == [] and parser.feed([0xE0, 0, 0]) == [PitchBend(1, -8192)]


def test_ends_of_the_wheel():
    ends = Parser().feed([0xEF, 0, 0, 0, 64, 127, 127])
    assert ends == [PitchBend(16, -8192), PitchBend(16, 0), PitchBend(16, 8191)]
