"""Parameter numbers: a controller that says what it turns first, and how far afterwards.

A knob of 14 bits on one of 16,383 numbers sends its number once, as controllers 99 and 98 (NRPN, the maker's own) or
101 and 100 (RPN, those that the standard registered), then its value as data entry, 6 and 38, or a step at a time, 96
and 97. Until another number comes, those four are the parameter's, and no knobs of their own.

>>> entry = DataEntry()
>>> [entry.read(ControlChange(1, number, value)) for number, value in ((99, 1), (98, 20), (6, 100))][-1]
Entry(channel=1, registered=False, number=148, controller=6, value=100)
>>> [entry.read(ControlChange(1, number, 127)) for number in (99, 98)][-1]
ControlChange(channel=1, number=98, value=127)
>>> entry.read(ControlChange(1, 6, 100))
ControlChange(channel=1, number=6, value=100)

Source: MIDI 1.0 Detailed Specification 4.2, "Registered and non-registered parameter numbers", and RP-015, "Response to
reset all controllers", MIDI Manufacturers Association.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dreampedal.engine.live.midi.messages import ACTIONS, PARAMETERS, ControlChange, Message

UPPER, LOWER = 6, 38
"""Data entry: the upper 7 bits of a value, and the lower."""

STEPS = {96: 1, 97: -1}
"""Data increment and decrement; what they carry means nothing."""

RESET_ALL = 121
"""Reset all controllers."""

_PARTS = {99: (False, 0), 98: (False, 1), 101: (True, 0), 100: (True, 1)}
"""Which controller tells which part of a number: whether it is a registered one, and 0 for its upper half."""

NUMBERS = frozenset(_PARTS)
"""Controllers that say which parameter is meant."""

SWEEP = 3
"""Messages in a row of one such controller, with nothing between, that make it a knob like any other: a number is told
once.
"""

_NULL = [127, 127]


@dataclass(frozen=True)
class Entry(Message):
    """A parameter number gets its value, half a value, or a step."""

    registered: bool
    """True for RPN, which set an instrument up and are no knobs."""
    number: int
    """Of 14 bits, 0 to 16382."""
    controller: int
    """6 for the upper half of the value, 38 for the lower, 96 for a step up, 97 for one down."""
    value: int
    """From 0 to 127."""

    kind, highest, learned_for = "nrpn", 16382, (PARAMETERS, ACTIONS)

    @property
    def is_at_rest(self) -> bool:
        return False

    @property
    def steps(self) -> int:
        """How far the value goes on from where it is, 1 or -1; 0 if a half of it comes."""
        return STEPS.get(self.controller, 0)


class DataEntry:
    """Which parameter is selected on each channel.

    What was selected stays so, as the standard has it, until another number comes, the null number 127, 127, or a reset
    of all controllers: many knobs send their number only when it is another than the last one's. So a plain knob on
    controller 6 of the same channel is heard as that parameter's meanwhile, whichever device it is on: nothing on the
    wire tells them apart. Give one of the two another channel.

    Where someone's controller has plain knobs on 98 to 101 too, they select nothing while they are turned.
    """

    def __init__(self) -> None:
        self._channels: dict[int, _Selected] = {}

    def read(self, message: Message) -> Message:
        """The message as it is, or, if it is data entry and a number is selected on its channel, what that gets."""
        if not isinstance(message, ControlChange):
            return message
        selected = self._channels.setdefault(message.channel, _Selected())
        selected.count(message.number)
        if message.number in _PARTS:
            selected.take(*_PARTS[message.number], message.value)
        elif message.number == RESET_ALL:
            self._channels[message.channel] = _Selected()
        elif message.number in (UPPER, LOWER, *STEPS) and (number := selected.number) is not None:
            return Entry(message.channel, selected.registered, number, message.number, message.value)
        return message


@dataclass
class _Selected:
    """The numbers of one channel, each in two halves, and which of the two kinds came last."""

    last: int = -1
    in_a_row: int = 0
    registered: bool = False
    halves: dict[bool, list[int | None]] = field(default_factory=lambda: {False: [None, None], True: [None, None]})

    def count(self, number: int) -> None:
        self.in_a_row = self.in_a_row + 1 if number == self.last else 1
        self.last = number

    def take(self, registered: bool, half: int, value: int) -> None:
        self.registered = registered
        self.halves[registered][half] = value if self.in_a_row < SWEEP else None

    @property
    def number(self) -> int | None:
        """The number that is selected, if both of its halves are known and it is not the null number."""
        upper, lower = self.halves[self.registered]
        if upper is None or lower is None or [upper, lower] == _NULL:
            return None
        return upper << 7 | lower
