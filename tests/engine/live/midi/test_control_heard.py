"""From a knob to the sound, all the way: a message of one program changes what another records."""

import numpy as np
import pedalboard
import pytest

from dreampedal.engine.host.board import Board

from ..stage import on_stage

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

RATE, SIZE = 48_000, 128
RESERVE = 192
"""Blocks, half a second: where none is late, none is dry, and what changes is what a knob changed."""


def test_a_knob_is_heard_within_a_block_and_the_smoothing(rig):
    """The server hands over the message with the block that it lies in, so its place is known to a block."""
    places = np.arange(1, 9) * 9_600 + 37
    values = [0 if number % 2 == 0 else 127 for number in range(8)]
    board = Board([pedalboard.Gain(gain_db=0)])
    live = on_stage(rig, board, sample_rate=RATE, channels=1, buffer_blocks=RESERVE)
    live.midi.map("cc:7", board[0], "gain_db", low=-12, high=0, pickup=False)
    live.midi.open("instrument:knobs")
    with live:
        delay = live.latency + SIZE
        played = np.full((1, 10 * 9_600 + delay), 0.25, np.float32)
        messages = [(place, [0xB0, 7, value]) for place, value in zip(places, values, strict=True)]
        heard = rig.play(played, messages)[0]
        report = live.report()
    assert report.late_blocks == 0
    assert not heard[:delay].any() and heard[delay] == 0.25
    assert (report.midi_messages, report.midi_malformed) == (8, 0)
    changes = np.flatnonzero(np.abs(np.diff(heard[delay:])) > 1e-6)
    first = changes[np.flatnonzero(np.diff(changes, prepend=-RATE) > 4_000)]
    assert len(first) == 8
    late = first + 1 - places
    assert np.median(late) <= 2 * SIZE and late.min() > -SIZE
    settled = heard[delay + places + 4_800]
    assert settled == pytest.approx([0.25 * 10 ** (-12 / 20) if value == 0 else 0.25 for value in values], rel=1e-3)


def test_a_key_and_a_program_change_are_heard(rig):
    loud, soft = Board([pedalboard.Gain(gain_db=6)]), Board([pedalboard.Gain(gain_db=-6)])
    boards = {"loud": loud, "soft": soft}
    live = on_stage(
        rig, loud, sample_rate=RATE, channels=1, buffer_blocks=RESERVE, load=boards.__getitem__, presets=list(boards),
        name="loud",
    )  # fmt: skip
    live.midi.map("note:60", action="bypass")
    live.midi.open("instrument:knobs")
    with live:
        messages = [(24_000, [0x90, 60, 99]), (48_000, [0x80, 60, 0]), (72_000, [0xC0, 1]), (84_000, [0xC0, 99])]
        delay = live.latency + SIZE
        heard = rig.play(np.full((1, 3 * RATE + delay), 0.25, np.float32), messages)[0][delay:]
        assert live.report().preset == "soft", "and a number that no preset has changes nothing"
    level = [20 * np.log10(heard[place] / 0.25) for place in (20_000, 44_000, 68_000, 3 * RATE - 1)]
    assert level == pytest.approx([6, 0, 6, -6], abs=0.01)
