"""Server periods from 32 to 4,096 and blocks that divide, equal or do not divide them: heard through a real server."""

import numpy as np
import pytest
from pedalboard import Invert

from dreampedal import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.device import devices
from dreampedal.engine.live.device.arrivals import arrivals, server_callbacks
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering
from dreampedal.presets.playing import LiveStream

from ...stress import count
from .performance import build
from .stage import delayed, until

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

AT_LEAST = 0.04
"""Seconds that each cycle of the server takes, so that a worker has time on a busy machine, too."""


@pytest.fixture
def audio(clip):
    return 0.5 * np.resize(clip("solo_egtr_em9")[0], (2, 9_000))


def opened(rig, board, **options):
    return LiveStream(board, **({"input": rig.DEVICE, "output": rig.DEVICE} | options))


def heard_by(rig, live, audio):
    """What an instrument hears, up to the reported latency, and what it is expected to be: one more of the periods."""
    later = live.latency + rig.block_size
    audio = np.pad(audio, ((0, 0), (0, later)))
    return rig.play(audio), delayed(audio, later)


PAIRS = [
    (32, 100), (128, 1000), (256, None), (1024, 128), (1500, None), (4096, 1000), (480, 128), (4096, None), (32, None),
    (64, None), (128, 32), (256, 300), (480, None), (512, 128), (1024, None), (1024, 441), (2048, None), (2048, 512),
]  # fmt: skip


@pytest.mark.stress
@pytest.mark.parametrize("period, block", PAIRS[: count(len(PAIRS), 6)])
def test_what_is_heard_is_as_late_as_is_told_to_the_sample(rig, audio, period, block):
    """A board that changes nothing sounds alike dry and wet, so that the sound is whole whatever a scheduler does."""
    rig.block_size = period
    with opened(rig, Board(), block_size=block) as live:
        heard, expected = heard_by(rig, live, audio)
        report, ledger = live.report(), live.ledger
    np.testing.assert_array_equal(heard, expected)
    inside = sum(row.samples for row in ledger.rows if not row.name.startswith("device"))
    assert inside == live.latency == report.latency_samples
    assert (report.block_size, report.buffer_blocks) == (live.block_size, live.buffer_blocks)
    assert live.block_size * live.buffer_blocks >= period and report.late_bursts == report.restarts == 0
    if block is None and period in (256, 480, 512, 1024, 2048, 4096):
        assert live.latency == period


@pytest.mark.parametrize("period, block", [(1024, 128), (1024, 300), (4096, None)])
def test_blocks_that_come_in_bursts_are_all_played_wet(rig, audio, period, block):
    """A worker that has a whole period misses none; a machine that stalls for as long gets another try."""
    rig.block_size = period
    rig.slow(AT_LEAST)
    with opened(rig, Board([Invert()]), block_size=block) as live:
        for _ in range(5):
            heard, expected = heard_by(rig, live, audio)
            if np.array_equal(heard, -expected):
                break
    np.testing.assert_array_equal(heard, -expected)


def test_buffers_that_are_asked_for_are_the_least(rig, audio):
    rig.block_size = 512
    for asked, found in ((1, 4), (3, 4), (6, 6)):
        with opened(rig, Board(), block_size=128, buffer_blocks=asked) as live:
            heard, expected = heard_by(rig, live, audio)
        assert live.buffer_blocks == found and live.latency == found * 128
        np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("period, callbacks", [(480, (480,)), (1500, (1024, 476))])
def test_the_callbacks_of_a_server_are_looked_at(rig, period, callbacks):
    rig.block_size = period
    device = devices.find(rig.DEVICE, "output")
    assert server_callbacks(device, 48_000) == callbacks
    found = arrivals((device, device), 48_000, 0, 0.6, (2, 2))
    assert (found.samples, found.turns > 3) == (max(callbacks), True)
    assert found.together % period == 0, "one period at a time, or more where the machine was held up"
    assert server_callbacks(devices.find("system", "output"), 48_000) == callbacks


