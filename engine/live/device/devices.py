"""Audio devices: what there is, and which one is meant by a number, a name or a part of a name.

Where a JACK server runs, every client of it is a device, and "system" is the sound card behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from dreampedal.engine.live.device.portaudio import JACK, portaudio, refresh
from dreampedal.engine.runtime.stderr import discard_stderr

__all__ = ["Device", "audio_devices", "check", "choose", "find", "refresh"]

Direction = Literal["input", "output"]

HOST_APIS = (
    JACK,
    "ASIO",
    "Core Audio",
    "Windows WASAPI",
    "Windows WDM-KS",
    "ALSA",
    "Windows DirectSound",
    "MME",
)
"""Most to least fit for playing live: what is chosen where one device is offered by several of them.

A JACK server comes first because it holds the sound card while it runs."""


@dataclass(frozen=True)
class Device:
    """An audio device as one of the system's interfaces offers it."""

    number: int
    name: str
    host_api: str
    inputs: int
    """Channels that it records."""
    outputs: int
    """Channels that it plays."""
    default_rate: float
    """In Hz."""
    low_in: float
    """Seconds of latency that it promises at best, for recording."""
    low_out: float
    high_in: float
    """Seconds of latency that it promises where safety matters more."""
    high_out: float

    @property
    def full_name(self) -> str:
        """Name and interface: finds this device again when numbers have changed."""
        return f"{self.name}, {self.host_api}"

    def channels(self, direction: Direction) -> int:
        """How many it has in a direction."""
        return self.inputs if direction == "input" else self.outputs


_TOLD = (
    "max_input_channels", "max_output_channels", "default_samplerate", "default_low_input_latency",
    "default_low_output_latency", "default_high_input_latency", "default_high_output_latency",
)  # fmt: skip
"""PortAudio's names of what a `Device` has, in its order."""


def audio_devices() -> list[Device]:
    """All devices, by their numbers; none where there are none.

    Raises:
        ValueError: if the PortAudio library is not there.
    """
    sounddevice = portaudio()
    host_apis = [api["name"] for api in sounddevice.query_hostapis()]
    return [
        Device(number, found["name"], host_apis[found["hostapi"]], *(found[key] for key in _TOLD))
        for number, found in enumerate(sounddevice.query_devices())
    ]


def find(wanted: int | str | None, direction: Direction) -> Device:
    """The device that is meant.

    Args:
        wanted: its number, its name, parts of its name (and of its interface's) in any case, or None for the usual one.
        direction: what it has to be able to do.

    Raises:
        ValueError: in one line, if none or more than one is meant, or if there is none at all.
    """
    devices = audio_devices()
    able = [device for device in devices if device.channels(direction)]
    if not able:
        raise ValueError(f"no audio {direction} on this machine: connect a sound card, or start a JACK server")
    if wanted is None:
        return _usual(able, direction)
    if isinstance(wanted, int):
        return _numbered(wanted, devices, direction)
    return choose(wanted, able, direction)


def choose(wanted: str, devices: list[Device], direction: Direction) -> Device:
    """The one of some devices that a text means: its full name, its name, words of either, or its number.

    Raises:
        ValueError: if it means none of them, or several.

    >>> card = Device(3, "Scarlett 2i2 USB", "ALSA", 2, 2, 48_000.0, 0.01, 0.01, 0.1, 0.1)
    >>> choose("scarlett", [card], "input").number, choose("2i2 alsa", [card], "input").number
    (3, 3)
    >>> choose("Skarlett 2i2 USB", [card], "input")
    Traceback (most recent call last):
    ValueError: no audio input named 'Skarlett 2i2 USB': did you mean 'Scarlett 2i2 USB'? There is 3 = ...
    """
    words = wanted.casefold().replace(",", " ").split()
    exact = [device for device in devices if wanted == device.full_name]
    named = [device for device in devices if wanted == device.name]
    alike = [device for device in devices if words and all(word in device.full_name.casefold() for word in words)]
    found = exact[:1] or [best for best in [_fittest(named)] if best] or alike
    if not found and wanted.strip().isdecimal():
        return _numbered(int(wanted), devices, direction)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"audio {direction} {wanted!r} is one of several: {_numbers(found)}; use more of its name, or its number"
        )
    near = get_close_matches(wanted, [device.name for device in devices], 1)
    meant = f": did you mean {near[0]!r}? There" if near else ": there"
    raise ValueError(f"no audio {direction} named {wanted!r}{meant} {_are(devices)}")


def check(input: Device, output: Device, sample_rate: float, channels: tuple[int, int]) -> None:
    """Whether two devices play together at a rate, with so many channels in and out.

    Raises:
        ValueError: in one line, if not: which device, what was asked, and what it has.
    """
    if input.host_api != output.host_api:
        raise ValueError(
            f"{input.name} is a device of {input.host_api} and {output.name} of {output.host_api}: "
            "choose both from one of them"
        )
    sounddevice = portaudio()
    for device, direction, columns, ask in (
        (input, "input", channels[0], sounddevice.check_input_settings),
        (output, "output", channels[1], sounddevice.check_output_settings),
    ):
        has = device.inputs if direction == "input" else device.outputs
        if columns > has:
            raise ValueError(f"{device.name} has {has} {direction} channels: {columns} were asked for")
        try:
            with discard_stderr():
                ask(device=device.number, channels=columns, dtype="float32", samplerate=sample_rate)
        except sounddevice.PortAudioError as error:
            raise ValueError(
                f"{device.name} refuses {sample_rate:g} Hz with {columns} {direction} channels "
                f"({_reason(error)}): it prefers {device.default_rate:g} Hz and has {has}"
            ) from error


def _usual(able: list[Device], direction: Direction) -> Device:
    """A JACK server's own device, or else what the system prefers, or else the first."""
    sounddevice = portaudio()
    jack = [device for device in able if device.host_api == JACK]
    if jack:
        return next((device for device in jack if device.name == "system"), jack[0])
    preferred = sounddevice.default.device[0 if direction == "input" else 1]
    if preferred in (None, -1):
        preferred = next(
            (api[f"default_{direction}_device"] for api in sounddevice.query_hostapis() if api["devices"]), -1
        )
    return next((device for device in able if device.number == preferred), able[0])


def _numbered(number: int, devices: list[Device], direction: Direction) -> Device:
    """The device of a number, which must be able to do what is wanted."""
    found = next((device for device in devices if device.number == number), None)
    if found is None:
        raise ValueError(f"no audio device {number}: there {_are(devices)}")
    if not found.channels(direction):
        able = [device for device in devices if device.channels(direction)]
        raise ValueError(f"audio device {number} ({found.full_name}) has no {direction}: there {_are(able)}")
    return found


def _fittest(devices: list[Device]) -> Device | None:
    """Of one device that several interfaces offer, the one that is best for playing live; None if they are several."""
    ranks = sorted(devices, key=_rank)
    if not ranks or (len(ranks) > 1 and ranks[0].host_api == ranks[1].host_api):
        return None
    return ranks[0]


def _rank(device: Device) -> int:
    return HOST_APIS.index(device.host_api) if device.host_api in HOST_APIS else len(HOST_APIS)


def _reason(error: Exception) -> str:
    """What PortAudio says, without sounddevice's words around it."""
    return str(error.args[0]).split(" [PaErrorCode")[0] if error.args else type(error).__name__


def _are(devices: list[Device]) -> str:
    return f"{'is' if len(devices) == 1 else 'are'} {_numbers(devices)}"


def _numbers(devices: list[Device]) -> str:
    return "; ".join(f"{device.number} = {device.full_name}" for device in devices)
