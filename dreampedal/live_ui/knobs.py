"""The parameters of a board as knobs: which there are, how they stand, and what a small step does to one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pedalboard import Plugin

from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Parameter, Switch, Text, parameters_of
from dreampedal.engine.host.natives.native import native_parameters
from dreampedal.engine.live.midi.travel import travel_of
from dreampedal.engine.live.player.changes import item_at, paths
from dreampedal.engine.live.player.mirror import value_of
from dreampedal.live_ui.talk import Knob

STEPS = 50
"""Small steps from the lowest value to the highest."""

SEMITONE = 2 ** (1 / 12)


def knobs_of(board: Any, controls: Iterable[Any] = ()) -> tuple[Knob, ...]:
    """Every parameter that can be turned while it plays, those with a control first.

    Args:
        board: of the effects.
        controls: knobs of `engine.live.midi.control.Midi`. A native plugin, which tells no ranges, is turned by them
            alone.
    """
    by_target = {control.mapping.target: control for control in controls}
    found = []
    for path, item in paths(board):
        known = parameters_of(type(item))
        names = [name for name, each in known.items() if not each.fixed and not isinstance(each, Text)]
        # While one board follows another, the map of the first may still be there.
        names += [name for place, name in by_target if place == path and name not in known and _has(item, name)]
        found += [_knob(path, item, name, known.get(name), by_target.get((path, name))) for name in names]
    return tuple(sorted(found, key=lambda knob: not knob.source))


def stepped(parameter: Parameter[Any], value: Any, steps: int) -> Any:
    """The value some small steps further, within its range.

    >>> stepped(Number(0.5, 0.0, 1.0), 0.5, 1), stepped(Count(4, low=1, high=8), 4, -9)
    (0.52, 1)
    >>> stepped(Switch(False), False, 1), stepped(Choice("wet", choices=("wet", "delta")), "delta", 1)
    (True, 'wet')
    """
    if isinstance(parameter, Switch):
        return not value
    if isinstance(parameter, Choice):
        return parameter.choices[(parameter.choices.index(value) + steps) % len(parameter.choices)]
    if isinstance(parameter, Count):
        return min(max(value + steps, parameter.low), parameter.high)
    assert isinstance(parameter, Number)
    if parameter.unit == "Hz":
        moved = max(value, 10.0) * SEMITONE**steps
    else:
        moved = round(value + steps * (parameter.high - parameter.low) / STEPS, 6)
    return float(min(max(moved, parameter.low), parameter.high))


def turn(live: Any, path: str, name: str, steps: int) -> None:
    """Turn one parameter of the board of a live stream. What its board no longer has is left alone."""
    try:
        item = item_at(live.board, path)
    except ValueError:
        return
    parameter = parameters_of(type(item)).get(name)
    if parameter is not None and not parameter.fixed and not isinstance(parameter, Text):
        live.set(path, name, stepped(parameter, getattr(item, name), steps))


def place_of(text: str) -> tuple[str, str]:
    """Place and parameter of a text like `0.amount` or `1.0.mix`; a bare name is of the first effect.

    >>> place_of("1.0.mix"), place_of("amount")
    (('1.0', 'mix'), ('0', 'amount'))
    """
    path, _, name = text.rpartition(".")
    return path or "0", name


def _has(item: Any, name: str) -> bool:
    return name in native_parameters(item) if isinstance(item, Plugin) else hasattr(item, name)


def _knob(path: str, item: Any, name: str, parameter: Parameter[Any] | None, control: Any) -> Knob:
    """One parameter as it stands; None is one of a native plugin."""
    value = value_of(item, name)
    shown = number_text(value, getattr(parameter, "unit", ""))
    kind = type(item).__name__
    if control is None:
        return Knob(path, kind, name, shown, share_of(parameter, value))
    try:
        travel = travel_of(control.mapping, item)
    except ValueError:  # the board was edited, and the mapping fits it no longer
        return Knob(path, kind, name, shown, share_of(parameter, value))
    waits = control.mapping.pickup and control.position is not None and not control.picked_up
    share: float | None
    if parameter is None:
        share, waits_at = travel.position(value), control.position
    else:
        share = share_of(parameter, value)
        waits_at = share_of(parameter, travel.value(control.position)) if waits else None
    return Knob(path, kind, name, shown, share, source_text(control.mapping.source), waits_at if waits else None)


def share_of(parameter: Parameter[Any] | None, value: Any) -> float | None:
    """Where a value lies in its parameter's range, from 0 to 1; pitches by ratio. None for switches and words.

    >>> share_of(Number(0.0, -24.0, 24.0, unit="dB"), 12.0), share_of(Switch(False), True)
    (0.75, None)
    """
    if not isinstance(parameter, Number | Count):
        return None
    if parameter.unit == "Hz":
        return math.log(max(value, 10.0) / 10) / math.log(parameter.high / 10)
    return float((value - parameter.low) / (parameter.high - parameter.low))


def number_text(value: Any, unit: str = "") -> str:
    """A value as a musician reads it.

    >>> number_text(0.7), number_text(24.0, "dB"), number_text(20_000.0, "Hz"), number_text(0.125, "s")
    ('0.70', '24 dB', '20,000 Hz', '0.125 s')
    >>> number_text(4), number_text(True), number_text("delta")
    ('4', 'on', 'delta')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        value = f"{value:.2f}" if not unit else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value} {unit}" if unit else str(value)


def source_text(source: str) -> str:
    """A control as a musician calls it.

    >>> source_text("cc:74"), source_text("cc14:1@2"), source_text("bend"), source_text("note:60")
    ('CC 74', 'CC 1+33 ch 2', 'bend', 'note 60')
    >>> source_text("nrpn:148@1"), source_text("rel:74:twos"), source_text("pressure"), source_text("key_pressure:60")
    ('NRPN 148 ch 1', 'CC 74 endless', 'pressure', 'pressure 60')
    """
    name, _, channel = source.partition("@")
    kind, *parts = name.split(":")
    number = parts[0] if parts else ""
    text = {
        "cc": f"CC {number}", "nrpn": f"NRPN {number}", "rel": f"CC {number} endless",
        "note": f"note {number}", "key_pressure": f"pressure {number}",
    }.get(kind, kind)  # fmt: skip
    if kind == "cc14":
        text = f"CC {number}+{int(number) + 32}"
    return f"{text} ch {channel}" if channel else text
