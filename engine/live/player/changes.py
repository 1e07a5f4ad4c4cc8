"""What may change while a board plays, as plain data that a take can keep.

A change takes effect at one sample of the input: the player cuts its block there. So the same input and the same
changes give the same samples again, live or from a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pedalboard

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.routing import Item

Value = float | int | bool | str


@dataclass(frozen=True)
class Set:
    """A parameter of one item on the board takes a value."""

    path: str
    """The item's place: `1`, or `2.0` for the first item of the rack at place 2."""
    name: str
    value: Value


@dataclass(frozen=True)
class Swap:
    """Another board begins to listen here, and fades in as soon as its latency has passed."""

    number: int
    """Counted from 1 through a session; the board that it began with is 0."""
    name: str
    board: str
    """The board as TOML, empty where it cannot be described."""


@dataclass(frozen=True)
class Program:
    """Someone asks for a preset by its place in the list, from 0. It becomes a `Swap` when the board is ready."""

    number: int


@dataclass(frozen=True)
class Bypass:
    """Fade to the dry sound, at the same latency, or back."""

    on: bool


@dataclass(frozen=True)
class Panic:
    """Silence, at once, until `Resume`."""


@dataclass(frozen=True)
class Resume:
    """Sound again, with all that rang forgotten."""


Change = Set | Swap | Program | Bypass | Panic | Resume


def paths(board: Rack, prefix: str = "") -> Iterator[tuple[str, Item]]:
    """Every item on a board with its place, racks before what they hold.

    >>> from dreampedal.engine.host.board import Board
    >>> from pedalboard import Gain, Reverb
    >>> [path for path, _ in paths(Board([Gain(), Board([Reverb(), Gain()])]))]
    ['0', '1', '1.0', '1.1']
    """
    for index, item in enumerate(board):
        path = f"{prefix}{index}"
        yield path, item
        if isinstance(item, Rack | pedalboard.PluginContainer):
            yield from paths(item, f"{path}.")  # type: ignore[arg-type]


def item_at(board: Rack, path: str) -> Any:
    """The item at a place; a ValueError that says which places there are."""
    for place, item in paths(board):
        if place == path:
            return item
    places = ", ".join(place for place, _ in paths(board)) or "none"
    raise ValueError(f"no effect at place {path!r}: there are {places}")
