"""What a live stream does to a sound, heard from outside: an instrument that plays into it and records from it."""

import numpy as np
import pytest
import sounddevice
from pedalboard import Compressor, Gain, Reverb

from dreampedal import Board, Dream
from dreampedal.engine.host.contract.parameters import parameters_of

from .stage import Witness, delay_of, delayed, on_stage

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

MODES = parameters_of(Dream)["mode"].choices if "mode" in parameters_of(Dream) else ("studio",)


def dream(mode, **values):
    return Dream(target="class:flute", **({"mode": mode} if "mode" in parameters_of(Dream) else {}), **values)


def bare_delay(rig, audio):
    """What the server adds to a callback that copies its input to its output."""

    def through(indata, outdata, frames, time, status):
        outdata[:] = indata

    with sounddevice.Stream(
        device=(rig.DEVICE, rig.DEVICE), samplerate=48_000, blocksize=0, channels=audio.shape[0], dtype="float32",
        callback=through, clip_off=True, dither_off=True,
    ):  # fmt: skip
        return delay_of(rig.play(audio), audio)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("block_size", [32, 64, 128, 256, 512, 1024])
def test_the_reported_latency_is_what_an_instrument_measures(rig, clip, block_size, mode):
    rig.block_size = block_size
    audio = 0.5 * np.resize(clip("solo_egtr_em9")[0], (2, 12_000))
    server = bare_delay(rig, audio)
    with on_stage(rig, Board([dream(mode, amount=0.0)]), block_size=block_size) as live:
        heard = rig.play(audio)
        report = live.report()
    assert delay_of(heard, audio) == live.latency + server
    assert live.latency == live.board.latency_at(48_000) + block_size == report.latency_samples
    # With amount 0 the dry sound comes out to the bit, late blocks or not.
    assert report.guard_hits == 0
    np.testing.assert_array_equal(heard, delayed(audio, live.latency + server))


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("buffer_blocks", [1, 3])
def test_any_number_of_channels_comes_back_on_its_own_wire(rig, clip, channels, buffer_blocks):
    audio = 0.5 * np.resize(clip("solo_egtr_em9")[0][0], (channels, 24_000))
    audio *= np.linspace(0.5, 1, channels, dtype=np.float32)[:, None]
    with on_stage(rig, Board(), channels=channels, buffer_blocks=buffer_blocks) as live:
        heard = rig.play(audio)
    np.testing.assert_array_equal(heard, delayed(audio, live.latency + rig.block_size))
    assert live.latency == buffer_blocks * rig.block_size


@pytest.mark.parametrize("name", ["solo_egtr_em9", "drums_break", "mix_orchestra_peer_gynt"])
def test_a_wet_board_sounds_as_it_does_offline(rig, clip, name):
    """Bit for bit, when no block was late: it has two thirds of a second, and a machine that stalls for longer gets
    another try."""
    rig.block_size = 512
    reserve = 64
    later = reserve * 512 + rig.block_size
    audio = np.pad(0.25 * np.resize(clip(name)[0], (2, 60_000)), ((0, 0), (0, later)))
    for _ in range(5):
        witness = Witness()
        board = Board([witness, Compressor(threshold_db=-20, ratio=3), dream(MODES[0], amount=1.0), Reverb(), Gain(-3)])
        with on_stage(rig, board, block_size=512, buffer_blocks=reserve) as live:
            heard = rig.play(audio)
            report = live.report()
        if report.late_blocks == report.held_hops == 0:
            break
    assert report.late_blocks == report.held_hops == report.skipped_blocks == report.guard_hits == 0
    first = witness.notes["first"] // 512 * 512
    stream = board.stream(48_000, 2, 512)
    silence = np.zeros((2, first), np.float32)
    signal = np.concatenate([silence, audio], axis=1)
    wet = [np.array(stream.process(block)) for block in np.split(signal, range(512, signal.shape[1], 512), axis=1)]
    wet = np.concatenate(wet, axis=1)[:, first:]
    np.testing.assert_array_equal(heard[:, later:], wet[:, :-later])
    assert np.abs(wet).max() > 0.01
