"""What a recorder asks for: what was captured and heard since it asked last, and what happened."""

from __future__ import annotations

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.take.recorder import Captured

PIECE_BLOCKS = 256
"""Most blocks that are handed over at once."""


class Tape:
    """Reads an exchange behind its callback."""

    def __init__(self, exchange: Exchange, journal: Journal) -> None:
        self._exchange, self._journal = exchange, journal
        self._block = 0

    def read(self) -> Captured:
        """Everything since the last call, up to `PIECE_BLOCKS`; views, valid for a moment."""
        exchange, size = self._exchange, self._exchange.block_size
        captured = exchange.captured
        # The callback writes a slot before it counts it, so one more is already lost.
        lost = max(0, captured - self._block - (exchange.slots - 2))
        self._block += lost
        slot = self._block % exchange.slots
        blocks = min(captured - self._block, PIECE_BLOCKS, exchange.slots - slot)
        places = slice(slot * size, (slot + blocks) * size)
        self._block += blocks
        # The sound first, what explains it after: so it is never told too late.
        return Captured(exchange.inputs[:, places], exchange.heard[:, places], self._journal.entries(), lost * size)
