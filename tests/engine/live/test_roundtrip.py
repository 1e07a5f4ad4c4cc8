"""A sweep that comes back is found at its sample, and what is none is not taken for it."""

import numpy as np
import pytest
from scipy.signal import lfilter

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.roundtrip import Probe, agrees, board_delay, found, sweep
from dreampedal.presets import load_preset, shipped_presets

RATE = 48_000


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("delay", [0, 1, 127, 4321])
@pytest.mark.any_recording
def test_a_delay_is_found_at_its_sample(rate, delay, clip):
    """Quiet, upside down, and under a recording as loud as itself."""
    wanted = sweep(rate)
    room, _ = clip("solo_piano")
    heard = np.zeros(wanted.size + 9000, np.float32)
    heard[delay : delay + wanted.size] = -0.1 * wanted
    noise = room[0, : heard.size] / np.sqrt(np.mean(room[0, : heard.size] ** 2)) * np.sqrt(np.mean((0.1 * wanted) ** 2))
    at, gain = found(heard + 0.5 * noise, wanted)
    assert at == delay and gain == pytest.approx(0.1, rel=0.1)


def test_a_loudspeaker_and_a_microphone_move_it_little():
    """A filter of first order on both sides of the spectrum, as cheap gear has it."""
    wanted = sweep(RATE)
    heard = np.pad(wanted, (500, 9000))
    heard = lfilter([0.3], [1, -0.7], lfilter([1, -1], [1, -0.98], heard)).astype(np.float32)
    assert abs(found(heard, wanted)[0] - 500) <= 2


@pytest.mark.parametrize("name", ["speech_female_en", "drums_break", "mix_death_metal"])
def test_a_recording_is_no_sweep(name, clip):
    audio, rate = clip(name)
    assert found(audio[0, : 2 * rate], sweep(rate)) == (0, 0.0)
    assert found(np.zeros(20_000, np.float32), sweep(rate)) == (0, 0.0)


@pytest.mark.parametrize("block", [32, 128, 1000])
@pytest.mark.parametrize("buffers", [1, 3])
@pytest.mark.parametrize("cable", [0, 77, 2000])
def test_the_way_through_a_stream_is_measured(block, buffers, cable):
    """The output of a stream's rings, `cable` samples later, is its input: the probe finds their sum."""
    probe = Probe(RATE, 1, seconds=3.2)
    stream = probe.stream(RATE, 1, block)
    exchange = Exchange(RATE, 1, block, 0, buffers)
    line = DelayLine(cable, 1)
    back = np.zeros((1, block), np.float32)
    for number in range(round(3.2 * RATE / block)):
        out = np.empty((block, 1), np.float32)
        exchange.swap(np.ascontiguousarray(back.T), out)
        exchange.publish(number, stream.process(exchange.captured_block(number)))
        back = np.array(line.process(np.ascontiguousarray(out.T)))
    delays = probe.delays()
    assert len(delays) == 3 and agrees(delays)
    # What is played in one callback comes back in the next at the earliest.
    assert delays[-1][0] == buffers * block + block + cable
    assert delays[-1][1] == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("name", sorted(shipped_presets()))
def test_every_preset_is_as_late_as_it_says(name):
    board = load_preset(name)
    assert board_delay(board, RATE) == board.latency_at(RATE)


def test_a_board_is_not_changed_by_being_measured():
    board = load_preset("bowed")
    before = repr(board)
    board_delay(board, RATE)
    assert repr(board) == before
    assert board_delay(Board(), RATE) == 0
