"""Blocks and the callbacks that bring them: nothing is late for want of blocks, and the latency is what is told."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.exchange.pacing import (
    LARGEST_PIECE,
    SMALLEST_BLOCK,
    USUAL_BLOCK,
    Pacing,
    paced,
    usual_block,
)

from ..desk import late_by

RATE = 48_000
PERIODS = [16, 24, 32, 64, 100, 128, 256, 480, 512, 940, 1000, 1024, 1025, 1201, 1500, 1880, 2048, 3000, 4096]
BLOCKS = [None, 32, 64, 100, 128, 300, 441, 512, 1000, 1024, 1500, 2048, 4096]


def pieces(period):
    """A server's period as PortAudio hands it over."""
    whole, rest = divmod(period, LARGEST_PIECE)
    return (LARGEST_PIECE,) * whole + (rest,) * (rest > 0)


class Server:
    """A server that calls once a period, and a worker that inverts blocks and needs a whole period for them."""

    def __init__(self, pacing, channels=1, latency=0):
        self.pacing = pacing
        self.exchange = Exchange(
            RATE, channels, pacing.block_size, latency, pacing.buffer_blocks, callbacks=pacing.callbacks
        )
        self.done = 0

    def plays(self, audio):
        """What comes out of whole periods; the worker is done just before the next one begins."""
        heard, at = [], 0
        callbacks = self.pacing.callbacks or (self.pacing.block_size,)
        for turn in range(audio.shape[1] // sum(callbacks)):
            now = 1000.0 + turn * sum(callbacks) / RATE
            self.work(self.exchange.captured)
            for number, samples in enumerate(callbacks):
                out = np.empty((samples, audio.shape[0]), np.float32)
                block = np.ascontiguousarray(audio[:, at : at + samples].T)
                self.exchange.swap(block, out, now + number * 1e-5)
                heard.append(out.T)
                at += samples
        return np.concatenate(heard, axis=1)

    def work(self, until):
        for block in range(self.done, until):
            self.exchange.publish(block, -self.exchange.captured_block(block))
        self.done = max(self.done, until)


def noise(samples, channels=1):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def least_time(pacing, blocks=2000):
    """Samples from a block's arrival to the callback that wants its result, at least: counted, not reckoned."""
    ends = np.cumsum(np.tile(pacing.callbacks, ceil(blocks * pacing.block_size / pacing.period) + 1))
    # The period in which the callback lies that makes each block whole.
    turn = np.searchsorted(ends, np.arange(1, blocks) * pacing.block_size) // len(pacing.callbacks)
    return int((turn[pacing.buffer_blocks :] - turn[: -pacing.buffer_blocks]).min()) * pacing.period


@pytest.mark.parametrize("period", PERIODS)
def test_no_block_is_late_of_a_worker_that_needs_a_whole_period(period):
    for block in BLOCKS:
        pacing = paced(block, 1, pieces(period))
        server = Server(pacing)
        audio = noise((pacing.delay // period + 9) * period)
        np.testing.assert_array_equal(server.plays(audio), late_by(-audio, pacing.delay))
        assert server.exchange.counted("late_blocks") == 0
        assert pacing.delay == server.exchange.latency + server.exchange.adaption
        assert pacing.allowed == least_time(pacing) >= period


@pytest.mark.parametrize("period", [256, 1024, 1500, 4096])
@pytest.mark.parametrize("block", [32, 128, 300])
def test_one_buffer_less_would_be_late_again_and_again(period, block):
    enough = paced(block, 1, pieces(period))
    assert enough.buffer_blocks == ceil(period / block) and least_time(enough) == period
    if enough.buffer_blocks > 1:
        few = Server(Pacing(block, enough.buffer_blocks - 1, pieces(period)))
        few.plays(noise(20 * period))
        assert few.exchange.counted("late_blocks") >= 5


def test_the_usual_block_is_the_period_or_fits_it():
    for period in range(8, 8193):
        block = usual_block(pieces(period))
        pacing = paced(None, 1, pieces(period))
        assert SMALLEST_BLOCK <= block == pacing.block_size <= LARGEST_PIECE
        assert period > LARGEST_PIECE or block == period or (period < SMALLEST_BLOCK and block < 2 * SMALLEST_BLOCK)
        assert pacing.buffer_blocks * block < 2 * max(period, block)
        assert pacing.allowed >= period
        if SMALLEST_BLOCK <= period <= LARGEST_PIECE or period % LARGEST_PIECE == 0:
            assert pacing.delay == period, "nothing is later than it has to be"


@settings(max_examples=60)
@given(
    callbacks=st.lists(st.integers(1, 700), min_size=1, max_size=4).map(tuple),
    block=st.integers(32, 900),
    buffers=st.integers(1, 3),
    channels=st.sampled_from([1, 2]),
)
def test_any_callbacks_and_any_block_are_as_late_as_told(callbacks, block, buffers, channels):
    """Callbacks of any sizes, also those that PortAudio would not make of a period."""
    pacing = paced(block, buffers, callbacks)
    assert pacing.buffer_blocks >= buffers
    audio = noise((pacing.delay // pacing.period + 12) * pacing.period, channels)
    server = Server(pacing, channels)
    np.testing.assert_array_equal(server.plays(audio), late_by(-audio, pacing.delay))
    assert server.exchange.counted("late_blocks") == 0 and pacing.allowed <= least_time(pacing)


def test_without_a_server_blocks_are_as_they_are_asked_for():
    assert paced(None, 1) == Pacing(USUAL_BLOCK, 1) and paced(64, 3) == Pacing(64, 3)
    assert paced(64, 1).delay == paced(64, 1).allowed == 64
    assert paced(128, 1, burst=8) == Pacing(128, 8)


def test_a_device_that_changes_its_callbacks_is_played_on():
    """All samples of the input are there, in order, whatever comes: later where callbacks are no whole blocks."""
    pacing = paced(None, 1, (256,))
    server, audio, heard, at = Server(pacing), noise(60_000), [], 0
    for samples in [*(256,) * 20, *(100,) * 200, *(256,) * 20]:
        out = np.empty((samples, 1), np.float32)
        server.exchange.swap(np.ascontiguousarray(audio[:, at : at + samples].T), out, at / RATE)
        server.work(server.exchange.captured)
        heard.append(out[:, 0])
        at += samples
    heard = np.concatenate(heard)
    assert server.exchange.adaption == 256 - 4 and pacing.adaption == 0
    np.testing.assert_array_equal(heard[: 256 * 20], late_by(-audio, 256)[0, : 256 * 20])
    changed = slice(256 * 21, at)
    np.testing.assert_array_equal(heard[changed], late_by(-audio, 256 + 252)[0, changed])


@pytest.mark.parametrize("period, block", [(1024, 128), (4096, 1024), (1500, 300), (128, 512), (256, 256)])
def test_how_samples_come_is_seen(period, block):
    server = Server(paced(block, 1, pieces(period)))
    assert server.exchange.together == server.exchange.usually_together == 0
    server.plays(noise(20 * period))
    assert server.exchange.together == server.exchange.usually_together == period
    assert server.pacing.fits(period) and not server.pacing.fits(2 * period)
    server.exchange.begin_anew()
    assert server.exchange.together == 0


def test_when_each_block_of_a_burst_was_captured():
    server = Server(paced(128, 1, (1024,)))
    server.plays(noise(3 * 1024))
    began = 1000.0 + np.repeat(np.arange(3), 8) * 1024 / RATE
    np.testing.assert_array_equal(server.exchange.arrivals[:24], began)
    np.testing.assert_allclose(server.exchange.ends[:24], began - np.tile(np.arange(7, -1, -1), 3) * 128 / RATE)
