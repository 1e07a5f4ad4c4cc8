"""Devices that are not there, that go away, and that come back."""

import signal
import time

import numpy as np
import pytest
from pedalboard import Gain, Invert

from dreampedal import Board, Dream, LiveStream
from dreampedal.engine.live.device.duplex import DuplexDevice

from .stage import Witness, delayed, on_stage, until

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


RESERVE = 96
"""Blocks, a quarter of a second: a machine that is busy for a moment is late all the same in time."""


def played(rig, board):
    """A stream on the instrument that has time enough."""
    return on_stage(rig, board, buffer_blocks=RESERVE)


def exact(rig, live, audio, sign=1):
    """Whether the instrument hears itself, as late as is reported; a machine that was busy gets another try."""
    later = live.latency + rig.block_size
    audio = np.pad(audio, ((0, 0), (0, later)))
    for _ in range(5):
        before = live.report().late_blocks
        heard = rig.play(audio)
        if live.report().late_blocks == before:
            break
    return np.array_equal(heard[:, later:], sign * audio[:, :-later])


@pytest.fixture
def audio(clip):
    return 0.5 * np.resize(clip("solo_egtr_em9")[0], (2, 6_000))


def test_a_device_that_has_fewer_channels_than_before_is_looked_at_twice(rig):
    """A program that comes back makes its ports one by one; who connects meanwhile has its channels changed about."""
    device, channels = DuplexDevice(rig.DEVICE, rig.DEVICE, None, 2), rig.channels
    try:
        rig.kill()
        rig.channels = 2
        rig.start()
        with pytest.raises(ValueError, match=f"2 of {channels} inputs and 2 of {channels} outputs so far"):
            device.find_again()
        assert device.input.inputs == channels
        device.find_again()
        assert (device.input.inputs, device.output.outputs) == (2, 2)
    finally:
        rig.channels = channels
        rig.restart()
    device.find_again()
    assert (device.input.inputs, device.output.outputs) == (channels, channels)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_device_that_vanishes_is_opened_again_when_it_comes_back(rig, audio, how):
    with played(rig, Invert()) as live:
        latency = live.latency
        assert exact(rig, live, audio, -1)
        for times in (1, 2):
            rig.kill(how)
            until(lambda: rig.DEVICE in live.report().message)
            assert live.running
            live.bypass = True
            live.bypass = False
            rig.start()
            until(lambda times=times: live.report().restarts == times)
            assert live.report().message == ""
            assert [event.kind for event in live.report().events].count("restart") == times
            until(lambda: exact(rig, live, audio, -1))
        assert live.latency == latency
    assert not live.running


def test_a_preset_that_is_asked_for_while_the_cable_is_out_plays_when_it_is_in(rig, audio):
    with played(rig, Board([Invert()])) as live:
        live.replace(Board([Gain(gain_db=0)]), "straight")
        rig.kill()
        until(lambda: live.report().message)
        live.replace(Board([Gain(gain_db=0), Invert(), Invert()]), "twice")
        rig.start()
        until(lambda: live.report().restarts == 1)
        rig.play(np.zeros((2, 12_000)))
        until(lambda: live.name == "twice")
        until(lambda: exact(rig, live, audio))


def test_a_server_that_dies_does_not_hold_up_the_end(rig, audio):
    live = on_stage(rig, Board())
    live.start()
    rig.kill()
    begin = time.monotonic()
    live.stop()
    # PortAudio itself would wait for ten minutes.
    assert time.monotonic() - begin < 60
    assert not live.running
    rig.start()
    until(lambda: rig.connections())


def test_a_stream_may_be_stopped_and_started_again(rig, audio):
    live = played(rig, Board([Invert()]))
    for _ in range(3):
        with live:
            assert live.running
            assert exact(rig, live, audio, -1)
        assert not live.running
        assert not any("PortAudio" in name for name in rig.connections())


def test_two_streams_one_after_the_other(rig, audio):
    for sign, board in ((-1, Invert()), (1, Gain(gain_db=0))):
        with played(rig, board) as live:
            assert exact(rig, live, audio, sign)


def test_a_server_that_changes_its_block_size_is_followed(rig, audio):
    with played(rig, Board([Invert()])) as live:
        assert live.block_size == 128
        rig._ask("block_size", samples=256)
        until(lambda: live.report().restarts == 1)
        audio = np.pad(audio, ((0, 0), (0, live.latency + 1024)))
        heard = rig.play(audio)
        # The server's blocks are larger than ours now: PortAudio cuts them, and that takes time of its own.
        lags = [lag for lag in range(128, 1024, 128) if np.array_equal(heard, -delayed(audio, live.latency + lag))]
        assert lags or live.report().late_blocks


def test_a_server_at_another_rate_says_so_and_plays_at_its_own(rig, audio):
    rig.restart(rate=44_100)
    rig.block_size = 128
    with pytest.raises(ValueError, match=r"instrument refuses 48000 Hz.*it prefers 44100 Hz"):
        on_stage(rig, Board(), sample_rate=48_000)
    with played(rig, Board([Invert()])) as live:
        assert live.sample_rate == 44_100
        assert exact(rig, live, audio, -1)


def test_what_cannot_be_opened_is_refused_in_one_line(rig):
    for options, words in (
        ({"input": "Scarlett"}, r"no audio input named 'Scarlett': there are 0 = system"),
        ({"output": "instrumint"}, r"no audio output named 'instrumint': did you mean 'instrument'\?"),
        ({"input": 17}, "no audio device 17: there are 0 = system, JACK"),
        ({"output": "jack"}, "audio output 'jack' is one of several: 0 = system"),
        ({"sample_rate": 96_000}, "instrument refuses 96000 Hz"),
        ({"channels": 9}, "channels = 9: expected 1 to 8"),
        ({"input": "system", "output": "system", "channels": 5}, "5"),
        ({"block_size": 16}, "block_size = 16: expected at least 32"),
        ({"ceiling_db": 3}, "ceiling_db = 3"),
        ({"buffer_blocks": 0}, "buffer_blocks = 0"),
    ):
        with pytest.raises(ValueError, match=words) as refusal:
            on_stage(rig, Board(), **options)
        assert "\n" not in str(refusal.value)


def test_no_server_and_no_sound_card(rig):
    rig.kill()
    from dreampedal.engine.live.device import devices

    devices.refresh()
    if not devices.audio_devices():
        with pytest.raises(ValueError, match="no audio input on this machine: connect a sound card, or start a JACK"):
            LiveStream(Board())


def test_a_part_of_a_name_in_any_case_is_enough(rig, audio):
    with LiveStream(Board([Invert()]), input="INSTRU", output="ment", block_size=128, buffer_blocks=RESERVE) as live:
        assert live.input.name == live.output.name == "instrument"
        assert exact(rig, live, audio, -1)


def test_bypass_plays_the_dry_sound_and_panic_none(rig, clip):
    audio = 0.5 * np.resize(clip("solo_egtr_em9")[0], (2, 24_000)) + np.float32(0.01)
    with played(rig, Board([Witness(), Dream(target="class:flute")])) as live:
        live.bypass = True
        rig.play(audio)
        assert exact(rig, live, audio)
        live.panic()
        until(lambda: live.report().panicked)
        rig.play(audio[:, :1_000])
        assert not rig.play(audio).any()
        live.resume()
        until(lambda: (rig.play(audio[:, :2_000]) is not None) and not live.report().panicked)
        until(lambda: exact(rig, live, audio))
        live.bypass = False
        rig.play(audio)
        assert not exact(rig, live, audio)
    kinds = [event.kind for event in live.report().events]
    assert "panic" in kinds and "resume" in kinds
