"""Boards as TOML, and back: every effect a table with its type, its parameters, and, in a container, its effects.

    [[effects]]
    type = "Mix"

    [[effects.effects]]
    type = "pedalboard.Reverb"
    room_size = 0.4

Whatever is wrong in such a text ends in one ValueError: where, what was found, what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pedalboard
import tomli_w

from dreampedal.engine.host.board import Board, Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.presets.effect_types import effect_class
from dreampedal.presets.midi import mappings_of, tables_of
from dreampedal.presets.natives import PREFIX, plugin_class, plugin_from, table_of
from dreampedal.presets.settings import apply
from dreampedal.presets.toml_text import require_known, require_tables, toml_of

KEYS = ("title", "description", "effects", "midi")
"""What a preset holds."""

_CONTAINERS: dict[str, Any] = {
    "Board": Board,
    "Mix": Mix,
    "pedalboard.Chain": pedalboard.Chain,
    "pedalboard.Mix": pedalboard.Mix,
    "pedalboard.Pedalboard": vars(pedalboard)["Pedalboard"],
}


@dataclass
class Preset:
    """A board with a title, a sentence about its sound, and its MIDI map."""

    board: Board
    title: str = ""
    description: str = ""
    tables: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """The effects as the text has them."""
    midi: list[Mapping] = field(default_factory=list)
    """What knobs and keys do (see `dreampedal.presets.midi`)."""


def parse(text: str, where: str, settings: Sequence[str] = ()) -> Preset:
    """The preset that a TOML text holds; `where` is what errors call it, usually the file's path.

    Each of `settings`, as `key=value`, takes the place of what the text has (see `dreampedal.presets.settings`).
    """
    try:
        table, board = _read(text, where, settings)
    except ValueError as error:
        if not settings or not str(error).startswith(f"{where}: effects["):
            raise
        _read(text, where)  # which says so if the text is wrong by itself
        raise ValueError(f"{_unfit(text, where, settings)}: {str(error).removeprefix(f'{where}: ')}") from error
    midi = mappings_of(table.get("midi", []), board, where)
    return Preset(board, table.get("title", ""), table.get("description", ""), table["effects"], midi)


def _read(text: str, where: str, settings: Sequence[str] = ()) -> tuple[dict[str, Any], Board]:
    """The table of a text, each setting written into it, and its board."""
    table = toml_of(text, where)
    require_known(table, KEYS, where)
    for key in ("title", "description"):
        if not isinstance(table.get(key, ""), str):
            raise ValueError(f"{where}: {key} = {table[key]!r}: expected a text")
    require_tables(table.get("effects"), "effects", where)
    for setting in settings:
        apply(setting, table["effects"])
    return table, Board(_effects(table, where, f"{where}: "))


def _unfit(text: str, where: str, settings: Sequence[str]) -> str:
    """The setting without which a text makes a board, or all of them, as errors begin with it."""
    for place, setting in enumerate(settings):
        try:
            _read(text, where, [*settings[:place], *settings[place + 1 :]])
        except ValueError:
            continue
        return f"setting {setting!r}"
    return f"settings {', '.join(map(repr, settings))}"


def render(board: Board, title: str = "", description: str = "", midi: Iterable[Mapping] = ()) -> str:
    """The TOML text of a board and its MIDI map. `parse` makes a board of equal parameters, and the same map, of it."""
    head = {key: value for key, value in (("title", title), ("description", description)) if value}
    knobs = tables_of(midi, board)
    return tomli_w.dumps(head | {"effects": _tables(board)} | ({"midi": knobs} if knobs else {}))


def _effects(table: dict[str, Any], where: str, prefix: str) -> list[Any]:
    """The effects under the key `effects` of a table; `prefix` is how their own errors begin."""
    require_tables(table.get("effects"), "effects", where)
    return [_effect(entry, f"{prefix}effects[{index}]") for index, entry in enumerate(table["effects"])]


def _effect(table: dict[str, Any], where: str) -> Any:
    """One effect, native plugin or container."""
    kind = table.get("type")
    if not isinstance(kind, str):
        raise ValueError(f'{where}.type = {kind!r}: expected the name of an effect, like "Dream", "pedalboard.Reverb"')
    values = {key: value for key, value in table.items() if key != "type"}
    if kind in _CONTAINERS:
        return _container(kind, values, where)
    if kind.startswith(PREFIX):
        return plugin_from(kind, values, where)
    cls = effect_class(kind, f"{where}.type")
    return _made(cls, _checked(cls, values, where), where)


def _container(kind: str, values: dict[str, Any], where: str) -> Any:
    """A board or mix, ours or pedalboard's, with the effects inside."""
    cls = _CONTAINERS[kind]
    inside = _effects(values, where, f"{where}.")
    own = {key: value for key, value in values.items() if key != "effects"}
    if not issubclass(cls, Effect):
        require_known(own, (), where)
        if foreign := [effect for effect in inside if isinstance(effect, Effect)]:
            raise ValueError(f"{where} ({kind}) holds {type(foreign[0]).__name__}: expected native plugins only")
        return cls(inside)
    return _made(cls, _checked(cls, own, where), where, inside)


def _checked(cls: type[Effect], values: dict[str, Any], where: str) -> dict[str, Any]:
    """The values of a table, each by its parameter's own rule."""
    parameters = parameters_of(cls)
    require_known(values, parameters, where)
    return {key: parameters[key].checked(value, f"{where}.{key}") for key, value in values.items()}


def _made(cls: type[Effect], values: dict[str, Any], where: str, *inside: Any) -> Effect:
    """The effect; what its constructor finds wrong is told with the place in the preset."""
    try:
        return cls(*inside, **values)
    except ValueError as error:
        raise ValueError(f"{where} ({cls.__name__}): {error}") from error


def _tables(rack: Iterable[Any]) -> list[dict[str, Any]]:
    """Everything in a container as tables; an empty place plays nothing and is left out."""
    return [_table(effect) for effect in rack if effect is not None]


def _table(effect: Any) -> dict[str, Any]:
    """One effect as a table."""
    kind = type(effect).__name__
    if isinstance(effect, Effect):
        own = {key: value for key, value in effect.parameters.items() if value is not None}
        inside = {"effects": _tables(effect)} if isinstance(effect, Rack) else {}
        return {"type": kind} | own | inside
    if isinstance(effect, pedalboard.PluginContainer):
        plugin_class(PREFIX + kind, kind)
        return {"type": PREFIX + kind, "effects": _tables(effect)}
    return table_of(effect)
