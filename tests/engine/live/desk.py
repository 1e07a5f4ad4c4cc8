"""A live stream without a device: a test hands the blocks over, and says when the worker works."""

import time

import numpy as np

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.player.builder import Builder
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.live.worker import Worker


class Desk:
    """What a `LiveStream` joins, all but the device and its threads. `asked` keeps what the worker hands over."""

    def __init__(self, board, rate=48_000, channels=1, block_size=128, buffer_blocks=1, latency=None, load=None):
        self.player = BoardPlayer(board, rate, channels, block_size, latency)
        self.exchange = Exchange(rate, channels, block_size, self.player.latency, buffer_blocks)
        self.journal = Journal(self.exchange)
        self.midi = Midi(lambda: self.player.newest.mirror.source)
        self.asked = []
        self.worker = Worker(self.player, self.exchange, self.midi, self.journal, self.asked.append)
        self.builder = Builder(self.player, self.worker.requests.append, load)

    def give(self, block, now=None):
        """One callback: what it plays of a block of shape (channels, block_size)."""
        given = np.empty((block.shape[1], block.shape[0]), np.float32)
        self.exchange.swap(np.ascontiguousarray(block.T), given, time.perf_counter() if now is None else now)
        return given.T

    def play(self, audio, worked=lambda block: True):
        """What comes out for a whole signal; the worker works after a callback where `worked` says so."""
        size, heard = self.exchange.block_size, []
        for block in range(audio.shape[1] // size):
            heard.append(self.give(audio[:, block * size : (block + 1) * size]))
            if worked(block):
                self.worker.catch_up()
        return np.concatenate(heard, axis=1)


def late_by(audio, samples):
    """`audio`, and silence before it; as long as it was."""
    return np.concatenate([np.zeros((audio.shape[0], samples), np.float32), audio], axis=1)[:, : audio.shape[1]]
