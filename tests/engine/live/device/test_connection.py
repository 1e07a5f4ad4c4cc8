"""When a device is taken for gone."""

from types import SimpleNamespace

import numpy as np
import pytest

from dreampedal.engine.live.device import connection
from dreampedal.engine.live.device.connection import LOOK_SECONDS, SILENT_SECONDS, Connection
from dreampedal.engine.live.exchange.exchange import Exchange


class Quiet(Connection):
    """A connection whose device is there and asks for nothing but what a test makes it ask for."""

    def __init__(self):
        self._exchange = Exchange(48_000, 1, 128, 0)
        self._stream = SimpleNamespace(active=True)
        self._ended = False
        self._seen, self._looked, self._silent = -1, connection.time.monotonic(), 0.0

    def ask(self):
        self._exchange.swap(np.zeros((128, 1), np.float32), np.empty((128, 1), np.float32))


@pytest.fixture
def clock(monkeypatch):
    """The seconds that a connection reads; a test lets them pass."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def looks(quiet, clock, gaps):
    """Whether it is taken for gone at each look, so many seconds after the one before."""
    found = []
    for gap in gaps:
        clock.now += gap
        found.append(quiet.is_lost())
    return found


def test_a_device_that_asks_for_nothing_for_a_second_is_gone(clock):
    quiet = Quiet()
    quiet.ask()
    patience = SILENT_SECONDS + 8 * 128 / 48_000
    assert looks(quiet, clock, [0.25] * 5) == [False] * 5
    assert 4 * 0.25 <= patience < 5 * 0.25 and quiet.is_lost() is False
    assert looks(quiet, clock, [0.25]) == [True]
    quiet.ask()
    assert looks(quiet, clock, [0.25]) == [False]


def test_a_program_that_was_stopped_itself_does_not_blame_the_device(clock):
    """Suspended, or kept from the processor: neither heard the other, and the device is asked again."""
    quiet = Quiet()
    quiet.ask()
    assert looks(quiet, clock, [0.25, 3600.0]) == [False, False]
    quiet.ask()
    assert looks(quiet, clock, [0.25]) == [False]
    assert LOOK_SECONDS < SILENT_SECONDS
