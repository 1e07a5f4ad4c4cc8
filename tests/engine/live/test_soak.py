"""Hours of blocks through the end of a live stream, faster than real time, with all that a day on stage can bring.

Four minutes' worth in the suite; `make soak` plays eight hours' worth (SOAK_HOURS).
"""

import os
import sys

import numpy as np
import pytest
from pedalboard import Distortion, Gain, Reverb

from dreampedal import Board, Dream
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.device.connection import Connection
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.player.changes import Bypass
from dreampedal.engine.live.player.player import BoardPlayer

from .heap import allocated_bytes

pytestmark = pytest.mark.any_recording

RATE, BLOCK, CHANNELS = 48_000, 128, 2
HOURS = float(os.environ.get("SOAK_HOURS", 1 / 15))
CEILING = np.float32(10 ** (-1 / 20))


class Outburst(Effect, family=True):
    """Adds what no effect should: NaN, infinity, and 60 dB too much, each in its time."""

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return Bursting()


class Bursting:
    """A running outburst."""

    latency = 0
    blocks = 0

    def process(self, block):
        self.blocks += 1
        block = block.copy()
        match self.blocks % 5_000:
            case 1_000:
                block[0, 17] = np.nan
            case 2_000:
                block[:] = np.inf
            case n if 3_000 <= n < 3_050:
                block *= 1_000
        return block


def weather(clip):
    """Kinds of input in turn: music, silence, noise, clipping, numbers that are none, denormals, a constant."""
    chance = np.random.default_rng(0)
    music = np.resize(clip("mix_orchestra_peer_gynt")[0], (CHANNELS, 2 * RATE)).T
    kinds = [music, music * 0, chance.uniform(-1, 1, music.shape), np.clip(music * 100, -1, 1), music * 8]
    broken = music.copy()
    broken[chance.integers(0, len(broken), 500), 0] = chance.choice([np.nan, np.inf, -np.inf, 1e30], 500)
    kinds += [broken, chance.uniform(-1e-39, 1e-39, music.shape), np.full(music.shape, 0.9), np.full(music.shape, -2.0)]
    return [np.ascontiguousarray(kind, np.float32) for kind in kinds]


class Stage(Connection):
    """The callback of a stream on a device that this test plays."""

    def __init__(self, exchange):
        self._exchange = exchange
        self._opened, self._ended = None, False


def test_hours_of_blocks_stay_finite_under_the_ceiling_and_in_memory(clip):
    kinds = weather(clip)
    quiet = Board([Gain(gain_db=3), Reverb()])
    player = BoardPlayer(Board([Dream(target="class:flute", mode="live"), Outburst()]), RATE, CHANNELS, BLOCK)
    boards = [player.prepare(each) for each in (Board([Outburst(), Distortion(drive_db=40)]), quiet)]
    blocks = Exchange(RATE, CHANNELS, BLOCK, player.latency)
    stage = Stage(blocks)
    chance = np.random.default_rng(1)
    out = np.empty((BLOCK, CHANNELS), np.float32)
    loudest, sizes = np.float32(0), []
    wanted = round(HOURS * 3600 * RATE / BLOCK)
    swaps = {wanted // 5 * 3: boards[0], wanted // 5 * 4: boards[1]}
    for block in range(wanted):
        kind = kinds[block // 1_500 % len(kinds)]
        start = block * BLOCK % (len(kind) - BLOCK)
        stage._callback(kind[start : start + BLOCK], out, BLOCK, None, None)
        peak = np.abs(out).max()
        assert peak <= CEILING, f"block {block}: {peak}"
        loudest = max(loudest, peak)
        if block in swaps:
            player.swap(swaps[block])
        if block % 10_007 == 0:
            player.apply(Bypass(not player.bypass))
        blocks.panic[0] = block % 20_011 < 100
        if chance.random() < 0.999:  # else the worker misses this block
            blocks.publish(block, player.process(blocks.captured_block(block)))
        if block in (wanted // 5, wanted // 5 * 3 - 1):
            sizes.append((sys.getallocatedblocks(), allocated_bytes()))
    assert 0.9 * CEILING < loudest <= CEILING
    # Objects of Python, and all that the process and its libraries allocated.
    assert sizes[1][0] - sizes[0][0] < 1_000
    assert sizes[1][1] - sizes[0][1] < 1_000_000
    assert all(blocks.counted(counter) > 0 for counter in ("muted_samples", "late_blocks", "guard_hits"))
