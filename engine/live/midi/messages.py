"""MIDI messages out of bytes, in whatever pieces the bytes come.

>>> parser = Parser()
>>> parser.feed([0xB1, 74, 100])
[ControlChange(channel=2, number=74, value=100)]
>>> parser.feed([75]), parser.feed([1])  # running status: the same kind again, without its first byte
([], [ControlChange(channel=2, number=75, value=1)])
>>> parser.feed([0x90, 60, 200]), parser.malformed
([], 1)

What a musician can map, and how it is written:

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

Source: MIDI 1.0 Detailed Specification, MIDI Manufacturers Association, 1996: tables I to VII and the receiver's state
machine of appendix 2.
"""

from __future__ import annotations

from collections.abc import Iterable
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


REAL_TIME = 0xF8
"""Clock, transport, active sensing and reset: this byte and those above may stand between any two others."""
SYSEX, END_OF_SYSEX = 0xF0, 0xF7
_COMMON = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system common messages, none for the rest."""


class Parser:
    """The state between packets: running status, and what a message still lacks. A few bytes, whatever comes.

    It never raises. Well-formed bytes give the same messages however they are cut into packets. What is malformed is
    left out and counted: a message that another one cuts short, data that belongs to nothing, sysex with no end. A
    driver delivers whole messages, so where one is cut short within a packet, the rest of that packet is not believed:
    half a control change must not turn into a program change.
    """

    def __init__(self) -> None:
        self.malformed = 0
        self._status = 0
        self._data: list[int] = []
        self._is_bare = False
        self._in_sysex = False
        self._to_skip = 0
        self._astray = False

    def feed(self, packet: Iterable[int]) -> list[Message]:
        """The messages that are complete with these bytes, in order."""
        found: list[Message] = []
        begun_here = False
        for byte in packet:
            if byte >= REAL_TIME:
                if byte in BY_STATUS:
                    found.append(BY_STATUS[byte].read(byte))
                continue
            if byte < 0x80:
                if message := self._with(byte):
                    found.append(message)
            else:
                broken = bool(self._data or self._to_skip or self._is_bare)
                self._begin(byte, broken)
                if broken and begun_here:
                    self.forget()
                    break
            begun_here = True
        return found

    def forget(self) -> None:
        """Drop what is incomplete, and running status: the bytes to come begin with a status, or count as malformed."""
        self._status, self._to_skip, self._in_sysex, self._is_bare = 0, 0, False, False
        self._data.clear()

    def _begin(self, status: int, broken: bool) -> None:
        """A status byte that is not of real time; `broken` if the message before it lacks data."""
        cut_short = self._in_sysex and status != END_OF_SYSEX
        self.malformed += broken or cut_short
        self.forget()
        self._astray = False
        if status < SYSEX:
            self._status, self._is_bare = status, True
        self._in_sysex = status == SYSEX
        self._to_skip = _COMMON.get(status, 0)

    def _with(self, byte: int) -> Message | None:
        """A data byte; the message that it completes, if it does."""
        if self._in_sysex:
            return None
        if self._to_skip:
            self._to_skip -= 1
            return None
        if not self._status:
            self.malformed += not self._astray  # once for all that have no status in a row
            self._astray = True
            return None
        self._is_bare = False
        self._data.append(byte)
        made = BY_STATUS[self._status & 0xF0]
        if len(self._data) < made.data_bytes:
            return None
        message = made.read(self._status, *self._data)
        self._data.clear()
        return message
