"""`dreampedal devices`: what there is to play through, audio and MIDI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Column
from rich.text import Text

from dreampedal.console.console import fail, print_json
from dreampedal.console.tables import figures, print_table
from dreampedal.engine.live.device.devices import Device, audio_devices, find

SHORT = {"JACK Audio Connection Kit": "JACK"}
"""Interfaces whose names leave no room for those of devices."""


@dataclass
class Listing:
    """Every device, and why there are none of a kind."""

    audio: list[Device] = field(default_factory=list)
    audio_trouble: str = ""
    default_input: int | None = None
    """Number of the device that is taken where none is named."""
    default_output: int | None = None
    midi_inputs: list[str] = field(default_factory=list)
    midi_outputs: list[str] = field(default_factory=list)
    midi_trouble: str = ""

    def document(self) -> dict[str, Any]:
        """All of it as plain values."""
        marks = {"is_default_input": self.default_input, "is_default_output": self.default_output}
        audio = [
            asdict(device) | {name: device.number == number for name, number in marks.items()} for device in self.audio
        ]
        return {
            "audio": audio,
            "audio_trouble": self.audio_trouble or None,
            "midi_inputs": self.midi_inputs,
            "midi_outputs": self.midi_outputs,
            "midi_trouble": self.midi_trouble or None,
        }


def run(as_json: bool) -> int:
    """List devices; the status to exit with: 2 where there is no library to list audio devices with."""
    found = listing()
    if as_json:
        print_json(found.document())
    else:
        _print(found)
    return fail(found.audio_trouble) if found.audio_trouble else 0


def listing() -> Listing:
    """All devices. Nothing is opened."""
    found = Listing()
    try:
        found.audio = audio_devices()
    except ValueError as error:
        found.audio_trouble = str(error)
    if any(device.inputs for device in found.audio):
        found.default_input = find(None, "input").number
    if any(device.outputs for device in found.audio):
        found.default_output = find(None, "output").number
    try:
        found.midi_inputs, found.midi_outputs = _midi()
    except ValueError as error:
        found.midi_trouble = str(error)
    return found


def audio_line(found: Listing) -> str:
    """How many devices there are, or what to do where there are none."""
    if found.audio_trouble:
        return f"audio: {found.audio_trouble}"
    if not found.audio:
        return "audio: no device: connect a sound card, or start a JACK server"
    names: dict[int | None, str] = {device.number: device.name for device in found.audio}
    first, last = names.get(found.default_input, "none"), names.get(found.default_output, "none")
    return f"{len(found.audio)} audio device{'s' * (len(found.audio) != 1)}; by default in {first}, out {last}"


def _midi() -> tuple[list[str], list[str]]:
    """The names of all MIDI inputs and outputs."""
    from dreampedal.engine.live.midi.ports import NO_MIDI, input_names, output_names, systems

    if not systems():
        raise ValueError(NO_MIDI)
    return input_names(), output_names()


def _print(found: Listing) -> None:
    """All devices, and what to do where there are none."""
    if found.audio:
        print_table(
            (Column("", justify="right"), Column("audio device", overflow="fold"),
             *figures("in", "out", "Hz", "latency in, out"), Column("through", overflow="fold"),
             Column("default", no_wrap=True)),
            (_row(device, found) for device in found.audio),
        )  # fmt: skip
    elif not found.audio_trouble:
        print(audio_line(found))
    if found.midi_trouble:
        print(f"MIDI: {found.midi_trouble}")
        return
    print(f"MIDI inputs:  {_numbered(found.midi_inputs) or 'none: plug in a controller, or use --midi-virtual'}")
    print(f"MIDI outputs: {_numbered(found.midi_outputs) or 'none'}")


def _row(device: Device, found: Listing) -> tuple[str | Text, ...]:
    """An audio device in the table."""
    defaults = ("in", found.default_input), ("out", found.default_output)
    return (
        str(device.number), Text(device.name), str(device.inputs), str(device.outputs), f"{device.default_rate:g}",
        f"{1000 * device.low_in:.1f}, {1000 * device.low_out:.1f} ms",
        Text(SHORT.get(device.host_api, device.host_api)),
        " ".join(word for word, number in defaults if device.number == number),
    )  # fmt: skip


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} = {name}" for number, name in enumerate(names))
