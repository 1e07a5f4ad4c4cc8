"""MIDI messages: what an instrument sends, and what a musician can map.

How a source is written:

| source | what it is |
| --- | --- |
| `cc:74` | a controller |
| `cc14:1` | controllers 1 and 33 as one of 14 bits |
| `nrpn:148` | a parameter number, here 148 = 1 * 128 + 20, of 7 or 14 bits |
| `rel:74:twos` | an endless knob; `offset` and `sign` are the other encodings |
| `bend`, `pressure` | the pitch wheel; aftertouch of a channel |
| `note:60`, `key_pressure:60` | a key; its aftertouch |
| `transport` | a sequencer: `high` while it plays, `low` when it has stopped |

A message is one class: its status bytes, how it is read, the source that it moves, and what learning makes of it.

Source: MIDI 1.0 Detailed Specification, MIDI Manufacturers Association, 1996: tables I to VII.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

Reading = tuple[float, float]
"""A position from 0 to 1, and the step to the next one."""

SEVEN_BITS, FOURTEEN_BITS, ON_OR_OFF = 1 / 127, 1 / 16383, 1.0
"""Steps of a reading."""

PARAMETERS, ACTIONS = "parameters", "actions"
"""What a source can be learned for."""

BY_STATUS: dict[int, type[Message]] = {}
"""Every message by its status byte, that of channel 1 where it has one."""

SOURCES: dict[str, type[Message]] = {}
"""The message that each kind of source is told by, where it is one."""


@dataclass(frozen=True)
class Message:
    """What an instrument sends. A message that is added is one class below, and nothing else."""

    channel: int
    """From 1 to 16."""

    data_bytes: ClassVar[int] = 2
    kind: ClassVar[str] = ""
    """Of the source that it moves; empty if nothing can be mapped to it."""
    highest: ClassVar[int | None] = None
    """Largest number of such a source; None if it has no number."""
    learned_for: ClassVar[tuple[str, ...]] = (PARAMETERS,)
    has_channel: ClassVar[bool] = True
    """Otherwise it is the whole system's, and its channel is 0."""

    def __init_subclass__(cls, statuses: tuple[int, ...] = ()) -> None:
        BY_STATUS.update(dict.fromkeys(statuses, cls))
        if cls.kind:
            SOURCES.setdefault(cls.kind, cls)

    @classmethod
    def read(cls, status: int, *data: int) -> Message:
        """The message of a status byte and its data."""
        return cls((status & 0x0F) + 1, *data)

    @property
    def source(self) -> tuple[str, int]:
        """Kind and number of the source that it moves."""
        return self.kind, getattr(self, "number", 0)

    @property
    def learned_as(self) -> str:
        """Its source as a mapping names it, but for the channel."""
        kind, number = self.source
        return kind if self.highest is None else f"{kind}:{number}"

    @property
    def reading(self) -> Reading:
        """Where it says that a control stands."""
        return getattr(self, "value", 0) / 127, SEVEN_BITS

    @property
    def is_at_rest(self) -> bool:
        """Whether a control stands where it does by itself: nobody has moved it."""
        return self.reading[0] == 0


@dataclass(frozen=True)
class ControlChange(Message, statuses=(0xB0,)):
    """A knob, fader, wheel or pedal stands somewhere."""

    number: int
    """From 0 to 127; from 120 on they are modes of the channel, no controllers."""
    value: int
    """From 0 to 127."""

    kind, highest, learned_for = "cc", 119, (PARAMETERS, ACTIONS)

    @property
    def is_at_rest(self) -> bool:
        return self.value == _AT_REST.get(self.number, 0)


_AT_REST = {7: 100, 8: 64, 10: 64, 11: 127}
"""Where controllers rest that do not at 0: volume, balance, pan, expression (RP-015)."""


@dataclass(frozen=True)
class PitchBend(Message, statuses=(0xE0,)):
    """The pitch wheel, which returns to 0 by itself."""

    value: int
    """From -8192 to 8191."""

    kind = "bend"

    @classmethod
    def read(cls, status: int, *data: int) -> Message:
        return cls((status & 0x0F) + 1, (data[1] << 7 | data[0]) - 8192)

    @property
    def reading(self) -> Reading:
        return (self.value + 8192) / 16383, FOURTEEN_BITS

    @property
    def is_at_rest(self) -> bool:
        return self.value == 0


@dataclass(frozen=True)
class ProgramChange(Message, statuses=(0xC0,)):
    """Another sound is asked for."""

    number: int
    """From 0 to 127."""

    data_bytes = 1


@dataclass(frozen=True)
class ChannelPressure(Message, statuses=(0xD0,)):
    """The keys that are down are pressed harder: aftertouch of a keyboard that does not tell them apart."""

    value: int
    """From 0 to 127."""

    data_bytes, kind = 1, "pressure"


@dataclass(frozen=True)
class KeyPressure(Message, statuses=(0xA0,)):
    """A key that is down is pressed harder: aftertouch of each key."""

    number: int
    """Of the key, from 0 to 127."""
    value: int
    """From 0 to 127."""

    kind, highest = "key_pressure", 127


@dataclass(frozen=True)
class NoteOff(Message, statuses=(0x80,)):
    """A key comes up. It is also sent as a note on of velocity 0, which arrives here as this."""

    number: int

    kind, highest, learned_for = "note", 127, ()

    @classmethod
    def read(cls, status: int, *data: int) -> Message:
        return cls((status & 0x0F) + 1, data[0])

    @property
    def reading(self) -> Reading:
        return 0.0, ON_OR_OFF


@dataclass(frozen=True)
class NoteOn(Message, statuses=(0x90,)):
    """A key goes down."""

    number: int
    velocity: int
    """From 1 to 127."""

    kind, highest, learned_for = "note", 127, (ACTIONS,)

    @property
    def reading(self) -> Reading:
        return 1.0, ON_OR_OFF

    @classmethod
    def read(cls, status: int, *data: int) -> Message:
        return cls((status & 0x0F) + 1, *data) if data[1] else NoteOff.read(status, *data)


@dataclass(frozen=True)
class Transport(Message, statuses=(0xFA, 0xFB, 0xFC)):
    """A sequencer starts, goes on or stops."""

    is_playing: bool

    kind, has_channel, learned_for = "transport", False, (ACTIONS,)

    @classmethod
    def read(cls, status: int, *data: int) -> Message:
        return cls(0, status != 0xFC)

    @property
    def reading(self) -> Reading:
        return float(self.is_playing), ON_OR_OFF
