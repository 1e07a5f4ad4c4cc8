"""Makes boards ready while another plays: on a thread of its own, one after the other, the newest wish first."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from dreampedal.engine.host.board import Board, Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.player.mirror import apply
from dreampedal.engine.live.player.player import BoardPlayer, PreparedBoard

Make = Callable[[], tuple[Rack, list[Any] | None]]
"""Gives a board and, perhaps, mappings of MIDI."""


class Wish(NamedTuple):
    """A board that somebody wants, or a parameter that takes time to be set, which makes none."""

    name: str
    make: Make | Callable[[], None]
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
        self.wanted: Wish | None = None
        """The newest of these, until it is there or cannot come."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="builder", daemon=True)

    @property
    def loading(self) -> str:
        """The board that is being made ready, empty if none is. One that is ready was handed over before."""
        return next(iter(list(self._boards)[-1:]), "")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after what is being made ready now; what is `wanted` then may be wanted of another builder."""
        self._stopping.set()
        self._wishes.put(None)
        self._thread.join()

    def want(self, wish: Wish) -> None:
        """Fulfil a wish; a board is wanted in place of those before it."""
        if wish.is_board:
            self.wanted = wish
            self._boards.append(wish.name or "board")
        self._wishes.put(wish)

    def want_board(self, board: Rack | Effect, name: str) -> None:
        """Play this board as soon as it is ready."""
        rack = board if isinstance(board, Board) else Board([board])
        self.want(Wish(name, lambda: (rack, None)))

    def want_preset(self, name: str) -> None:
        """Play what `load` makes of a name."""
        load = self._load
        if load is None:
            raise ValueError(f"{name!r} cannot be loaded: this stream was given no load")

        def loaded() -> tuple[Rack, list[Any] | None]:
            found = load(name)
            return getattr(found, "board", found), getattr(found, "midi", None)

        self.want(Wish(name, loaded))

    def turn(self, board: Rack, change: Set) -> None:
        """Set a parameter that takes time to be ready."""
        self.want(Wish(change.name, lambda: apply(board, change), is_board=False))

    def _run(self) -> None:
        while (wish := self._wishes.get()) is not None:
            try:
                if not wish.is_board:
                    wish.make()
                elif self._is_wanted(wish):
                    self._prepare(wish)
            except Exception as error:  # whatever it is, the old board plays on and the player is told
                name, said = wish.name or "board", " ".join(str(error).split())
                self.trouble = said if name in said else f"{name}: {said}"
                if self._is_wanted(wish):
                    self.wanted = None
            if wish.is_board:
                self._boards.popleft()

    def _is_wanted(self, wish: Wish) -> bool:
        return wish is self.wanted and not self._stopping.is_set()

    def _prepare(self, wish: Wish) -> None:
        """Make a board ready, and hand it over if nothing newer was wanted meanwhile."""
        board, midi = cast(Make, wish.make)()
        prepared = self._player.prepare(board, wish.name)
        prepared.midi = midi
        if self._is_wanted(wish):
            self.wanted, self.trouble = None, ""
            self._ready(prepared)
