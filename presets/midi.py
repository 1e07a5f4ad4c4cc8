"""The MIDI map of a preset as TOML, and back.

    [[midi]]
    source = "cc:74"
    effect = 0
    parameter = "amount"

    [[midi]]
    source = "note:60"
    action = "bypass"

`source` is one of those that `dreampedal.engine.live.midi.map.Mapping` lists: "cc:74", "cc14:1", "nrpn:148",
"rel:74:twos", "bend", "pressure", "key_pressure:60", "note:60", "transport". `effect` counts from 0, and "2.1" is the
second effect inside the third. `low`, `high`, `curve` and `pickup` are those of that class too.

The shipped presets share one convention, so that a controller plays them all alike. It follows what MIDI calls these
controllers: 1 (modulation wheel) turns the `amount` of the dream, 71 (timbre) its `mix`, 72 (release time) its
`memory_seconds`, 74 (brightness) its `reach_db`, and 64 (sustain pedal) freezes it. Keys are left to the musician.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.live.midi.travel import require_mapping
from dreampedal.presets.toml_text import require_known, require_tables

_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "source": (str, "a text"),
    "effect": ((str, int), 'a place on the board, like 0 or "2.1"'),
    "parameter": (str, "a text"),
    "action": (str, "a text"),
    "low": ((int, float), "a number"),
    "high": ((int, float), "a number"),
    "curve": (str, "a text"),
    "pickup": (bool, "true or false"),
}


def mappings_of(tables: Any, board: Board, where: str) -> list[Mapping]:
    """The mappings under the key `midi`, each checked against the board; `where` begins every error."""
    require_tables(tables, "midi", where)
    return [_mapping(table, board, f"{where}: midi[{index}]") for index, table in enumerate(tables)]


def tables_of(mappings: Iterable[Mapping], board: Board) -> list[dict[str, Any]]:
    """What `mappings_of` makes equal mappings of; what is as by default is left out.

    A ValueError for a mapping that does not fit the board: such a preset could not be loaded.

    >>> from pedalboard import Gain
    >>> tables_of([Mapping("cc:1", "1", "gain_db", low=-60, high=0)], Board([None, Gain()]))
    [{'source': 'cc:1', 'effect': 0, 'parameter': 'gain_db', 'low': -60, 'high': 0}]
    """
    return [_table(mapping, board, f"midi[{index}]") for index, mapping in enumerate(mappings)]


def _table(mapping: Mapping, board: Board, where: str) -> dict[str, Any]:
    """One mapping as a table."""
    _require(mapping, board, where)
    table = {field.name: value for field in fields(Mapping) if (value := getattr(mapping, field.name)) != field.default}
    if mapping.effect:
        place = _written_place(mapping.effect, board)
        table["effect"] = int(place) if place.isdecimal() else place
    return table


def _written_place(place: str, board: Board) -> str:
    """A place as it is in the text, which leaves empty places out."""
    written, rack = [], board
    for index in map(int, place.split(".")):
        written.append(sum(item is not None for item in list(rack)[:index]))
        rack = rack[index]
    return ".".join(map(str, written))


def _mapping(table: dict[str, Any], board: Board, where: str) -> Mapping:
    """One mapping, or a ValueError that says what is wrong with it."""
    require_known(table, _KINDS, where)
    for key, value in table.items():
        kind, expected = _KINDS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{where}.{key} = {value!r}: expected {expected}")
    for key in ("source", *(() if "action" in table else ("effect", "parameter"))):
        if key not in table:
            raise ValueError(f"{where}.{key} = nothing: expected {_KINDS[key][1]}")
    try:
        mapping = Mapping(**table | ({"effect": str(table["effect"])} if "effect" in table else {}))
    except ValueError as error:  # an integer too long to be a text
        raise ValueError(f"{where}.effect: {error}") from error
    _require(mapping, board, where)
    return mapping


def _require(mapping: Mapping, board: Board, where: str) -> None:
    """A ValueError that begins with `where`, unless a mapping fits the board."""
    try:
        require_mapping(mapping, board)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error
