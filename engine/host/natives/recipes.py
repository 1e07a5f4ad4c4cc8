"""Natives as what they are made of: plain data, which copies and pickles of a board carry in their place.

>>> pack([pedalboard.Gain(-6), None])[1] is None
True
>>> unpack(pack([pedalboard.Gain(-6)]))[0].gain_db
-6.0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.natives.external import External
from dreampedal.engine.host.natives.native import arguments_of, can_be_rebuilt


@dataclass(frozen=True, eq=False)
class Recipe:
    """A native: its class, what its constructor takes, and what is in it."""

    cls: type[Plugin]
    arguments: dict[str, Any]
    parts: list[Any] | None = None
    """Of a container."""

    def made(self) -> Plugin:
        if self.parts is None:
            return self.cls(**self.arguments)
        cls: Any = self.cls
        made: Plugin = cls(unpack(self.parts))
        return made


def pack(items: Iterable[Any]) -> list[Any]:
    """What a list of effects and natives is made of. Effects of ours, and None, stand for themselves; a native that is
    in the list twice is one recipe twice."""
    held = list(items)  # a container of pedalboard makes new objects as it is read; each has its own id while it lives
    known = {id(item): _packed(item) for item in held if isinstance(item, Plugin)}
    return [known.get(id(item), item) for item in held]


def unpack(packed: Iterable[Any]) -> list[Any]:
    """The effects and natives that `pack` packed: new natives, with no memory."""
    known: dict[int, Any] = {}
    return [_unpacked(each, known) for each in packed]


def _unpacked(item: Any, known: dict[int, Any]) -> Any:
    if not isinstance(item, Recipe | External):
        return item
    if id(item) not in known:
        known[id(item)] = item.made()
    return known[id(item)]


def _packed(plugin: Plugin) -> Recipe | External:
    if isinstance(plugin, pedalboard.PluginContainer):
        return Recipe(type(plugin), {}, pack(plugin))
    if isinstance(plugin, ExternalPlugin):
        if (recipe := External.of(plugin)) is not None:
            return recipe
        raise TypeError(f"{plugin!r} cannot be copied: its file is not found; load it with dreampedal.load_plugin")
    if not can_be_rebuilt(plugin):
        raise TypeError(f"{plugin!r} cannot be copied: it does not tell all that it was made of")
    return Recipe(type(plugin), arguments_of(plugin))
