"""MIDI through a real server: what one program sends, another's knobs hear."""

import subprocess
import sys
import time
from itertools import combinations

import numpy as np
import pytest

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.midi.messages import ControlChange, NoteOff, NoteOn, PitchBend, ProgramChange

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

RATE = 48_000
CLOCK_SECONDS = 0.001
"""By which JACK's clock and Python's may differ within a second or two."""


@pytest.fixture
def midi(rig):
    midi = Midi(lambda: Board())
    yield midi
    midi.close()


@pytest.fixture
def plug(rig):
    """Another program's output: a function from its name to something with `send_message` and `delete`."""
    import rtmidi

    plugged = []

    def output(name):
        plugged.append(rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name))
        plugged[-1].open_virtual_port("out")
        return plugged[-1]

    yield output
    for each in plugged:
        each.delete()


def heard(midi, enough=1, seconds=30.0):
    """Messages as they come, until there are enough or the time is over."""
    found, until = [], time.perf_counter() + seconds
    while len(found) < enough and time.perf_counter() < until:
        time.sleep(0.002)
        found += midi.take(time.perf_counter())
    return [message for _, message in found]


def told(output, data, midi, tries=50):
    """The first message that is heard of an output, which sends until its connection is there."""
    for _ in range(tries):
        output.send_message(data)
        if found := heard(midi, seconds=0.1):
            return found[0]
    return None


def settled(look, expected, seconds=30.0):
    """What `look` gives, as soon as it is `expected` or when the time is over."""
    until = time.perf_counter() + seconds
    while (found := look()) != expected and time.perf_counter() < until:
        time.sleep(0.02)
    return found


def test_messages_come_in_order_and_apart_in_time(rig, midi):
    assert midi.open("instrument:kno") == "instrument:knobs" == midi.name
    places = [4_800, 9_600, 9_700, 24_000, 43_200]
    sent = [[0xB0, 74, 5], [0xE0, 0, 64], [0xC0, 3], [0x91, 60, 9], [0x81, 60, 0]]
    begin = time.perf_counter()
    rig.play(np.zeros((1, RATE), np.float32), list(zip(places, sent, strict=True)))
    midi.take(begin)
    taken = midi.take(time.perf_counter())
    end = time.perf_counter()
    assert [message for _, message in taken] == [
        ControlChange(1, 74, 5), PitchBend(1, 0), ProgramChange(1, 3), NoteOn(2, 60, 9), NoteOff(2, 60),
    ]  # fmt: skip
    times = [at for at, _ in taken]
    assert begin <= times[0] and times == sorted(times) and times[-1] <= end
    # A busy machine holds the server up, so they are as far apart as they were sent, each within one of its cycles.
    told = combinations(zip(times, rig.sent, strict=True), 2)
    for (first, (first_begins, first_ends)), (last, (begins, ends)) in told:
        assert begins - first_ends - CLOCK_SECONDS <= last - first <= ends - first_begins + CLOCK_SECONDS
    assert rig.sent[-1][0] - rig.sent[0][1] > 0.1
    assert (midi.received, midi.malformed, midi.dropped) == (5, 0, 0)


def test_an_input_that_goes_is_opened_again_when_it_comes(midi, plug):
    knobs = plug("pedals")
    assert midi.open("pedals") == "pedals:out"
    assert told(knobs, [0xB0, 1, 1], midi) == ControlChange(1, 1, 1)
    knobs.delete()
    assert settled(midi.check, "") == "" == midi.name
    plug("others")
    assert midi.check() == "", "no other will do"
    knobs = plug("pedals")
    assert settled(midi.check, "pedals:out") == "pedals:out"
    heard(midi, 99, seconds=0.1)
    assert told(knobs, [0xB0, 1, 2], midi) == ControlChange(1, 1, 2)


def test_the_first_input_that_comes_will_do_where_none_is_named(rig, midi):
    assert midi.open() == "instrument:knobs"
    assert "instrument:knobs" in midi.names()


def test_a_name_that_is_not_there_or_not_clear(midi, plug):
    plug("pad")
    plug("padded")
    with pytest.raises(ValueError, match=r"^MIDI input 'pad' is one of several: \d = pad:out, \d = padded:out; use"):
        midi.open("pad")
    with pytest.raises(ValueError, match=r"^no MIDI input named 'organ': there are 0 = instrument:knobs, "):
        midi.open("organ")
    assert midi.open("pad:") == "pad:out"


def test_a_virtual_input_waits_for_others(rig, midi):
    import rtmidi

    assert midi.open("knobs in", virtual=True, api="jack") == "knobs in"
    sender = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="sender")
    try:
        ours = [port for port in sender.get_ports() if port.endswith(":knobs in")]
        assert len(ours) == 1 and ours[0].startswith("dreampedal")
        sender.open_port(sender.get_ports().index(ours[0]))
        assert told(sender, [0xB5, 7, 100], midi) == ControlChange(6, 7, 100)
    finally:
        sender.delete()


def test_malformed_midi_is_counted_and_what_follows_is_heard(midi, plug):
    knobs = plug("broken")
    midi.open("broken")
    assert told(knobs, [0xB0, 74, 0], midi)
    heard(midi, 99, seconds=0.1)
    for raw in (
        [0xB0, 74],
        [0xB0, 74, 1],
        [74, 2],
        [0xF8],
        [0xB0, 200, 1],
        [74, 3],
        [0xF0, *[1] * 5000, 0xF7],
        [0xB0, 74, 4],
    ):
        knobs.send_message(raw)
        time.sleep(0.01)
    assert heard(midi, 3) == [ControlChange(1, 74, value) for value in (1, 2, 4)]
    assert midi.malformed == 3


def test_a_sysex_with_no_end_is_ended(midi, plug):
    knobs = plug("dump")
    midi.open("dump")
    assert told(knobs, [0xB0, 74, 0], midi)
    heard(midi, 99, seconds=0.1)
    knobs.send_message([0xF0, 1, 2, 3])
    knobs.send_message([0xB0, 74, 1])
    assert heard(midi, seconds=0.3) == [], "swallowed by RtMidi"
    midi.check()
    midi.check()
    assert told(knobs, [0xB0, 74, 2], midi) == ControlChange(1, 74, 2)


FLOOD = """
import select, sys, time, rtmidi
flood = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="flood")
flood.open_virtual_port("out")
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for value in range(50):
        flood.send_message([0xB0, 1, value])
    time.sleep(0.002)
flood.delete()
"""

OPENED_AND_CLOSED = """
import time
from dreampedal.engine.live.midi.control import Midi
midi = Midi()
heard = 0
for _ in range(15):
    assert midi.open("flood") == "flood:out"
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        heard += len(midi.take(time.perf_counter()))
        time.sleep(0.003)
    midi.close()
midi.open("flood")
print(heard > 100)
"""


def test_opening_and_closing_under_a_flood_does_not_hang(rig):
    """With a callback into Python, the second opening hung for ever."""
    rig.restart(waits=False)  # as JACK runs by default: one that waits would wait for clients that are closing
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    flood = subprocess.Popen([sys.executable, "-c", FLOOD], **pipes)
    try:
        assert flood.stdout.readline() == "ready\n"
        done = subprocess.run(
            [sys.executable, "-c", OPENED_AND_CLOSED], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        flood.communicate()
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_an_interface_that_is_not_there(midi):
    with pytest.raises(ValueError, match=r"^MIDI interface 'oss': expected one of .*jack"):
        midi.open("knobs", api="oss")
