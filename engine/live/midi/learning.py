"""Learning: which control moved, told from all that an instrument sends besides.

A knob is bound with its first message, so that it answers at once. What kind it is may show only later: one half of 14
bits, or an endless one. So what follows is watched, and the binding is put right:

- *14 bits* are three pairs of halves in turn, six messages, in which an upper half comes again unchanged, as no knob by
  itself sends it, or the lower one leaps; or two lower halves that go over an end of their range just where the upper
  one goes on by one. A fader on 0 and a button on 32, or two faders that are moved together, do neither.
- *An endless knob* is turned both ways (see `relative.Encoding`).
- *A bank select*, controllers 0 and 32, is one once a program change follows: the binding is undone.

Never learned: modes of a channel (120 to 127), the numbers of parameters (98 to 101, unless one of them comes again and
again by itself, as a plain knob does), values of registered parameters, program changes, what a reset of a channel puts
back to rest, a wheel that is in its middle, and pressure of 0.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from dreampedal.engine.live.midi.data_entry import NUMBERS, RESET_ALL, SWEEP, UPPER, Entry
from dreampedal.engine.live.midi.messages import (
    ACTIONS,
    ON_OR_OFF,
    PARAMETERS,
    ControlChange,
    Message,
    NoteOff,
    NoteOn,
    ProgramChange,
)
from dreampedal.engine.live.midi.relative import Encoding

CHANNEL_MODES = 120
"""Control changes from here on are no knobs: all notes off, local control, omni."""

MPE_CONFIGURATION = 6
"""The registered parameter by which an MPE instrument tells how many channels carry one note each."""

MPE_NOTES = 3
"""Channels with a single note each, at once, that show the same without it."""

MPE_TRAVEL = 0.25
"""How far a control of one note has to go to be learned: each note comes with a place for all of them."""

BANK_SELECT = {0, 32}

_MOST_MESSAGES = 512
"""Halves after which a knob is believed to be of 7 bits."""

_OVER_AN_END = 64
_LEAP = 16


class Instrument:
    """What messages so far tell of who sends them: channels that carry one note each, and those being reset.

    Source: MIDI Polyphonic Expression 1.1, MIDI Association: RPN 6 on channel 1 gives the zone from 2 up, on channel 16
    the zone from 15 down.
    """

    def __init__(self) -> None:
        self._zones: dict[int, set[int]] = {}
        self._seen_alone: set[int] = set()
        self._notes: defaultdict[int, set[int]] = defaultdict(set)
        self._being_reset: set[int] = set()
        self._last: dict[int, tuple[int, int]] = {}
        """The last controller of each channel, and how often it came in a row."""

    def is_per_note(self, channel: int) -> bool:
        """Whether a channel is one note's, so that the next one has another."""
        return channel in self._seen_alone or any(channel in zone for zone in self._zones.values())

    def observe(self, message: Message) -> bool:
        """Take note of a message; whether it can be someone's movement."""
        channel = message.channel
        match message:
            case Entry(registered=True):
                if message.number == MPE_CONFIGURATION and message.controller == UPPER:
                    self._set_zone(channel, message.value)
                return False
            case NoteOn(number=note):
                self._notes[channel].add(note)
                self._look_at_notes(channel)
            case NoteOff(number=note):
                self._notes[channel].discard(note)
                return False
            case ControlChange(number=number) if number >= CHANNEL_MODES:
                if number == CHANNEL_MODES or number > RESET_ALL + 1:
                    self._notes[channel].clear()
                self._being_reset.add(channel)
                return False
        if message.is_at_rest and (channel in self._being_reset or not isinstance(message, ControlChange)):
            return False
        self._being_reset.discard(channel)
        return not isinstance(message, ControlChange) or self._is_knob(message)

    def _is_knob(self, message: ControlChange) -> bool:
        """Whether a controller is no number of a parameter: one of those is told once, a knob moves on."""
        number, count = self._last.get(message.channel, (-1, 0))
        count = count + 1 if message.number == number else 1
        self._last[message.channel] = message.number, count
        return message.number not in NUMBERS or count >= SWEEP

    def _set_zone(self, manager: int, members: int) -> None:
        members = min(members, 15)
        if manager == 1:
            self._zones[1] = set(range(2, 2 + members))
        elif manager == 16:
            self._zones[16] = set(range(16 - members, 16))

    def _look_at_notes(self, channel: int) -> None:
        """One note on each of several channels is MPE; several on one are not."""
        if len(self._notes[channel]) > 1:
            self._seen_alone.discard(channel)
        alone = {each for each, notes in self._notes.items() if len(notes) == 1}
        if len(alone) >= MPE_NOTES:
            self._seen_alone |= alone


