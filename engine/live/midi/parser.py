"""MIDI messages out of bytes, in whatever pieces the bytes come.

>>> parser = Parser()
>>> parser.feed([0xB1, 74, 100])
[ControlChange(channel=2, number=74, value=100)]
>>> parser.feed([75]), parser.feed([1])  # running status: the same kind again, without its first byte
([], [ControlChange(channel=2, number=75, value=1)])
>>> parser.feed([0x90, 60, 200]), parser.malformed
([], 1)

Source: MIDI 1.0 Detailed Specification, MIDI Manufacturers Association, 1996, appendix 2: the receiver.
"""

from __future__ import annotations

from collections.abc import Iterable

from dreampedal.engine.live.midi.messages import BY_STATUS, Message

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
