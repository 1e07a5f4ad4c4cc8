"""A take rendered again: the samples that were heard, bit for bit, or a master of the same performance.

As heard, everything happens again in the same blocks, with the same cuts: the blocks that came late, the hops whose
ascent was left out, panic and the ceiling. What comes out is compared with the checksums of what was heard.

A master has time. No block is late and no hop is held, the latency is compensated, and parameters can be set to what
would be too slow to play.
"""

from __future__ import annotations

import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pedalboard import ExternalPlugin

from dreampedal.engine.host.board import Rack
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.player.changes import Change, Panic, Resume, Set, Swap, item_at
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.live.take.reading import Take
from dreampedal.engine.live.take.samples import Distance, kept_of
from dreampedal.engine.live.take.take import LOG, Changed, Held, LateBlock, Restarted, Skipped, Stretch
from dreampedal.engine.live.take.wav import frames_of
from dreampedal.engine.runtime.blocks import Block

Build = Callable[[str], Rack]
"""A board of its TOML."""

Overridden = Callable[[str, str, Any], bool]
"""Whether a parameter was set for the master: its effect's place, its name, and the effect."""


STOP_SECONDS = 0.5
"""A panic so close to the end is the stream that was stopped."""


@dataclass
class Counts:
    """What happened in a take."""

    changes: int
    swaps: int
    late_blocks: int
    held_hops: int
    skipped_blocks: int
    restarts: int