@pytest.mark.parametrize("before, after, block", [(128, 1024, None), (1024, 256, 64)])
def test_a_period_that_changes_is_followed(rig, audio, before, after, block):
    rig.block_size = before
    with opened(rig, Board([Invert()]), block_size=block) as live:
        first = live.report()
        live.bypass = True
        rig._ask("block_size", samples=after)
        until(lambda: live.report().restarts == 1)
        last = live.report()
        assert last.block_size * last.buffer_blocks >= after and last.block_size == (block or after)
        assert last.message == "" and last.seconds >= first.seconds and live.bypass
        assert f"blocks of {last.block_size} samples" in [e for e in last.events if e.kind == "restart"][-1].text
        heard, expected = heard_by(rig, live, audio)
    np.testing.assert_array_equal(heard[:, -4_000:], expected[:, -4_000:])


@pytest.mark.parametrize("period, block", [(1024, 128), (2048, 300)])
def test_a_take_of_blocks_in_bursts_is_rendered_as_it_was_heard(rig, audio, tmp_path, period, block):
    rig.block_size = period
    with opened(rig, Board([Invert()]), block_size=block, record=tmp_path) as live:
        heard, _ = heard_by(rig, live, audio)
    rendering = Rendering(read_take(live.take), build)
    found = np.concatenate(list(rendering), axis=1)
    assert rendering.as_heard
    header = read_take(live.take).header
    assert (header.block_size, header.buffer_blocks) == (live.block_size, live.buffer_blocks)
    first, begin = np.flatnonzero(heard.any(0))[0], np.flatnonzero(found.any(0))[0]
    samples = min(heard.shape[1] - first, found.shape[1] - begin)
    np.testing.assert_array_equal(found[:, begin : begin + samples], heard[:, first : first + samples])


def test_a_server_at_another_rate_is_played_at_its_own(rig, audio, tmp_path):
    with opened(rig, Board([Invert()]), record=tmp_path) as live:
        live.bypass = True
        rig.play(audio)
        rig.restart(rate=44_100, block_size=256)
        until(lambda: live.report().restarts == 1)
        report = live.report()
        assert live.sample_rate == report.sample_rate == 44_100 and live.block_size == 256
        assert report.message == "" and live.bypass
        until(lambda: np.array_equal(*heard_by(rig, live, audio)))
        live.bypass = False
        rig.play(audio)
    first, last = [read_take(take).header for take in live.takes]
    assert (first.sample_rate, first.block_size, last.sample_rate, last.block_size) == (48_000, 128, 44_100, 256)
    for take in live.takes:
        rendering = Rendering(read_take(take), build)
        assert sum(block.shape[1] for block in rendering) and rendering.as_heard


class Particular(Effect, family=True):
    """Plays what it hears, at 48 kHz and nothing else."""

    latency = 0

    def latency_at(self, sample_rate):
        if sample_rate != 48_000:
            raise ValueError(f"Particular refuses {sample_rate:g} Hz")
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return self

    def process(self, block):
        return block


def test_a_board_that_does_not_play_at_the_new_rate_plays_again_at_the_old(rig, audio):
    with opened(rig, Board([Particular(), Invert()])) as live:
        rig.restart(rate=44_100)
        until(lambda: "cannot be played: Particular refuses 44100 Hz" in live.report().message)
        assert live.running and live.sample_rate == 48_000
        rig.restart()
        until(lambda: live.report().restarts == 1)
        assert live.report().message == ""
        rig.slow(AT_LEAST)

        def plays_inverted():
            heard, expected = heard_by(rig, live, audio)
            return np.array_equal(heard, -expected)

        until(plays_inverted)


def test_a_server_at_another_rate_than_was_asked_for_is_told(rig, audio):
    with opened(rig, Board([Invert()]), sample_rate=48_000) as live:
        rig.restart(rate=44_100)
        until(lambda: "refuses 48000 Hz" in live.report().message)
        said = live.report().message
        assert said.startswith("instrument is back, and cannot be played: ") and "\n" not in said
        assert "it prefers 44100 Hz" in said and "48000 Hz were asked for" in said
        rig.restart()
        until(lambda: live.report().restarts == 1)
        assert live.report().message == ""
        live.bypass = True
        until(lambda: np.array_equal(*heard_by(rig, live, audio)))
