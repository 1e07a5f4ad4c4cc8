"""A live performance without a device: callbacks and a worker that is late at random, and the take of it.

It does what `LiveStream` does, step by step in one thread, so that a test decides what is late, and when.
"""

import random
import time
from functools import partial

import numpy as np

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.player.changes import Swap
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.live.take.recorder import Recorder
from dreampedal.engine.live.take.take import Changed, Header, Held, Skipped, models_of
from dreampedal.presets.boards import parse, render


def build(text):
    """A board of its TOML."""
    return parse(text, "the take").board


class Performance:
    """`audio` through `board`, with `changes` {sample: change or (name, board to swap to)}.

    `late` and `held` are how likely a stall begins in a block, and a hop is held; `panic` {block: on}.
    """

    def __init__(self, board, audio, rate, changes=None, *, block_size=128, ahead=1, latency=None,
                 late=0.0, held=0.0, skipped=(), panic=None, seed=0):  # fmt: skip
        self.random = random.Random(seed)
        self.audio, self.rate, self.size, self.ahead = audio, rate, block_size, ahead
        self.changes = sorted((changes or {}).items())
        self.late, self.held, self.skipped, self.panic = late, held, set(skipped), panic or {}
        self.player = BoardPlayer(board, rate, audio.shape[0], block_size, latency, render)
        self.exchange = Exchange(rate, audio.shape[0], block_size, self.player.latency, ahead)
        self.journal = Journal(self.exchange)
        self.player.pace(self._ask)
        self.waiting_boards = []
        self.read = 0

    def recorded(self, parent):
        """The folder of the take, and what was heard."""
        header = Header(
            self.rate, self.audio.shape[0], self.size, self.ahead, self.player.latency, -1.0,
            self.player.current.text, models=models_of(self.player.current.mirror.board),
        )  # fmt: skip
        recorder = Recorder(parent, header)
        self.journal.keeps_entries = True

        def read():
            captured = self.journal.captured()
            self.read += captured.input.shape[1]
            return captured

        recorder.start(read)
        heard = self._play(recorder)
        recorder.stop()
        assert recorder.trouble == ""
        return recorder.folder, heard

    def _play(self, recorder):
        heard, done, stalled = [], 0, 0
        for block in range(self.audio.shape[1] // self.size):
            if block in self.panic:
                self.exchange.panic[0] = self.panic[block]
            given = np.empty((self.size, self.audio.shape[0]), np.float32)
            part = self.audio[:, block * self.size : (block + 1) * self.size]
            self.exchange.swap(np.ascontiguousarray(part.T), given)
            heard.append(given.T)
            stalled = self.random.randint(1, 12) if not stalled and self.random.random() < self.late else stalled
            if stalled:
                stalled -= 1
                if self.random.random() < 0.5:
                    continue
            while done <= block and not (stalled and self.random.random() < 0.5):
                self._work(done)
                done += 1
            self.journal.collect()
            while self.read < (block + 1) * self.size - self.rate // 2:
                assert recorder.trouble == ""
                time.sleep(0.005)  # a recorder is never further behind than it is in real time
        return np.concatenate(heard, axis=1)

    def _work(self, block):
        start = block * self.size
        if block in self.skipped:
            self.journal.tell(start, Skipped(block, block))
            return
        now = [(start, change) for change in self.waiting_boards]
        now += [change for change in self.changes if start <= change[0] < start + self.size]
        self.waiting_boards, cuts, may_swap = [], [], not self.player.coming
        for at, change in now:
            if isinstance(change, tuple) and not may_swap:
                self.waiting_boards.append(change)  # one fade after the other; where nothing changes nothing is cut
                continue
            may_swap = may_swap and not isinstance(change, tuple)
            cuts.append((at - start, partial(self._change, at, change)))
        self.exchange.publish(block, self.player.process_cut(self.exchange.captured_block(block), cuts))

    def _change(self, at, change):
        if isinstance(change, tuple):
            change = self.player.swap(self.player.prepare(change[1], change[0]))
            assert isinstance(change, Swap)
        else:
            self.player.apply(change)
        self.journal.tell(at, Changed(at, change))

    def _ask(self, program, stream, hop):
        if self.random.random() >= self.held:
            return False
        self.journal.tell(0, Held(program, stream, hop))
        return True
