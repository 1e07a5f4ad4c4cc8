"""Settings such as `amount=0.5` or `2.room_size=0.9`, applied to the tables of a board before it is made.

A key alone sets the parameter on every effect of ours that has it, wherever it is nested. A key after a number sets it
on that effect of the board alone, counted from 0, ours or native. Values are written as in TOML; what is no TOML is a
text: `target=class:flute`.

>>> tables = [{"type": "Dream"}, {"type": "pedalboard.Reverb"}]
>>> apply("amount=0.5", tables)
>>> apply("1.room_size=0.9", tables)
>>> tables
[{'type': 'Dream', 'amount': 0.5}, {'type': 'pedalboard.Reverb', 'room_size': 0.9}]
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.runtime.names import listed, suggestion
from dreampedal.presets.effect_types import effect_class
from dreampedal.presets.natives import PREFIX, arguments_of, checked, plugin_class

_SETTING = re.compile(r"\s*(?:(?P<index>\d+)\.)?(?P<key>[a-z_][a-z0-9_]*)\s*=\s*(?P<value>.*?)\s*", re.DOTALL)


def apply(setting: str, tables: list[dict[str, Any]]) -> None:
    """Write one setting into the tables; a ValueError says what is wrong with it."""
    match = _SETTING.fullmatch(setting)
    if not match:
        raise ValueError(f"setting {setting!r}: expected key=value, like amount=0.5, or N.key=value, like 1.mix=0.3")
    key, value, index = match["key"], value_of(match["value"]), match["index"]
    if index is None:
        chosen = [table for table in _ours(tables) if key in _keys(table)]
        known = {name for table in _ours(tables) for name in _keys(table)}
    elif int(index) >= len(tables):
        raise ValueError(f"setting {setting!r}: expected an effect from 0 to {len(tables) - 1}")
    else:
        known = set(_keys(tables[int(index)]))
        chosen = [tables[int(index)]] if key in known else []
    if not chosen:
        natives = [f"{at}.{key}" for at, table in enumerate(tables) if index is None and key in _keys(table)]
        close = f" (did you mean {natives[0]!r}?)" if natives else suggestion(key, known)
        there = listed(sorted(known))
        if not known and index is None:
            there = "none but those of native plugins, each by its number: 0.room_size"
        raise ValueError(f"setting {setting!r}: no such parameter{close}; there are: {there}")
    for table in chosen:
        if key in (shown := table.get("parameter_values", {})):
            shown[key] = value  # of a VST3 plugin, which says itself what it takes
        else:
            table[key] = _checked(table, key, value, f"setting {setting!r}: {table['type']}.{key}")


def value_of(text: str) -> Any:
    """A value as TOML reads it, or the text itself.

    >>> value_of("0.5"), value_of("class:flute")
    (0.5, 'class:flute')
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _ours(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tables of our own effects, those inside containers too."""
    found = []
    for table in tables:
        if not str(table.get("type")).startswith(PREFIX):
            inside = table.get("effects", [])
            found += [table, *_ours([entry for entry in inside if isinstance(entry, dict)])]
    return found


def _keys(table: dict[str, Any]) -> list[str]:
    """What can be set on the effect of a table."""
    kind = str(table.get("type"))
    if kind.startswith(PREFIX):
        return [*arguments_of(plugin_class(kind, "type")), *table.get("parameter_values", {})]
    return list(parameters_of(effect_class(kind, "type")))


def _checked(table: dict[str, Any], key: str, value: Any, where: str) -> Any:
    """The value, by the rule of what it is set on; `where` begins the error."""
    kind = str(table["type"])
    if kind.startswith(PREFIX):
        cls = plugin_class(kind, where)
        checked(cls, arguments_of(cls)[key], value, where)
        return value
    return parameters_of(effect_class(kind, where))[key].checked(value, where)
