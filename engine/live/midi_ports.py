"""MIDI inputs by name, through python-rtmidi: JACK's first, where its server runs, then the system's own.

An input that goes away is opened again when it comes back, which `Input.check` finds out.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ..library import listed

CLIENT = "dreampedal"
"""What other programs see."""

NO_MIDI = (
    "no MIDI on this machine: start a JACK server, or use a system with an ALSA sequencer, Core MIDI or Windows MIDI"
)

_ALSA_ADDRESS = re.compile(r" \d+:\d+$")
_THROUGH = ("Midi Through", "Midi-Bridge:Midi Through")
_SEQUENCER = "/dev/snd/seq"

Hear = Callable[[tuple[list[int], float], Any], None]
"""What rtmidi calls with a message, its bytes and the seconds since the last one, and a value of ours."""


@dataclass(frozen=True)
class Port:
    """An input as one of the system's interfaces lists it."""

    api: int
    index: int
    name: str

    @property
    def lasting_name(self) -> str:
        """The name without ALSA's address, which changes when a device is plugged in again."""
        return _ALSA_ADDRESS.sub("", self.name)


def input_names(api: str | None = None) -> list[str]:
    """Every MIDI input by name, in the order of the numbers that `Input.open` takes; none where there is no MIDI.

    Raises:
        ValueError: for an interface that rtmidi was not built with.
    """
    clients = _clients(_apis(api))
    names = [port.name for port in _ports(clients)]
    for client in clients.values():
        client.delete()
    return names


def chosen(wanted: str | int, names: Sequence[str]) -> int:
    """The number of an input by its name, a part of it, or its number; a ValueError that lists what there is.

    >>> chosen("nano", ["Keystation 20:0", "nanoKONTROL2 24:0"]), chosen(0, ["Keystation 20:0"])
    (1, 0)
    """
    numbered = listed(f"{number} = {name}" for number, name in enumerate(names))
    if isinstance(wanted, int):
        if not 0 <= wanted < len(names):
            raise ValueError(f"no MIDI input {wanted}: there are {numbered}")
        return wanted
    exact = [number for number, name in enumerate(names) if wanted in (name, _ALSA_ADDRESS.sub("", name))]
    found = exact or [number for number, name in enumerate(names) if wanted.casefold() in name.casefold()]
    if not found and wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    if not found:
        raise ValueError(f"no MIDI input named {wanted!r}: there are {numbered}")
    if len(found) > 1:
        several = listed(f"{number} = {names[number]}" for number in found)
        raise ValueError(f"MIDI input {wanted!r} is one of several: {several}; use more of its name, or its number")
    return found[0]


class Input:
    """One MIDI input, which calls `hear` from a thread of rtmidi's."""

    def __init__(self, hear: Hear) -> None:
        self.name = ""
        """Its name while it is there, or empty."""
        self._hear = hear
        self._lock = Lock()
        self._api: str | None = None
        self._clients: dict[int, Any] = {}
        self._port: Port | None = None
        self._open: Any = None
        self._waits = False

    def open(self, port: str | int | None = None, virtual: bool = False, api: str | None = None) -> str:
        """Open an input, and return its name; see `Midi.open`."""
        self.close()
        with self._lock:
            self._api = api
            self._clients = _clients(_apis(api))
            try:
                if virtual:
                    self._create(str(port or "midi in"))
                else:
                    self._find(port)
            except BaseException:
                self._drop()
                raise
            return self.name

    def close(self) -> None:
        """Close what is open, and wait for nothing."""
        with self._lock:
            self._drop()

    def check(self) -> str:
        """Look whether the input is there, and open it again if it is back. Returns its name, or nothing."""
        with self._lock:
            if self._waits:
                ports = _ports(self._clients)
                if self._open is not None and self._port not in ports:
                    self._open.close_port()
                    self._open, self.name = None, ""
                if self._open is None and (port := self._awaited(ports)):
                    with suppress(ValueError):  # seen, but not yet ready, or gone again: at the next look
                        self._connect(port)
            return self.name

    def reopen(self) -> str:
        """Open the input anew, after a JACK server has gone and come back: its old clients are deaf."""
        with self._lock:
            if not self._waits:
                return self.name
            for client in self._clients.values():
                client.delete()
            self._open, self.name = None, ""
            self._clients = _clients(_apis(self._api))
        return self.check()

    def _find(self, wanted: str | int | None) -> None:
        ports = _ports(self._clients)
        self._waits = True
        if wanted is not None:
            if not self._clients:
                raise ValueError(f"MIDI input {wanted!r}: {NO_MIDI}")
            self._connect(ports[chosen(wanted, [port.name for port in ports])])
        elif port := self._awaited(ports):
            self._connect(port)

    def _awaited(self, ports: list[Port]) -> Port | None:
        """The input that was open, or, if none was yet, the first that is one."""
        if self._port is None:
            return next((port for port in ports if not port.name.startswith((*_THROUGH, CLIENT))), None)
        return next((port for port in ports if port.lasting_name == self._port.lasting_name), None)

    def _connect(self, port: Port) -> None:
        import rtmidi

        client = self._clients[port.api]
        client.set_callback(self._hear)
        try:
            client.open_port(port.index, "midi in")
        except rtmidi.RtMidiError as error:
            raise ValueError(f"MIDI input {port.name!r} cannot be opened: {error}") from error
        self._port, self._open, self.name = port, client, port.name

    def _create(self, name: str) -> None:
        import rtmidi

        if not self._clients:
            raise ValueError(f"virtual MIDI input {name!r}: {NO_MIDI}")
        client = next(iter(self._clients.values()))
        client.set_callback(self._hear)
        try:
            client.open_virtual_port(name)
        except rtmidi.RtMidiError as error:
            raise ValueError(f"virtual MIDI input {name!r} cannot be made: {error}") from error
        self._open, self.name = client, name

    def _drop(self) -> None:
        for client in self._clients.values():
            client.delete()
        self._clients, self._port, self._open, self._waits, self.name = {}, None, None, False, ""


def _apis(api: str | None) -> list[int]:
    """rtmidi's numbers of the interfaces to look at: JACK first, since its ports are those of its other clients."""
    import rtmidi

    built = {rtmidi.get_api_name(number): number for number in rtmidi.get_compiled_api()}
    if api is None:
        return sorted(built.values(), key=lambda number: number != rtmidi.API_UNIX_JACK)
    if api not in built:
        raise ValueError(f"MIDI interface {api!r}: expected one of {listed(built)}")
    return [built[api]]


def _clients(apis: list[int]) -> dict[int, Any]:
    """A client of each interface that is there."""
    import rtmidi

    clients = {}
    for api in apis:
        if api == rtmidi.API_LINUX_ALSA and not os.path.exists(_SEQUENCER):
            continue
        try:
            with _silent():
                client = rtmidi.MidiIn(api, name=CLIENT)
        except rtmidi.RtMidiError:  # no server, or no driver: this interface has no ports
            continue
        clients[api] = client
    return clients


def _ports(clients: dict[int, Any]) -> list[Port]:
    """The inputs of all interfaces, one after another."""
    return [Port(api, index, name) for api, client in clients.items() for index, name in enumerate(client.get_ports())]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep from the terminal what JACK's and ALSA's libraries write there when they find no server."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
