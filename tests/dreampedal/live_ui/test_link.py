"""The pipe between the terminal's process and the sound's."""

import io
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection

import pytest

from dreampedal.live_ui.link import Link
from dreampedal.live_ui.talk import Ended, Opened

from .live_scene import scene


class Interrupted(Connection):
    """A pipe on which a signal comes after the length of a message and before the message itself."""

    sends = signal.SIGINT

    def _recv(self, size, *more):
        found = super()._recv(size, *more)
        if size == 4:
            os.kill(os.getpid(), self.sends)
        return found


@pytest.mark.parametrize("sent, raised", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_within_a_message_leaves_the_next_ones_whole(sent, raised):
    def end(number, frame):
        raise SystemExit(128 + number)

    assert threading.current_thread() is threading.main_thread()
    here, there = multiprocessing.get_context("spawn").Pipe()
    pipe = Interrupted(os.dup(here.fileno()))
    pipe.sends = sent
    link = Link(None, pipe, io.StringIO())
    snapshot = scene().snapshot
    for message in (Opened("a", "b", ()), snapshot, Ended(snapshot)):
        there.send(message)
    before = signal.signal(signal.SIGTERM, end)
    try:
        for _ in range(2):
            with pytest.raises(raised):
                link.messages(1.0)
        pipe.sends = 0
        assert link.stop() == Ended(snapshot)
        assert signal.getsignal(signal.SIGTERM) is end
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
        for each in (pipe, here, there):
            each.close()
