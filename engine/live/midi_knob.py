"""A knob that moves a parameter: where it stands, and whether it has been picked up.

A parameter has a value before anyone touches the knob, and other hands change it: a preset, a key, a script. So that
nothing jumps, the knob does nothing until it reaches or passes the present value (soft takeover); from then on it leads
until another hand sets the parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..board import Rack
from ..parameters import parameters_of
from .changes import Bypass, Change, Set, Value, item_at, paths
from .midi_map import Mapping, parse_source
from .midi_messages import ControlChange, Message, NoteOff, NoteOn, PitchBend
from .midi_travel import Travel, travel_of

IN_FLIGHT = 256
"""Values that a slow parameter may be behind."""


class Knob:
    """One line of a MIDI map while it is played."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping, self.source = mapping, parse_source(mapping.source)
        self.position: float | None = None
        """Where it was seen last, from 0 to 1."""
        self.picked_up = False
        """Whether the last movement was heard."""
        self._pairs: dict[int, Pair] = {}
        self._item: Any = None
        self._travel: Travel | None = None
        # What the knob did last: the board's value, unless another hand has set it. A slow parameter may still have one
        # of those before, down to the value that it was picked up at.
        self._is_slow = False
        self._sent: list[Value] = []

    def stands_as(self, others: Iterable[Knob]) -> None:
        """Take over where the same source was seen by another."""
        for other in others:
            if other.source == self.source:
                self.position, self._pairs = other.position, other._pairs

    def turn(self, message: Message, board: Rack) -> list[Change]:
        """What a message does: at most one change. A place or parameter that the board does not have takes none."""
        seen = self.seen(message)
        if seen is None:
            return []
        before, (self.position, step) = self.position, seen
        if self.mapping.action:
            return self._switch(before)
        place = self._find(board)
        if place is None or self._travel is None:
            return []
        present = getattr(self._item, self.mapping.parameter)
        value = self._travel.value(self.position)
        at_once = self.source.kind == "note" or not self.mapping.pickup
        if not self._leads(present):
            self.picked_up = at_once or value == present or self._reaches(self._travel.position(present), before, step)
            self._sent = [present]
        if not self.picked_up or value == self._sent[-1]:
            return []
        self._sent = [*self._sent[-IN_FLIGHT:], value] if self._is_slow else [value]
        return [Set(place, self.mapping.parameter, value)]

    def seen(self, message: Message) -> tuple[float, float] | None:
        """The position that a message tells and the step to the next one, both of 1; None for another source."""
        source = self.source
        if source.channel is not None and message.channel != source.channel:
            return None
        if isinstance(message, ControlChange) and source.kind == "cc" and message.number == source.number:
            return message.value / 127, 1 / 127
        if isinstance(message, ControlChange) and source.kind == "cc14" and message.number % 32 == source.number:
            pair = self._pairs.setdefault(message.channel, Pair())
            return pair.seen(message.number < 32, message.value) if message.number < 64 else None
        if isinstance(message, PitchBend) and source.kind == "bend":
            return (message.value + 8192) / 16383, 1 / 16383
        if isinstance(message, NoteOn | NoteOff) and source.kind == "note" and message.note == source.number:
            return (1.0 if isinstance(message, NoteOn) else 0.0), 1.0
        return None

    def _switch(self, before: float | None) -> list[Change]:
        """Bypass for as long as a key is down, or a pedal at least half."""
        assert self.position is not None
        on = self.position >= 0.5
        self.picked_up = True
        changed = self.source.kind == "note" or before is None or on != (before >= 0.5)
        return [Bypass(on)] if changed else []

    def _find(self, board: Rack) -> str | None:
        """The place of the effect: it is followed where it goes, and one in its place is taken where it is gone."""
        if self._item is not None:
            for place, item in paths(board):
                if item is self._item:
                    if place != self.mapping.effect:
                        self.mapping = replace(self.mapping, effect=place)
                    return place
        self._item, self._travel, self._sent = None, None, []
        try:
            self._item = item_at(board, self.mapping.effect)
            self._travel = travel_of(self.mapping, self._item)
            self._is_slow = getattr(parameters_of(type(self._item)).get(self.mapping.parameter), "slow", False)
        except ValueError:
            return None
        return self.mapping.effect

    def _leads(self, present: Value) -> bool:
        """Whether the board's value is this knob's own work; what was sent before it is then forgotten."""
        for index, value in enumerate(self._sent):
            if _same(value, present):
                del self._sent[:index]
                return self.picked_up
        return False

    def _reaches(self, aim: float, before: float | None, step: float) -> bool:
        """Whether the knob stands at `aim` as nearly as it can, or has come past it."""
        assert self.position is not None
        near = abs(self.position - aim) <= step / 2 + 1e-9
        return near or (before is not None and (before - aim) * (self.position - aim) <= 0)


class Pair:
    """Two controllers that are one of 14 bits: n has the upper 7, n + 32 the lower 7.

    They come as two messages, and reading each as it comes would jump: from 64·128 + 127 up to 65·128 + 0 by way of
    65·128 + 127. So when the upper 7 bits move, the lower ones are taken as the nearest that they can be, 0 on the way
    up and 127 on the way down, until they come: no position lies outside the way from the last to the next, and none
    waits. A controller that never sends the lower bits has 7 bits, over the whole travel.
    """

    def __init__(self) -> None:
        self._upper: int | None = None
        self._lower: int | None = None

    def seen(self, is_upper: bool, value: int) -> tuple[float, float] | None:
        """The position after one of the two, and its step; None while only the lower bits are known."""
        if not is_upper:
            self._lower = value
        elif self._lower is None:
            self._upper = value
            return value / 127, 1 / 127
        else:
            if self._upper is not None and value != self._upper:
                self._lower = 0 if value > self._upper else 127
            self._upper = value
        if self._upper is None or self._lower is None:
            return None
        return (self._upper << 7 | self._lower) / 16383, 1 / 16383


def _same(one: Value, other: Value) -> bool:
    """Whether two values are one, when a plugin has kept one of them in float32."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other
