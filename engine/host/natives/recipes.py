"""Natives as what they are made of: plain data, which copies and pickles of a board carry in their place.

>>> from copy import copy
>>> gain, nothing = copy(packed([pedalboard.Gain(-6), None])[0]), packed([None])[0]
>>> gain.gain_db, nothing is None
(-6.0, True)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.natives.external.plugin import ExternalRecipe
from dreampedal.engine.host.natives.native import arguments_of, can_be_rebuilt


class Packed:
    """A native that can be copied and pickled: what comes of that is a new native with no memory."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def __reduce__(self) -> tuple[Any, ...]:
        """What makes the native, and of what; a TypeError for one that does not tell it."""
        plugin = self._plugin
        if isinstance(plugin, pedalboard.PluginContainer):
            return type(plugin), (packed(plugin),)
        if isinstance(plugin, ExternalPlugin):
            if (recipe := ExternalRecipe.of(plugin)) is None:
                hint = "its file is not found; load it with dreampedal.load_plugin"
                raise TypeError(f"{plugin!r} cannot be copied: {hint}")
            return ExternalRecipe.made, (recipe,)
        if not can_be_rebuilt(plugin):
            raise TypeError(f"{plugin!r} cannot be copied: it does not tell all that it was made of")
        return _made, (type(plugin), arguments_of(plugin))


def packed(items: Iterable[Any]) -> list[Any]:
    """A list of effects and natives for a copy or a pickle. Effects of ours, and None, stand for themselves; a native
    that is in the list twice stays one."""
    held = list(items)  # a container of pedalboard makes new objects as it is read; each has its own id while it lives
    known = {id(item): Packed(item) for item in held if isinstance(item, Plugin)}
    return [known.get(id(item), item) for item in held]


def _made(cls: type[Plugin], arguments: dict[str, Any]) -> Plugin:
    return cls(**arguments)
