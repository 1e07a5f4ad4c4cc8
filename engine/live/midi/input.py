"""One MIDI input, read by the worker.

An input that goes away is opened again when it comes back, which `Input.check` finds out.

rtmidi could call us from the driver's thread, with JACK the one of its audio graph. It does not: Python's lock would
hold up that thread, and a client that is closed while its thread waits there takes the lock with it (python-rtmidi
1.5.8: the process hangs). Its thread puts messages into a bounded queue of its own, in C++, which the worker reads.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from threading import Lock
from typing import Any

from dreampedal.engine.live.midi.parser import END_OF_SYSEX
from dreampedal.engine.live.midi.ports import MENDER, NO_MIDI, QUEUE, Port, apis, awaited, chosen, clients, ports
from dreampedal.engine.runtime.stderr import discard_stderr

Packet = tuple[float, list[int]]
"""When a message came, in seconds of `time.perf_counter`, and its bytes."""

SETTLING_SECONDS = 0.01
"""JACK's first cycles with a new port complain of it on the terminal."""


class Clock:
    """When messages came: rtmidi tells only the seconds from each to the next, by a clock that begins anywhere.

    A message came before it was read, and after the read before: both say where that beginning lies, the better the
    more messages there were.

    >>> clock = Clock()
    >>> clock.times([0.0], before=10.2, now=10.3), clock.times([1.0, 0.5], before=10.3, now=11.7)
    ([10.3], [11.2, 11.7])
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._began = float("inf")

    def times(self, deltas: list[float], before: float, now: float) -> list[float]:
        """When messages came, one or more, `deltas` seconds after one another; two reads enclose them."""
        sums = list(accumulate(deltas, initial=self._sum))[1:]
        self._sum = sums[-1]
        self._began = min(max(self._began, before - sums[0]), now - sums[-1])
        return [self._began + each for each in sums]


class Input:
    """One MIDI input. `read` belongs to the worker and never waits; the rest to any other thread."""

    def __init__(self) -> None:
        self.name = ""
        """Its name while it is there, or empty."""
        self._lock = Lock()
        self._api: str | None = None
        self._clients: dict[int, Any] = {}
        # A program that ends with a client still open can hold up the whole JACK server: they go before the end.
        self._held: list[Any] = []
        weakref.finalize(self, give_up, self._held)
        self._open: Any = None
        self._mender: Any = None
        self._clock, self._looked = Clock(), time.perf_counter()
        # What to open again: an input that was seen, any (None), or one of our own by its name.
        self._wanted: Port | None = None
        self._virtual = ""
        self._is_wanted = False

    def open(self, port: str | int | None = None, virtual: bool = False, api: str | None = None) -> str:
        """Open an input, and return its name; see `Midi.open`."""
        self.close()
        with self._lock:
            self._api = api
            self._hold(clients(apis(api)))
            if not self._clients and (virtual or port is not None):
                raise ValueError(f"MIDI input {port or 'midi in'!r}: {NO_MIDI}")
            self._virtual = str(port or "midi in") if virtual else ""
            try:
                if port is not None and not virtual:
                    there = ports(self._clients)
                    self._wanted = there[chosen(port, [each.name for each in there])]
                self._is_wanted = True
                self._find()
            except BaseException:
                self._drop()
                raise
            return self.name

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            self._drop()

    def read(self) -> list[Packet]:
        """What has come since the last call; nothing while another thread opens or closes."""
        if self._open is None or not self._lock.acquire(blocking=False):
            return []
        try:
            events: list[tuple[list[int], float]] = []
            before, self._looked = self._looked, time.perf_counter()
            while self._open is not None and len(events) < QUEUE and (event := self._open.get_message()):
                events.append(event)
            if not events:
                return []
            times = self._clock.times([delta for _, delta in events], before, time.perf_counter())
            return [(at, data) for at, (data, _) in zip(times, events, strict=True)]
        finally:
            self._lock.release()

    def check(self, idle: bool = False) -> str:
        """Look whether the input is there, and open it again if it is back. Returns its name, or nothing.

        RtMidi 6 on JACK takes all that follows a sysex with no end for more of it, for ever. `idle` says that nothing
        has come for a while, and so sends an end of sysex.
        """
        with self._lock:
            if self._wanted is not None and self._open is not None:
                seen = (self._wanted.api, self._wanted.name)
                if seen not in [(port.api, port.name) for port in ports(self._clients)]:
                    self._open.close_port()
                    self._open, self.name = None, ""
                    if self._mender is not None:
                        self._mender.close_port()
            if self._is_wanted and self._open is None:
                with suppress(ValueError):  # seen, but not yet ready, or gone again: at the next look
                    self._find()
            if idle and self._mender is not None and self._open is not None:
                self._mender.send_message([END_OF_SYSEX])
            return self.name

    def reopen(self) -> str:
        """Open the input anew, after a JACK server has gone and come back: its old clients are deaf."""
        with self._lock:
            if self._is_wanted:
                self._release()
                self._hold(clients(apis(self._api)))
        return self.check()

    def _find(self) -> None:
        """Open what is wanted, if it is there."""
        if self._virtual:
            if self._clients:
                api, client = next(iter(self._clients.items()))
                self._begin(api, client, self._virtual, lambda: client.open_virtual_port(self._virtual))
            return
        port = awaited(self._wanted, ports(self._clients))
        if port is not None:
            client = self._clients[port.api]
            self._begin(port.api, client, port.name, lambda: client.open_port(port.index, "midi in"))
            self._wanted = port

    def _begin(self, api: int, client: Any, name: str, connect: Callable[[], Any]) -> None:
        """Connect a client, and mend it where that is needed."""
        import rtmidi

        try:
            with discard_stderr():
                self._connect(api == rtmidi.API_UNIX_JACK, connect)
        except rtmidi.RtMidiError as error:
            raise ValueError(f"MIDI input {name!r} cannot be opened: {error}") from error
        self._open, self.name, self._clock = client, name, Clock()

    def _connect(self, mends: bool, connect: Callable[[], Any]) -> None:
        """Connect, and let our own end of sysex have a way to the same port, which is the one that was not there."""
        import rtmidi

        if not mends:
            connect()
            return
        if self._mender is None:
            self._mender = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=MENDER)
            self._held.append(self._mender)
        before = self._mender.get_ports()
        connect()
        ours = [at for at, port in enumerate(self._mender.get_ports()) if port not in before]
        with suppress(rtmidi.RtMidiError):  # the input plays without
            if len(ours) == 1:
                self._mender.open_port(ours[0], "end")
        time.sleep(SETTLING_SECONDS)

    def _hold(self, found: dict[int, Any]) -> None:
        self._clients = found
        self._held.extend(found.values())

    def _release(self) -> None:
        """Let go of every client."""
        give_up(self._held)
        self._clients, self._mender, self._open, self.name = {}, None, None, ""

    def _drop(self) -> None:
        """Let go, and want nothing."""
        self._release()
        self._wanted, self._virtual, self._is_wanted = None, "", False


def give_up(held: list[Any]) -> None:
    """Delete clients, each once; JACK has words for each port that goes."""
    with discard_stderr():
        while held:
            held.pop(0).delete()
