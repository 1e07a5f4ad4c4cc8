"""One MIDI input, read by the worker.

An input that goes away is opened again when it comes back, which `Input.check` finds out.

rtmidi could call us from the driver's thread, with JACK the one of its audio graph. It does not: Python's lock would
hold up that thread, and a client that is closed while its thread waits there takes the lock with it (python-rtmidi
1.5.8: the process hangs). Its thread puts messages into a bounded queue of its own, in C++, which the worker reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

from .midi_messages import END_OF_SYSEX
from .midi_ports import MENDER, NO_MIDI, QUEUE, Port, apis, awaited, chosen, clients, ports

Packet = tuple[float, list[int]]
"""When a message came, in seconds of `time.perf_counter`, and its bytes."""


class Clock:
    """When messages came: rtmidi tells only the seconds from each to the next, by a clock that begins anywhere.

    A message came before it was read, and after the read before: both say where that beginning lies, the better the
    more messages there were.

    >>> clock = Clock()
    >>> clock.time(0.0, before=10.2, now=10.3), clock.time(1.0, before=11.0, now=11.1)
    (10.3, 11.1)
    >>> round(clock.time(0.5, before=11.5, now=11.8), 3)
    11.6
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._began = float("inf")

    def time(self, delta: float, before: float, now: float) -> float:
        """The time of a message that came `delta` seconds after the last; reads at `before` and `now` enclose it."""
        self._sum += delta
        self._began = min(max(self._began, before - self._sum), now - self._sum)
        return self._began + self._sum


class Input:
    """One MIDI input. `read` belongs to the worker and never waits; the rest to any other thread."""

    def __init__(self) -> None:
        self.name = ""
        """Its name while it is there, or empty."""
        self._lock = Lock()
        self._api: str | None = None
        self._clients: dict[int, Any] = {}
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
            self._clients = clients(apis(api))
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
            found: list[Packet] = []
            before, self._looked = self._looked, time.perf_counter()
            while self._open is not None and len(found) < QUEUE and (event := self._open.get_message()):
                found.append((self._clock.time(event[1], before, time.perf_counter()), event[0]))
            return found
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
                self._clients = clients(apis(self._api))
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
            if self._mender is None and api == rtmidi.API_UNIX_JACK:
                self._mender = rtmidi.MidiOut(api, name=MENDER)
            before = self._mender.get_ports() if self._mender is not None else []
            connect()
            if self._mender is not None:
                ours = [at for at, port in enumerate(self._mender.get_ports()) if port not in before]
                if len(ours) == 1:
                    self._mender.open_port(ours[0], "end")
        except rtmidi.RtMidiError as error:
            raise ValueError(f"MIDI input {name!r} cannot be opened: {error}") from error
        self._open, self.name, self._clock = client, name, Clock()

    def _release(self) -> None:
        """Let go of every client."""
        for client in (*self._clients.values(), self._mender):
            if client is not None:
                client.delete()
        self._clients, self._mender, self._open, self.name = {}, None, None, ""

    def _drop(self) -> None:
        """Let go, and want nothing."""
        self._release()
        self._wanted, self._virtual, self._is_wanted = None, "", False
