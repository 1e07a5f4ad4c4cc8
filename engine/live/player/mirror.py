"""The board that the worker plays: a clone of the user's own, which follows it between two blocks.

The user's board belongs to the user's threads, and may change in the middle of a block. The clone changes only where
the player says, at a sample that a take can keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from operator import attrgetter, is_not
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.host.natives.external.parameters import plain, raw_values, read_parameters
from dreampedal.engine.host.natives.native import clone, native_parameters, native_value, set_native
from dreampedal.engine.live.player.changes import Set, item_at, paths

Read = Callable[[Any], Any]


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
    """What is set on one item of a board.

    `mark` is cheap to read, and another once something was set; `values` reads everything, and `told` has the name and
    the value of one of them, by its place.
    """

    def __init__(self, path: str, item: Any, mark: Read, values: Read, told: Callable[[int, Any], tuple[str, Any]]):
        self.path, self._item, self._mark, self._values, self._told = path, item, mark, values, told
        self._marked, self._known = mark(item), values(item)

    def changed(self) -> Iterator[Set]:
        """What was set since the last call."""
        if (marked := self._mark(self._item)) == self._marked:
            return
        # The mark first: what is set meanwhile is found again at the next block.
        before, self._marked, self._known = self._known, marked, self._values(self._item)
        for place, (old, new) in enumerate(zip(before, self._known, strict=False)):
            if new != old:
                name, value = self._told(place, new)
                if name:
                    yield Set(self.path, name, value)


def follower(path: str, item: Any) -> Follower:
    """What tells the changes of one item."""
    if isinstance(item, ExternalPlugin):  # its texts are read only once one was turned
        return Follower(path, item, raw_values, raw_values, lambda place, _: _told_by(item, place))
    if isinstance(item, Effect):
        names = [name for name, parameter in parameters_of(type(item)).items() if not parameter.fixed]
        mark: Read = attrgetter("changes")
        values: Read = lambda effect: [getattr(effect, name) for name in names]  # noqa: E731
    else:
        item = item if isinstance(item, Plugin) else pedalboard.Gain()
        names = [*native_parameters(item), ""]
        # A name twice, so that the getter of a single one returns a tuple as well.
        mark = values = attrgetter(*names[:-1], names[0]) if names[0] else lambda _: ()
    return Follower(path, item, mark, values, lambda place, value: (names[place], value))


def _told_by(plugin: ExternalPlugin, place: int) -> tuple[str, Any]:
    parameter = read_parameters(plugin)[place]
    return parameter.python_name, plain(plugin, parameter)


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