class Learner:
    """Finds the source of the next movement, and watches whether it was taken for the right kind."""

    def __init__(self) -> None:
        self._instrument = Instrument()
        self._first: dict[str, float] = {}
        self._watch: Watch | None = None

    def begin(self) -> None:
        """Something new is to be learned."""
        self._first, self._watch = {}, None

    def observe(self, message: Message, learns: bool, keys: bool) -> str:
        """The source that a message is learned from, or nothing; of keys only if `keys`, for actions."""
        moves = self._instrument.observe(message)
        if not learns or not moves or (ACTIONS if keys else PARAMETERS) not in message.learned_for:
            return ""
        source = message.learned_as
        if self._instrument.is_per_note(message.channel):
            return source if self._travels(source, message) else ""
        if isinstance(message, ControlChange):
            self._watch = Watch(message)
        return f"{source}@{message.channel}" if message.has_channel else source

    def revised(self, message: Message) -> tuple[str, list[ControlChange]] | None:
        """What the knob that was learned last turns out to be with this message, and what it sent before it."""
        watch = self._watch  # another thread may begin to learn something else meanwhile
        if watch is None or not isinstance(message, ControlChange) or not (source := watch.told_by(message)):
            return None
        self._watch = None
        return source, watch.messages[:-1]

    def was_bank_select(self, message: ProgramChange) -> bool:
        """Whether a program change tells that what was learned last is no knob."""
        watch = self._watch
        if watch is None or not watch.is_bank_select(message.channel):
            return False
        self._watch = None
        return True

    def _travels(self, source: str, message: Message) -> bool:
        """Whether a control of one note has gone far enough from where it was first."""
        position, step = message.reading
        if step == ON_OR_OFF or isinstance(message, Entry):
            return True
        return abs(position - self._first.setdefault(source, position)) >= MPE_TRAVEL


class Watch:
    """A controller that was just learned, and its other half if it has one."""

    def __init__(self, first: ControlChange) -> None:
        self.messages: list[ControlChange] = []
        """Its messages so far."""
        self._channel, self._number = first.channel, first.number
        self._encoding = Encoding()
        self._wraps = 0

    def told_by(self, message: ControlChange) -> str:
        """The source that it is, with its channel, once that is plain."""
        if message.channel != self._channel or len(self.messages) > _MOST_MESSAGES:
            return ""
        number, other = self._number, (self._number + 32) % 64 if self._number < 64 else -1
        if message.number not in (number, other):
            return ""
        self.messages.append(message)
        if message.number == number and not self._encoding.is_none:
            encoding = self._encoding.told_by(message.value)
            if encoding:
                return f"rel:{number}:{encoding}@{self._channel}"
        return f"cc14:{number % 32}@{self._channel}" if self._is_pair() else ""

    def is_bank_select(self, channel: int) -> bool:
        """Whether these are controllers 0 and 32, each once, before a program change on a channel."""
        numbers = [message.number for message in self.messages]
        return channel == self._channel and set(numbers) <= BANK_SELECT and len(set(numbers)) == len(numbers)

    def _is_pair(self) -> bool:
        halves = [(message.number < 32, message.value) for message in self.messages]
        lowers = [value for is_upper, value in halves if not is_upper]
        if all(value in (0, 127) for value in lowers):  # a button's, or a sender's that has 7 bits
            return False
        self._wraps += _goes_over_an_end(halves)
        return self._wraps >= 2 or _is_in_turn(halves[-6:])


def _is_in_turn(halves: list[tuple[bool, int]]) -> bool:
    """Whether halves are three pairs of one knob."""
    if len(halves) < 6 or any(one[0] == other[0] for one, other in pairwise(halves)):
        return False
    uppers, lowers = ([value for is_upper, value in halves if is_upper is which] for which in (True, False))
    repeats = any(one == other for one, other in pairwise(uppers))
    return repeats or all(abs(one - other) >= _LEAP for one, other in pairwise(lowers))


def _goes_over_an_end(halves: list[tuple[bool, int]]) -> bool:
    """Whether the last message, or the two before it, take an upper half on by one and a lower one over its end."""
    kinds = [is_upper for is_upper, _ in halves]
    if kinds[-3:] == [False, True, False]:  # upper first: it comes between the lower halves
        older, upper, newer = (value for _, value in halves[-3:])
        before = halves[:-3]
    elif kinds[-3:] == [False, False, True]:  # lower first
        older, newer, upper = (value for _, value in halves[-3:])
        before = halves[:-3]
    else:
        return False
    last = next((value for is_upper, value in reversed(before) if is_upper), upper)
    return abs(upper - last) == 1 and (newer - older) * (upper - last) <= -_OVER_AN_END
