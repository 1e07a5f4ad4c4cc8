"""What a callback leaves behind: nothing."""

import gc
import inspect
import tracemalloc

import numpy as np
import pytest
from pedalboard import Gain

from dreampedal import Board
from dreampedal.engine.live.device import connection
from dreampedal.engine.live.device.connection import Connection
from dreampedal.engine.live.exchange import exchange
from dreampedal.engine.live.exchange.exchange import Exchange

from .stage import on_stage

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

CALLS = 10_000


def kept(before, after):
    """Blocks and bytes that the lines of a callback hold more of, and where.

    What the monitor reads of them, a few times a second, it may hold at this moment: that is not the callback's.
    """
    lines, first = inspect.getsourcelines(Exchange.noted)
    filters = [tracemalloc.Filter(True, module.__file__) for module in (connection, exchange)]

    def is_read(frame):
        return frame.filename == exchange.__file__ and first <= frame.lineno < first + len(lines)

    differences = after.filter_traces(filters).compare_to(before.filter_traces(filters), "lineno")
    return [
        difference for difference in differences if difference.size_diff > 0 and not is_read(difference.traceback[0])
    ]


def test_ten_thousand_callbacks_of_a_stream_keep_nothing(rig):
    rig.block_size = 32
    with on_stage(rig, Board([Gain(gain_db=-6)]), block_size=32) as live:
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 64_000)).astype(np.float32)
        rig.play(noise)
        tracemalloc.start()
        try:
            rig.play(noise)
            gc.collect()
            before, first = tracemalloc.take_snapshot(), live.playback.exchange.captured
            while live.playback.exchange.captured < first + CALLS:
                rig.play(noise)
            gc.collect()
            after = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
    # What a callback that is under way holds, and counters that outgrew the small integers.
    assert sum(difference.size_diff for difference in kept(before, after)) < 1_000


class Silent(Connection):
    """A connection without a device: what calls its callback is the test."""

    def __init__(self, exchange):
        self._exchange = exchange
        self._opened, self._ended = None, False


def test_ten_thousand_callbacks_allocate_nothing_that_stays():
    blocks = Exchange(48_000, 2, 128, 0)
    silent = Silent(blocks)
    indata, outdata = np.zeros((128, 2), np.float32), np.zeros((128, 2), np.float32)

    def call(times):
        for _ in range(times):
            silent._callback(indata, outdata, 128, None, None)

    call(100)
    tracemalloc.start()
    try:
        call(1_000)
        gc.collect()
        objects, before = len(gc.get_objects()), tracemalloc.take_snapshot()
        call(CALLS)
        gc.collect()
        after = tracemalloc.take_snapshot()
        assert len(gc.get_objects()) - objects < 1_000
    finally:
        tracemalloc.stop()
    assert blocks.captured == 11_100
    assert sum(difference.size_diff for difference in kept(before, after)) < 200
