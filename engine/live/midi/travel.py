"""How far a knob moves a parameter, from one end of its travel to the other.

>>> from dreampedal.engine.host.board import Board
>>> from pedalboard import Gain
>>> gain = Gain()
>>> travel_of(Mapping("cc:74", "0", "gain_db", low=-12, high=6), gain).value(0.5)
-3.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Parameter, Switch, parameters_of
from dreampedal.engine.host.natives.external.parameters import read_parameters
from dreampedal.engine.host.natives.native import can_be_rebuilt, clone, native_parameters, set_native
from dreampedal.engine.live.midi.map import ACTIONS, CURVES, Mapping, Source, parse_source
from dreampedal.engine.live.player.changes import Value, item_at
from dreampedal.engine.runtime.names import listed, suggestion

CLICKS = 128
"""Clicks of an endless knob from one end of a travel to the other."""

CLICKS_A_PART = 4
"""Clicks from one of a few values to the next, so that two words are not half a travel apart."""


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`.

    `click` is how far one click of an endless knob goes, `value` that of the parameter at a position, and `position`
    that of a value; of one that the knob does not reach, the nearer end.
    """

    low: float
    high: float
    exponential: bool = False

    @property
    def click(self) -> float:
        return 1 / CLICKS

    def value(self, position: float) -> float:
        if position <= 0 or position >= 1:
            return self.high if position >= 1 else self.low
        if self.exponential:
            value = self.low * math.pow(self.high / self.low, position)
        else:
            value = (1 - position) * self.low + position * self.high
        lowest, highest = sorted((self.low, self.high))
        return min(max(value, lowest), highest)

    def position(self, value: Any) -> float:
        lowest, highest = sorted((self.low, self.high))
        reached: float = min(max(float(value), lowest), highest)
        if self.exponential:
            return math.log(reached / self.low) / math.log(self.high / self.low)
        return (reached - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Parts:
    """A few values, each with an equal part of the travel; else as `Range`.

    >>> parts = Parts(("wet", "delta"))
    >>> parts.value(0.49), parts.value(0.5), parts.position("delta")
    ('wet', 'delta', 0.75)
    """

    values: tuple[Value, ...]

    @property
    def click(self) -> float:
        return max(1 / CLICKS, 1 / (CLICKS_A_PART * len(self.values)))

    def value(self, position: float) -> Value:
        return self.values[min(max(int(position * len(self.values)), 0), len(self.values) - 1)]

    def position(self, value: Any) -> float:
        if value in self.values:
            return (self.values.index(value) + 0.5) / len(self.values)
        if isinstance(value, int | float) and not isinstance(self.values[0], str):
            nearest = min(self.values, key=lambda each: abs(float(each) - value))
            return (self.values.index(nearest) + 0.5) / len(self.values)
        return 0.0


Travel = Range | Parts
"""From one end of a knob, 0, to the other, 1, and back."""


def require_mapping(mapping: Mapping, board: Rack) -> None:
    """A ValueError, which begins with the field that is wrong, unless the mapping fits the board."""
    source = parse_source(mapping.source)
    if mapping.action:
        _require_action(mapping, source)
        return
    try:
        item = item_at(board, mapping.effect)
    except ValueError as error:
        raise ValueError(f"effect = {mapping.effect!r}: {error}") from error
    travel = travel_of(mapping, item)
    if isinstance(item, Plugin) and isinstance(travel, Range):
        _require_native_takes(item, mapping.parameter, "low", travel.low)
        _require_native_takes(item, mapping.parameter, "high", travel.high)


def travel_of(mapping: Mapping, item: Any) -> Travel:
    """What the knob of a mapping does on an effect or a plugin; a ValueError where it can do nothing."""
    if mapping.curve not in CURVES:
        raise ValueError(f"curve = {mapping.curve!r}: expected one of {listed(CURVES)}")
    if isinstance(item, Effect):
        return _travel_of_ours(mapping, item)
    if isinstance(item, Plugin) and not isinstance(item, pedalboard.PluginContainer):
        return _travel_of_native(mapping, item)
    raise ValueError(f"effect = {mapping.effect!r}: {type(item).__name__} has no parameters")


def _require_action(mapping: Mapping, source: Source) -> None:
    """A ValueError unless a mapping says no more than which key or pedal does it."""
    if mapping.action not in ACTIONS:
        raise ValueError(f"action = {mapping.action!r}: expected one of {listed(ACTIONS)}")
    if mapping.effect or mapping.parameter:
        raise ValueError(f"action = {mapping.action!r}: expected no effect and no parameter beside it")
    if mapping.low is not None or mapping.high is not None:
        raise ValueError(f"action = {mapping.action!r}: expected no low and no high beside it")
    if source.kind in ("bend", "rel"):
        raise ValueError(f"source = {mapping.source!r}: expected a note or a controller for {mapping.action}")


def _travel_of_ours(mapping: Mapping, effect: Effect) -> Travel:
    known = parameters_of(type(effect))
    parameter = known.get(mapping.parameter)
    if parameter is None:
        raise _unknown(mapping.parameter, {name: 0 for name, each in known.items() if not each.fixed}, effect)
    where = f"{type(effect).__name__}.{mapping.parameter}"
    if parameter.fixed:
        raise ValueError(f"parameter = {mapping.parameter!r}: {where} is set when the effect is made, never after")
    if isinstance(parameter, Number):
        return _span(mapping, _end(mapping, "low", parameter), _end(mapping, "high", parameter))
    if mapping.curve != "linear":
        raise ValueError(f"curve = {mapping.curve!r}: expected linear, since {where} takes {parameter.range}")
    if isinstance(parameter, Count):
        low, high = int(_end(mapping, "low", parameter)), int(_end(mapping, "high", parameter))
        step = 1 if low <= high else -1
        return Parts(tuple(range(low, high + step, step)))
    values = parameter.choices if isinstance(parameter, Choice) else (False, True)
    if not isinstance(parameter, Choice | Switch):
        raise ValueError(f"parameter = {mapping.parameter!r}: {where} takes {parameter.range}, no knob moves it")
    return Parts(_without_ends(mapping, where, values))


def _travel_of_native(mapping: Mapping, plugin: Plugin) -> Travel:
    """A native tells no range, but refuses what it does not take."""
    known = native_parameters(plugin)
    if mapping.parameter not in known:
        raise _unknown(mapping.parameter, known, plugin)
    where, present = f"{type(plugin).__name__}.{mapping.parameter}", known[mapping.parameter]
    if isinstance(present, bool):
        return Parts(_without_ends(mapping, where, (False, True)))
    if not isinstance(present, int | float):
        raise ValueError(f"parameter = {mapping.parameter!r}: {where} is no number, no knob moves it")
    if isinstance(plugin, ExternalPlugin):
        mapping = _with_range(mapping, plugin)
    if mapping.low is None or mapping.high is None:
        missing = "low" if mapping.low is None else "high"
        raise ValueError(f"{missing} = nothing: expected a number, since pedalboard does not tell the range of {where}")
    return _span(mapping, _number(mapping, "low"), _number(mapping, "high"))


def _with_range(mapping: Mapping, plugin: ExternalPlugin) -> Mapping:
    """A mapping whose missing ends are those of a VST3 plugin's parameter, which tells its range."""
    lowest, highest = next(each.range[:2] for each in read_parameters(plugin) if each.python_name == mapping.parameter)
    low, high = (end if given is None else given for given, end in ((mapping.low, lowest), (mapping.high, highest)))
    return replace(mapping, low=low, high=high)


def _require_native_takes(plugin: Plugin, name: str, end: str, value: float) -> None:
    """A ValueError in pedalboard's own words, if a clone of the plugin refuses a value."""
    if not can_be_rebuilt(plugin):
        return
    try:
        set_native(clone(plugin), name, value)
    except (ValueError, RuntimeError, TypeError) as error:
        raise ValueError(f"{end} = {value:g}: {str(error).splitlines()[0]}") from error


def _span(mapping: Mapping, low: float, high: float) -> Range:
    if low == high:
        raise ValueError(f"low = high = {low:g}: expected a range")
    if mapping.curve == "exponential" and low * high <= 0:
        raise ValueError(
            f"curve = 'exponential' from {low:g} to {high:g}: expected low and high of one sign, neither of them 0"
        )
    return Range(low, high, mapping.curve == "exponential")


def _end(mapping: Mapping, end: str, parameter: Parameter[Any]) -> float:
    """One end of a mapping's range, by the rule of its parameter."""
    given = getattr(mapping, end)
    return float(parameter.checked(getattr(parameter, end) if given is None else given, end))


def _number(mapping: Mapping, end: str) -> float:
    given = getattr(mapping, end)
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < 1e30:
        raise ValueError(f"{end} = {given!r}: expected a number")
    return float(given)


def _without_ends(mapping: Mapping, where: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values of a parameter that has no range."""
    for end, given in (("low", mapping.low), ("high", mapping.high)):
        if given is not None:
            raise ValueError(f"{end} = {given!r}: expected nothing, since {where} takes {listed(map(str, values))}")
    return values


def _unknown(name: str, known: dict[str, Any], item: Any) -> ValueError:
    found = f"parameter = {name!r}: {type(item).__name__} has no such parameter{suggestion(name, known)}"
    return ValueError(f"{found}; expected one of {listed(known)}")
