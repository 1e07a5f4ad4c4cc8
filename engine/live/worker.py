"""The worker: plays every block that the callback captured, in order, with all that is to change at its sample.

It never waits for anything but the next block. If it falls behind, hops are held first (no ascent, the offset stays),
which is what costs time; the callback plays dry meanwhile, and every block is still played, late, so that all that
remembers goes on unbroken. Only a worker that is behind by most of the ring leaves blocks out.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.player.changes import Bypass, Change, Program, Set, item_at
from dreampedal.engine.live.player.mirror import Mirror
from dreampedal.engine.live.player.player import BoardPlayer, PreparedBoard
from dreampedal.engine.live.take.take import Changed, Held, Skipped

STEP_SECONDS = 0.0002
"""Between two looks for a block that is due."""

IDLE_SECONDS = 1.0
"""Without a block for so long, the device is gone or has not begun, and looks are a quarter of a block apart."""

LOADS = 1 << 18
"""Blocks whose time is remembered: 700 s at 128 samples and 48 kHz."""

REPORTED = 1 << 14
"""Of those, how many a report looks at."""

Cut = tuple[int, Change | PreparedBoard]

Ask = Callable[[Program | Set | None], None]

EARLY = 0.5
"""A callback that wants a block after less than this share of its time has not left time enough."""

BUSY = 0.5
"""A worker that computed for this share of the time since it was last idle is slow itself; else it was kept waiting."""

# Windows counts the time of a thread in steps of 16 ms, which are longer than blocks.
computed = time.perf_counter if sys.platform == "win32" else time.thread_time


class Worker:
    """Plays what an exchange captured, from the thread that calls `run`.

    `ask` hands over what takes longer than a block: a preset by its number, a parameter that makes a network ready, or
    None, which is the board itself after its list was edited.
    """

    def __init__(
        self,
        player: BoardPlayer,
        exchange: Exchange,
        midi: Midi,
        journal: Journal,
        ask: Ask,
    ) -> None:
        self.player, self.exchange, self.midi, self.journal = player, exchange, midi, journal
        self.ask = ask
        self.requests: deque[Bypass | PreparedBoard] = deque()
        """What other threads want at the next block."""
        self._taken: list[Bypass | PreparedBoard] = []
        """What of it changes within the block that is being played."""
        self.done = 0
        self.held_hops = self.skipped_blocks = 0
        self.late_by_bursts = self.late_by_system = 0
        """Late blocks that were not the worker's fault: the callback came too soon, or the system kept us from it."""
        self.loads = np.zeros(LOADS)
        """Seconds that a block took, the last `LOADS` of them in a ring."""
        self.responses = np.zeros(LOADS)
        """Seconds from a callback to its result."""
        self.stopping = False
        self.trouble: BaseException | None = None
        """What stopped the worker, if something did."""
        self._allowed = exchange.pacing.allowed / exchange.sample_rate
        self._pause = exchange.pacing.pause / exchange.sample_rate
        self._ended = 0.0
        """When the last block was done."""
        self._busy_since = (0.0, 0.0)
        """When the first block came that the worker was not idle after, and what its thread had computed by then."""
        self._block = 0
        self._samples = np.zeros((exchange.channels, exchange.block_size), np.float32)
        self._edited = False
        self._ascent_seconds = player.current.ascent_seconds
        player.pace(self._is_late)

    def last(self, ring: NDArray[np.float64]) -> NDArray[np.float64]:
        """What `loads` or `responses` hold of the last blocks, up to `REPORTED`, oldest first."""
        count = min(self.done, REPORTED)
        return np.take(ring, np.arange(self.done - count, self.done), mode="wrap")

    def wanted(self) -> list[Bypass | PreparedBoard]:
        """What was requested and has not happened yet, oldest first; any thread may ask."""
        waiting = list(self.requests)  # before those that were taken: so nothing that moves between is missed
        return [*self._taken, *waiting]

    def run(self) -> None:
        """Play until `stopping`."""
        try:
            while not self.stopping:
                self.catch_up()
                time.sleep(self._until_next(time.perf_counter()))
        except BaseException as error:  # the callback goes on with the dry sound, and the report tells why
            self.trouble = error

    def _until_next(self, now: float) -> float:
        """How long to sleep, in seconds: until the next block is due, and then in small steps until it is there.

        A signal from the callback would wake us sooner, but to wake a thread takes a system call, and that takes
        longer than everything else that the callback does.
        """
        exchange = self.exchange
        period = self._pause
        due = exchange.arrivals[(exchange.captured - 1) % exchange.slots] + period - now
        if due < -IDLE_SECONDS:
            return float(period / 4)  # no longer: the first block must not be late
        if exchange.gathered < exchange.pacing.period:
            due = 0.0  # a server's period comes in pieces, and the rest of this one is on its way
        return float(max(due, min(STEP_SECONDS, period / 8)))

    def catch_up(self) -> None:
        """Play every block that was captured by now."""
        while self.done < self.exchange.captured and not self.stopping:
            self._skip_what_is_lost()
            self._play(self.done)
            self.done += 1

    def _play(self, block: int) -> None:
        """One block, cut where something changes."""
        exchange, player = self.exchange, self.player
        begin = time.perf_counter()
        self._block = block
        arrival = exchange.arrivals[block % exchange.slots]
        if self._ended <= arrival:
            self._busy_since = (arrival, computed())
        start = block * exchange.block_size
        # A copy: a worker that is stopped for longer than the ring would find other samples there.
        samples = self._samples
        samples[:] = exchange.captured_block(block)
        cuts = self._cuts(block, start)
        changes = [(place - start, partial(self._change, place, change)) for place, change in cuts]
        wet = player.process_cut(samples, changes)
        self._taken = []
        exchange.publish(block, wet)
        self._ended = end = time.perf_counter()
        self.loads[block % LOADS] = end - begin
        self.responses[block % LOADS] = end - arrival
        self._blame(block)

    def _blame(self, block: int) -> None:
        """If the result of a block was not there in time: why. What is told apart here is counted; the rest is slow."""
        exchange = self.exchange
        late = block + exchange.buffer_blocks
        if exchange.missed[late % exchange.slots] != late:
            return
        given = exchange.arrivals[late % exchange.slots] - exchange.arrivals[block % exchange.slots]
        since, before = self._busy_since
        if given < EARLY * self._allowed and not exchange.pacing.fits(exchange.usually_together):
            self.late_by_bursts += 1
        elif given < EARLY * self._allowed or computed() - before < BUSY * (time.perf_counter() - since):
            self.late_by_system += 1

    def _cuts(self, block: int, start: int) -> list[Cut]:
        """What is to change within a block, and at which sample."""
        mirror = self.player.newest.mirror
        cuts: list[Cut] = [(start, change) for change in mirror.changed()]
        if not self._edited and mirror.is_stale():
            self._edited = True
            self.ask(None)
        boards: list[PreparedBoard] = []
        self._taken = list(self.requests)
        for request in self._taken:
            self.requests.popleft()
            if isinstance(request, PreparedBoard):
                boards.append(request)
            else:
                cuts.append((start, request))
        if boards and self.player.coming:
            self.requests.append(boards[-1])  # one fade after the other, and of those that wait the newest
        elif boards:
            cuts.append((start, boards[-1]))
            mirror = boards[-1].mirror
        size, rate = self.exchange.block_size, self.exchange.sample_rate
        end = self.exchange.ends[block % self.exchange.slots]
        for seconds, message in self.midi.take(end):
            place = start + min(max(round((seconds - end) * rate) + size, 0), size - 1)
            for change in self.midi.handle(message, mirror.source):
                if isinstance(change, Bypass):
                    cuts.append((place, change))
                else:
                    self._turn(change, mirror)
            cuts += [(place, change) for change in mirror.changed()]
        return cuts

    def _turn(self, change: Change, mirror: Mirror) -> None:
        """What a knob or a program change asks for."""
        if isinstance(change, Program):
            self.ask(change)
        elif isinstance(change, Set):
            parameter = parameters_of(type(item_at(mirror.source, change.path))).get(change.name)
            if parameter is not None and parameter.slow:
                self.ask(change)
            else:
                mirror.turn(change)

    def _change(self, place: int, change: Change | PreparedBoard) -> None:
        """Let something change at a sample, and tell the journal."""
        if isinstance(change, PreparedBoard):
            self._edited = False
            self._ascent_seconds = change.ascent_seconds
            if change.midi is not None:
                self.midi.mappings = change.midi
            change = self.player.swap(change)
        else:
            self.player.apply(change)
        self.journal.tell(place, Changed(place, change))

    def _is_late(self, program: int, stream: int, hop: int) -> bool:
        """Whether there is no time for an ascent before the block is wanted."""
        exchange, block = self.exchange, self._block
        arrived = exchange.arrivals[block % exchange.slots]
        behind = exchange.captured - block > exchange.buffer_blocks
        if not behind and time.perf_counter() + self._ascent_seconds <= arrived + self._allowed:
            return False
        self.held_hops += 1
        self.journal.tell(block * exchange.block_size, Held(program, stream, hop))
        return True

    def _skip_what_is_lost(self) -> None:
        """Leave out what the ring is about to overwrite, up to the newest block."""
        exchange = self.exchange
        if exchange.captured - self.done < exchange.slots - exchange.latency // exchange.block_size - 4:
            return
        first, self.done = self.done, exchange.captured - 1
        self.skipped_blocks += self.done - first
        for block in range(first, self.done):
            self._blame(block)
        self.journal.tell(first * exchange.block_size, Skipped(first, self.done - 1))
