"""MIDI inputs by name, through python-rtmidi: JACK's first, where its server runs, then the system's own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dreampedal.engine.runtime.names import listed
from dreampedal.engine.runtime.stderr import discard_stderr

CLIENT = "dreampedal"
"""What other programs see."""

NO_MIDI = (
    "no MIDI on this machine: start a JACK server, or use a system with an ALSA sequencer, Core MIDI or Windows MIDI"
)

_ALSA_ADDRESS = re.compile(r" \d+:\d+$")
_THROUGH = ("Midi Through", "Midi-Bridge:Midi Through")
_SEQUENCER = "/dev/snd/seq"

QUEUE = 4096
"""Messages that rtmidi keeps until they are read; more than a cable of 31,250 baud brings in three seconds."""

MENDER = f"{CLIENT} end of sysex"


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
    return _names(clients(apis(api)))


def output_names(api: str | None = None) -> list[str]:
    """Every MIDI output by name; errors as for `input_names`."""
    return _names(clients(apis(api), outputs=True))


def systems() -> list[str]:
    """The interfaces that are there, as `api` takes them; none on a machine without MIDI."""
    import rtmidi

    found = clients(apis(None))
    _names(found)
    return [rtmidi.get_api_name(api) for api in found]


def _names(found: dict[int, Any]) -> list[str]:
    """The names of all ports of these clients, which are given up."""
    names = [port.name for port in ports(found)]
    for client in found.values():
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


def awaited(wanted: Port | None, ports: list[Port]) -> Port | None:
    """The input that is wanted, under whatever address it has now, or the first that is one."""
    if wanted is None:
        return next((port for port in ports if not port.name.startswith((*_THROUGH, CLIENT))), None)
    same = [port for port in ports if port.lasting_name == wanted.lasting_name]
    return next((port for port in same if port == wanted), same[0] if same else None)


def apis(api: str | None) -> list[int]:
    """rtmidi's numbers of the interfaces to look at: JACK first, since its ports are those of its other clients."""
    import rtmidi

    built = {rtmidi.get_api_name(number): number for number in rtmidi.get_compiled_api()}
    if api is None:
        return sorted(built.values(), key=lambda number: number != rtmidi.API_UNIX_JACK)
    if api not in built:
        raise ValueError(f"MIDI interface {api!r}: expected one of {listed(built)}")
    return [built[api]]


def clients(apis: list[int], outputs: bool = False) -> dict[int, Any]:
    """A client of each interface that is there, which can open an input, or else an output."""
    import rtmidi

    found = {}
    for api in apis:
        if api == rtmidi.API_LINUX_ALSA and not os.path.exists(_SEQUENCER):
            continue
        try:
            with discard_stderr():
                options = {} if outputs else {"queue_size_limit": QUEUE}
                found[api] = (rtmidi.MidiOut if outputs else rtmidi.MidiIn)(api, name=CLIENT, **options)
        except rtmidi.RtMidiError:  # no server, or no driver: this interface has no ports
            continue
    return found


def ports(clients: dict[int, Any]) -> list[Port]:
    """The inputs of all interfaces, one after another, without those of our own that mend."""
    found = [Port(api, index, name) for api, client in clients.items() for index, name in enumerate(client.get_ports())]
    return [port for port in found if not port.name.startswith(MENDER)]
