"""The board that the worker plays: a clone of the user's own, which follows it between two blocks.

The user's board belongs to the user's threads, and may change in the middle of a block. The clone changes only where
the player says, at a sample that a take can keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from operator import attrgetter, is_not
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.host.natives.external_parameters import plain, raw_values, read_parameters
from dreampedal.engine.host.natives.native import clone, native_parameters, native_value, set_native
from dreampedal.engine.live.player.changes import Set, item_at, paths


class Mirror:
    """A board, its clone, and what of the board the clone has not heard of.

    >>> from dreampedal.engine.host.board import Board
    >>> board = Board([pedalboard.Gain(gain_db=-6)])
    >>> mirror = Mirror(board)
    >>> board[0].gain_db = 3
    >>> list(mirror.changed()), list(mirror.changed())
    ([Set(path='0', name='gain_db', value=3.0)], [])
    """

    def __init__(self, source: Rack) -> None:
        self.source = source
        self.board: Rack = clone_of(source)
        places = list(paths(source))
        # Kept, since a container of pedalboard makes a new object of a plugin that nobody holds.
        self._items = [item for _, item in places]
        self._followed = [follower(path, item) for path, item in places]

    def is_stale(self) -> bool:
        """Whether the list was edited: such a board needs another clone."""
        items = [item for _, item in paths(self.source)]
        return len(items) != len(self._items) or any(map(is_not, items, self._items))

    def changed(self) -> Iterator[Set]:
        """What was set on the user's board since the last call."""
        for each in self._followed:
            yield from each.changed()

    def turn(self, change: Set) -> None:
        """Set a parameter of the user's own board, as a knob does; `changed` tells of it like of any other."""
        apply(self.source, change)


class Follower:
    """The parameters of one effect of ours."""

    def __init__(self, path: str, effect: Effect) -> None:
        self.path, self.effect = path, effect
        self.names = [name for name, parameter in parameters_of(type(effect)).items() if not parameter.fixed]
        self.count, self.values = effect.changes, [getattr(effect, name) for name in self.names]

    def changed(self) -> Iterator[Set]:
        if (count := self.effect.changes) == self.count:
            return
        # The count first: what is set meanwhile is found again at the next block.
        values = [getattr(self.effect, name) for name in self.names]
        before, self.values, self.count = self.values, values, count
        for name, old, new in zip(self.names, before, values, strict=True):
            if new != old:
                yield Set(self.path, name, new)


class NativeFollower:
    """The parameters of one plugin of pedalboard, which counts no changes."""

    def __init__(self, path: str, plugin: Plugin) -> None:
        self.path = path
        self.names = list(native_parameters(plugin))
        self.plugin = plugin
        # A name twice, so that the getter of a single one returns a tuple as well.
        self.read = attrgetter(*self.names, self.names[-1]) if self.names else lambda _: ()
        self.values = self.read(plugin)

    def changed(self) -> Iterator[Set]:
        values = self.read(self.plugin)
        if values == self.values:
            return
        before, self.values = self.values, values
        for name, old, new in zip(self.names, before, values, strict=False):
            if new != old:
                yield Set(self.path, name, new)


class ExternalFollower:
    """The parameters of one VST3 plugin or Audio Unit. Their texts are read only once one was turned."""

    def __init__(self, path: str, plugin: ExternalPlugin) -> None:
        self.path, self.plugin = path, plugin
        self.raw = raw_values(plugin)

    def changed(self) -> Iterator[Set]:
        if (raw := raw_values(self.plugin)) == self.raw:
            return
        before, self.raw = self.raw, raw
        for parameter, old, new in zip(read_parameters(self.plugin), before, raw, strict=False):
            if new != old and parameter.python_name:
                yield Set(self.path, parameter.python_name, plain(self.plugin, parameter))


def follower(path: str, item: Any) -> Any:
    """What tells the changes of one item."""
    if isinstance(item, Effect):
        return Follower(path, item)
    if isinstance(item, ExternalPlugin):
        return ExternalFollower(path, item)
    plugin = item if isinstance(item, Plugin) else pedalboard.Gain()
    return NativeFollower(path, plugin)


def apply(board: Rack, change: Set) -> None:
    """Set a parameter of one item on a board."""
    item = item_at(board, change.path)
    if isinstance(item, Plugin):
        set_native(item, change.name, change.value)
    else:
        setattr(item, change.name, change.value)


def value_of(item: Any, name: str) -> Any:
    """A parameter of one item."""
    return native_value(item, name) if isinstance(item, Plugin) else getattr(item, name)


def clone_of(item: Any) -> Any:
    """Another item of the same parameters, down to what racks and containers hold."""
    if isinstance(item, Rack):
        return type(item)([clone_of(part) for part in item], **item.parameters)
    if isinstance(item, pedalboard.PluginContainer):
        return type(item)([clone_of(part) for part in item])
    if isinstance(item, Plugin):
        return clone(item)
    return copy(item)
