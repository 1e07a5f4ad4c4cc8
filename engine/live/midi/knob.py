"""A knob that moves a parameter: where it stands, and whether it has been picked up.

A parameter has a value before anyone touches the knob, and other hands change it: a preset, a key, a script. So that
nothing jumps, the knob does nothing until it reaches or passes the present value (soft takeover); from then on it leads
until another hand sets the parameter. An endless knob has no place of its own: it goes on from the present value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.live.midi.data_entry import UPPER, Entry
from dreampedal.engine.live.midi.map import Mapping, parse_source
from dreampedal.engine.live.midi.messages import ON_OR_OFF, ControlChange, Message, Reading
from dreampedal.engine.live.midi.pair import Pair
from dreampedal.engine.live.midi.relative import clicks
from dreampedal.engine.live.midi.travel import Travel, travel_of
from dreampedal.engine.live.player.changes import Bypass, Change, Set, Value, item_at, paths
from dreampedal.engine.live.player.mirror import value_of

IN_FLIGHT = 256
"""Values that a slow parameter may be behind."""


class Knob:
    """One line of a MIDI map while it is played."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping, self.source = mapping, parse_source(mapping.source)
        self.position: float | None = None
        """Where it was seen last, from 0 to 1; an endless knob stands where its parameter does."""
        self.picked_up = False
        """Whether the last movement was heard."""
        self._pairs: dict[int, Pair] = {}
        self._item: Any = None
        self._travel: Travel | None = None
        # What the knob did last: the board's value, unless another hand has set it. A slow parameter may still have one
        # of those before, down to the value that it was picked up at.
        self._is_slow = False
        self._sent: list[Value] = []
        self._found: Value = 0.0

    def stands_as(self, others: Iterable[Knob]) -> None:
        """Take over where the same source was seen by another."""
        for other in others:
            if other.source == self.source and self.source.kind != "rel":
                self.position, self._pairs = other.position, other._pairs

    def goes_on_for(self, other: Knob, board: Rack) -> None:
        """Lead where another leads that heard the same control as something else; an endless knob from before that."""
        if other.undone(board):
            self._item, self._travel, self._is_slow = other._item, other._travel, other._is_slow
            self._sent, self._found, self.picked_up = [*other._sent], other._found, True
            if self.source.kind == "rel" and self._travel is not None:
                self.position = self._travel.position(self._found)

    def undone(self, board: Rack) -> list[Change]:
        """What gives a parameter the value back that the knob found, if it still has one of the knob's."""
        place = self._find(board)
        if place is None or not self.picked_up or not self._leads(getattr(self._item, self.mapping.parameter)):
            return []
        return [Set(place, self.mapping.parameter, self._found)]

    def turn(self, message: Message, board: Rack) -> list[Change]:
        """What a message does: at most one change. A place or parameter that the board does not have takes none."""
        if steps := self._clicks(message):
            return self._step(steps, board)
        seen = self.seen(message)
        if seen is None:
            return []
        before, (self.position, step) = self.position, seen
        if self.mapping.action:
            return self._switch(before, step)
        place = self._find(board)
        if place is None or self._travel is None:
            return []
        present = value_of(self._item, self.mapping.parameter)
        value = self._travel.value(self.position)
        at_once = step == ON_OR_OFF or not self.mapping.pickup
        if not self._leads(present):
            self.picked_up = at_once or value == present or self._reaches(self._travel.position(present), before, step)
            self._sent, self._found = [present], present
        return self._moved(place, value) if self.picked_up else []

    def seen(self, message: Message) -> Reading | None:
        """The position that a message tells and the step to the next one, both of 1; None for another source."""
        kind, number = self.source.kind, self.source.number
        if self.source.channel not in (None, message.channel):
            return None
        match message:
            case ControlChange(value=value) if kind == "cc14" and message.number in (number, number + 32):
                return self._pair(message.channel).seen(message.number == number, value)
            case Entry(registered=False, steps=0) if kind == "nrpn" and message.number == number:
                return self._pair(message.channel).seen(message.controller == UPPER, message.value)
            case Entry():
                return None
        return message.reading if message.source == (kind, number) else None

    def _pair(self, channel: int) -> Pair:
        return self._pairs.setdefault(channel, Pair())

    def _clicks(self, message: Message) -> int:
        """How far a message turns the knob, if it tells that and not where it stands."""
        if self.source.channel not in (None, message.channel):
            return 0
        match message:
            case ControlChange(number=self.source.number, value=value) if self.source.kind == "rel":
                return clicks(self.source.encoding, value)
            case Entry(registered=False, number=self.source.number, steps=steps) if self.source.kind == "nrpn":
                return steps
        return 0

    def _step(self, steps: int, board: Rack) -> list[Change]:
        """Go on from the present value."""
        place = self._find(board)
        if place is None or self._travel is None or self.mapping.action:
            return []
        present = getattr(self._item, self.mapping.parameter)
        if self.position is None or not self._leads(present):
            self.position = self._travel.position(present)
            self._sent, self._found = [present], present
        self.picked_up = True
        self.position = min(max(self.position + steps * self._travel.click, 0.0), 1.0)
        return self._moved(place, self._travel.value(self.position))

    def _moved(self, place: str, value: Value) -> list[Change]:
        """The change to a value, if it is another one than the last."""
        if value == self._sent[-1]:
            return []
        self._sent = [*self._sent[-IN_FLIGHT:], value] if self._is_slow else [value]
        return [Set(place, self.mapping.parameter, value)]

    def _switch(self, before: float | None, step: float) -> list[Change]:
        """Bypass for as long as a key is down, or a pedal at least half."""
        assert self.position is not None
        on = self.position >= 0.5
        self.picked_up = True
        changed = step == ON_OR_OFF or before is None or on != (before >= 0.5)
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


def _same(one: Value, other: Value) -> bool:
    """Whether two values are one, when a plugin has kept one of them in float32."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other
