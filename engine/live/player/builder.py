"""Makes boards ready while another plays: on a thread of its own, one after the other, the newest wish first."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from dreampedal.engine.host.board import Board, Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.player.mirror import apply
from dreampedal.engine.live.player.player import BoardPlayer, PreparedBoard

Make = Callable[[], tuple[Rack, list[Any] | None]]
"""Gives a board and, perhaps, mappings of MIDI."""


class Wish(NamedTuple):
    """What somebody wants."""

    name: str
    fulfil: Callable[[], None]
    is_board: bool = True


class Builder:
    """Hands each board that is ready to `ready`; until then, and if it fails, the old one plays on.

    `load` makes a board of a name: it returns a board, or anything with a `board` and, perhaps, mappings in `midi`.
    """

    def __init__(
        self, player: BoardPlayer, ready: Callable[[PreparedBoard], None], load: Callable[[str], Any] | None
    ) -> None:
        self.trouble = ""
        """Why the last board did not come, in one line."""
        self._player, self._ready, self._load = player, ready, load
        self._wishes: queue.SimpleQueue[Wish | None] = queue.SimpleQueue()
        self._boards: deque[str] = deque()
        """Names of the boards that were asked for and not dealt with."""
        self._newest = 0
        self._pending: tuple[str, Make] | None = None
        """The newest of these boards, with its name."""
        self._thread = threading.Thread(target=self._run, name="builder", daemon=True)

    @property
    def loading(self) -> str:
        """The board that is being made ready, empty if none is. One that is ready was handed over before."""
        return next(iter(list(self._boards)[-1:]), "")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> tuple[str, Make] | None:
        """End after what is being made ready now; returns the board that is still wanted, for `go_on` of another."""
        self._newest += 1
        self._wishes.put(None)
        self._thread.join()
        return self._pending

    def go_on(self, pending: tuple[str, Make]) -> None:
        """Want what another builder was asked for."""
        self._wish(*pending)

    def want_board(self, board: Rack | Effect, name: str) -> None:
        """Play this board as soon as it is ready."""
        rack = board if isinstance(board, Board) else Board([board])
        self._wish(name, lambda: (rack, None))

    def want(self, name: str) -> None:
        """Play what `load` makes of a name."""
        load = self._load
        if load is None:
            raise ValueError(f"{name!r} cannot be loaded: this stream was given no load")

        def loaded() -> tuple[Rack, list[Any] | None]:
            found = load(name)
            board = getattr(found, "board", found)
            return board, getattr(found, "midi", None)

        self._wish(name, loaded)

    def turn(self, board: Rack, change: Set) -> None:
        """Set a parameter that takes time to be ready."""

        def turned() -> None:
            apply(board, change)

        self._wishes.put(Wish(change.name, turned, is_board=False))

    def _wish(self, name: str, make: Make) -> None:
        self._newest += 1
        ticket = self._newest
        self._pending = (name, make)

        def fulfil() -> None:
            if ticket != self._newest:
                return  # something newer is wanted
            try:
                board, midi = make()
                program = self._player.prepare(board, name)
                program.midi = midi
            except Exception:
                self._settle(ticket)
                raise
            if self._settle(ticket):
                self.trouble = ""
                self._ready(program)

        wish = Wish(name or "board", fulfil)
        self._boards.append(wish.name)
        self._wishes.put(wish)

    def _settle(self, ticket: int) -> bool:
        """A board came, or cannot come; whether it is still the newest that is wanted."""
        if ticket != self._newest:
            return False
        self._pending = None
        return True

    def _run(self) -> None:
        while (wish := self._wishes.get()) is not None:
            try:
                wish.fulfil()
            except Exception as error:  # whatever it is, the old board plays on and the player is told
                self.trouble = " ".join(f"{wish.name}: {error}".split())
            if wish.is_board:
                self._boards.popleft()
