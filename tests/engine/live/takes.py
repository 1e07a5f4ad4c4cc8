"""What tests of takes share: a performance that was captured, and handed to a recorder piece by piece."""

import json
import threading
import time

import numpy as np

from dreampedal.engine.live.player.changes import Bypass, Panic, Resume, Set, Swap
from dreampedal.engine.live.take.recorder import Captured, Recorder
from dreampedal.engine.live.take.take import Changed, Header, Held, LateBlock, Restarted, Skipped

RATE = 48_000
BOARD = '[[effects]]\ntype = "pedalboard.Gain"\n'

ENTRIES = [
    Changed(0, Set("0", "gain_db", -3.25)), Changed(4_800, Set("1.0", "steps", 8)), Held(0, 1, 17),
    Changed(9_601, Set("1.0", "target", "class:flute")), Changed(9_601, Bypass(True)), LateBlock(80), Skipped(81, 83),
    Changed(20_000, Swap(1, "hall", BOARD)), Changed(22_016, Panic()), Changed(23_040, Resume()), Restarted(24_000),
    Changed(30_000, Set("1.0", "freeze", False)),
]  # fmt: skip


def header(channels=2, rate=RATE, **more):
    facts = {"block_size": 128, "buffer_blocks": 1, "latency": 2176, "ceiling_db": -1.0, "board": BOARD} | more
    return Header(rate, channels, **facts)


class Source:
    """Captured pieces of `input` and `output` in these sizes, as fast as they are asked for."""

    def __init__(self, input, output, entries=(), sizes=(1_000,)):
        self.pieces, at, number = [], 0, 0
        waiting = sorted(entries, key=lambda entry: getattr(entry, "at", 0))
        while at < input.shape[1]:
            end = min(at + sizes[number % len(sizes)], input.shape[1])
            said = [entry for entry in waiting if getattr(entry, "at", 0) < end]
            waiting = waiting[len(said) :]
            self.pieces.append(Captured(input[:, at:end], output[:, at:end], said))
            at, number = end, number + 1
        self.nothing = Captured(input[:, :0], output[:, :0], [])
        self.all_read = threading.Event()

    def __call__(self):
        if self.pieces:
            return self.pieces.pop(0)
        self.all_read.set()
        return self.nothing


def recorded(parent, input, output=None, entries=(), sizes=(1_000,), facts=None, **kwargs):
    """The folder of a take of this input."""
    recorder = Recorder(parent, facts or header(input.shape[0]), **kwargs)
    recorder.start(Source(input, input if output is None else output, entries, sizes))
    recorder.stop()
    assert recorder.trouble == ""
    return recorder.folder


def whole_input(take):
    return np.concatenate([block for _, block in take.input()], axis=1)


def play_in_real_time(parent, input, rate):
    """Record `input` as a stream would, and print where one is; for a process that will be killed."""
    began = time.monotonic()
    done, blocks = 0, 0

    def read():
        nonlocal done, blocks
        now = min(int((time.monotonic() - began) * rate) // 128 * 128, input.shape[1])
        piece = input[:, done:now]
        entries = [Changed(at, Set("0", "gain_db", float(at))) for at in range(done, now, 128)]
        done = now
        print(json.dumps(done), flush=True)
        return Captured(piece, piece, entries)

    recorder = Recorder(parent, header(input.shape[0], rate))
    print(json.dumps(str(recorder.folder)), flush=True)
    recorder.start(read)
    while done < input.shape[1]:
        time.sleep(0.05)
    recorder.stop()