class Rendering:
    """Iterate over it for blocks of shape (channels, n); then `as_heard` tells whether they are what was heard.

    Args:
        take: from `read_take`.
        build: makes a board of its TOML; called for the first board, and again for each that was swapped in.
        master: play it as it was meant rather than as it was heard, its latency compensated.
        overridden: in a master, changes of parameters for which it is true are left out.

    Raises:
        ValueError: for a board that cannot be made, or that has another latency than the take.
    """

    def __init__(
        self, take: Take, build: Build, master: bool = False, overridden: Overridden = lambda path, name, item: False
    ) -> None:
        self.take, self.master = take, master
        self.differs_at: float | None = None
        """Seconds at which what was rendered begins to differ from what was heard, by half a second; None if it is the
        same as far as it was rendered."""
        self.distance = Distance()
        """How far it is from what was heard, as far as the take tells."""
        self.counts = count(take)
        self._build, self._overridden = build, overridden
        self._held = {entry for entry in take.entries if isinstance(entry, Held)} if not master else set()
        self._late = {entry.block for entry in take.entries if isinstance(entry, LateBlock)} if not master else set()
        self._skipped = [entry for entry in take.entries if isinstance(entry, Skipped)] if not master else []
        self._changes: dict[int, list[Changed]] = defaultdict(list)
        self._panic: dict[int, bool] = {}
        for text in boards_of(take):
            if not text:
                raise ValueError(
                    f"{take.folder}: a board of it could not be written down, as it holds a plugin that does not tell "
                    f"its file: its input can be played through a board of yours"
                )
        header = take.header
        first = build(header.board)
        self.latency = self._latency(first)
        """Of the board, in samples."""
        self._player = BoardPlayer(first, header.sample_rate, header.channels, header.block_size, self.latency)
        self._player.pace(lambda program, stream, hop: Held(program, stream, hop) in self._held)
        self._exchange = Exchange(
            header.sample_rate, header.channels, header.block_size, self.latency, header.buffer_blocks,
            header.ceiling_db,
        )  # fmt: skip
        self._sort()

    @property
    def as_heard(self) -> bool:
        """Whether what was rendered by now is, bit for bit, what was heard."""
        return not self.master and self.differs_at is None

    def __iter__(self) -> Iterator[Block]:
        return self._mastered() if self.master else self._again()

    def _again(self) -> Iterator[Block]:
        """As heard: as many samples out as in, from the first that the device was given."""
        heard = iter(self.take.stretches)
        stretch, crc, kept, done = next(heard), 0, b"", 0
        for block in self._played(self._input()):
            yield block
            while block.shape[1]:
                part = block[:, : stretch.end - done]
                crc, kept = zlib.crc32(frames_of(part), crc), kept + kept_of(part, done)
                done, block = done + part.shape[1], block[:, part.shape[1] :]
                if done == stretch.end:
                    self._compare(stretch, crc, kept)
                    stretch, crc, kept = next(heard, stretch), 0, b""

    def _compare(self, stretch: Stretch, crc: int, kept: bytes) -> None:
        """What was rendered of a stretch with what the take says of it."""
        if crc != stretch.heard and self.differs_at is None:
            self.differs_at = stretch.first / self.take.header.sample_rate
        try:
            self.distance.add(kept, stretch.samples)
        except ValueError as error:
            raise ValueError(f"{self.take.folder / LOG}: {error}") from error

    def _mastered(self) -> Iterator[Block]:
        """Compensated: as many samples out as in, from the first that came in."""
        late, left = self._exchange.latency, self.take.samples
        for block in self._played(self._input(late)):
            dropped = min(late, block.shape[1])
            late -= dropped
            kept = block[:, dropped : dropped + left]
            left -= kept.shape[1]
            yield kept

    def _input(self, tail: int = 0) -> Iterator[Block]:
        """Blocks of the take's size, with `tail` samples of silence after them."""
        size, channels = self.take.header.block_size, self.take.header.channels
        rest = np.zeros((channels, 0), np.float32)
        for _, block in self.take.input():
            waiting = np.concatenate([rest, block], axis=1)
            whole = waiting.shape[1] // size * size
            yield from (waiting[:, at : at + size] for at in range(0, whole, size))
            rest = waiting[:, whole:]
        rest = np.concatenate([rest, np.zeros((channels, tail), np.float32)], axis=1)
        yield from (rest[:, at : at + size] for at in range(0, rest.shape[1], size))

    def _played(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Callback after callback, each followed by what the worker makes of its block."""
        exchange, ahead = self._exchange, self.take.header.buffer_blocks
        channels, size = self.take.header.channels, self.take.header.block_size
        outdata = np.empty((size, channels), np.float32)
        overdue: dict[int, Block] = {}
        waiting: deque[Change] = deque()
        for number, block in enumerate(blocks):
            indata = np.zeros((size, channels), np.float32)
            indata[: block.shape[1]] = block.T
            if number in self._panic:
                exchange.panic[0] = self._panic[number]
            exchange.swap(indata, outdata)
            if number - ahead in overdue:
                exchange.publish(number - ahead, overdue.pop(number - ahead))
            yield exchange.played_block(number)[:, : block.shape[1]].copy()
            if any(each.first <= number <= each.last for each in self._skipped):
                continue
            wet = self._worked(number, waiting)
            if number + ahead in self._late:
                overdue[number] = wet.copy()
            else:
                exchange.publish(number, wet)

    def _worked(self, number: int, waiting: deque[Change]) -> Block:
        """The wet block, cut where something changes; `waiting` is what could not change yet."""
        start = number * self.take.header.block_size
        changes = self._changes.get(number, [])
        cuts = [(each.at - start, partial(self._change, waiting, each.change)) for each in changes]
        if waiting:
            cuts.insert(0, (0, partial(self._change, waiting)))
        return self._player.process_cut(self._exchange.captured_block(number).copy(), cuts)

    def _change(self, waiting: deque[Change], *changes: Change) -> None:
        """Let everything that can change do so; a board waits until the one before it has faded in."""
        player = self._player
        waiting.extend(changes)
        while waiting and not (isinstance(waiting[0], Swap) and player.coming):
            change = waiting.popleft()
            if isinstance(change, Swap):
                player.swap(player.prepare(self._build(change.board), change.name))
            elif isinstance(change, Set):
                item = item_at(player.newest.mirror.board, change.path)
                if not (self.master and self._overridden(change.path, change.name, item)):
                    player.apply(_fitting(change, item))
            else:
                player.apply(change)

    def _latency(self, first: Rack) -> int:
        """What the boards need now, which in a master may be more or less than they had."""
        header = self.take.header
        if not self.master:
            found = first.latency_at(header.sample_rate)
            if found > header.latency:
                raise ValueError(
                    f"{self.take.folder}: its board has a latency of {found} samples: expected at most {header.latency}"
                )
            return header.latency
        boards = [first, *(self._build(text) for text in set(boards_of(self.take)) - {header.board})]
        return max(board.latency_at(header.sample_rate) for board in boards)

    def _sort(self) -> None:
        """Changes by the block of the input that they fall into, panic by the block of the output."""
        size = self.take.header.block_size
        later = round((self.latency - self.take.header.latency) / size)
        for entry in self.take.entries:
            if not isinstance(entry, Changed):
                continue
            if isinstance(entry.change, Panic | Resume):
                self._panic[max(0, entry.at // size + later)] = isinstance(entry.change, Panic)
            else:
                self._changes[entry.at // size].append(entry)
        if self.master and self._ends_in_panic():
            self._panic.popitem()

    def _ends_in_panic(self) -> bool:
        """Whether the last panic is how a stream stops: it fades out."""
        begins = (self.take.samples - self.take.header.sample_rate * STOP_SECONDS) // self.take.header.block_size
        block, on = next(reversed(self._panic.items()), (-1, False))
        return on and block >= begins


def boards_of(take: Take) -> Iterator[str]:
    """Every board of a take as TOML, the first and those that were swapped in."""
    yield take.header.board
    for entry in take.entries:
        if isinstance(entry, Changed) and isinstance(entry.change, Swap):
            yield entry.change.board


def count(take: Take) -> Counts:
    """What happened in a take."""
    entries = take.entries
    changes = [each.change for each in entries if isinstance(each, Changed)]
    return Counts(
        changes=len(changes),
        swaps=sum(isinstance(change, Swap) for change in changes),
        late_blocks=sum(isinstance(each, LateBlock) for each in entries),
        held_hops=sum(isinstance(each, Held) for each in entries),
        skipped_blocks=sum(each.last - each.first + 1 for each in entries if isinstance(each, Skipped)),
        restarts=sum(isinstance(each, Restarted) for each in entries),
    )


def _fitting(change: Set, item: Any) -> Set:
    """A change with its value in the type that the effect has: a native's choice was kept by its name."""
    if isinstance(item, ExternalPlugin):
        return change
    choices = getattr(type(getattr(item, change.name, None)), "__members__", None)
    if choices and isinstance(change.value, str):
        return Set(change.path, change.name, choices[change.value])
    return change
