"""What happened while a board played: for the report, with time stamps, and for the take, at exact samples.

The callback and the worker only write into a ring and a queue; whoever reads (`collect`) does the sorting.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from dreampedal.engine.live.exchange.exchange import Exchange, Noted
from dreampedal.engine.live.exchange.swap import LATE, NOTED, PANICKED, RESUMED
from dreampedal.engine.live.player.changes import Bypass, Panic, Resume, Swap
from dreampedal.engine.live.take.recorder import Captured
from dreampedal.engine.live.take.take import Changed, Entry, Held, LateBlock, Restarted, Skipped

MOST_EVENTS = 200

PIECE_BLOCKS = 256
"""Most blocks that a recorder is given at once."""


@dataclass(frozen=True)
class Event:
    """Something that a player may want to know of."""

    kind: str
    """`late`, `held`, `skipped`, `input_xrun`, `output_xrun`, `ceiling`, `restart`, `preset`, `panic`, `resume`."""
    sample: int
    """Of the input, counted from the start of the stream, or from where the device came back with other blocks."""
    seconds: float
    """From the start of the stream."""
    text: str = ""


class Journal:
    """Collects what an exchange noted and what the worker tells.

    `keeps_entries` is set while a take is recorded; else entries are dropped as soon as they became events. `earlier`
    are the events of the `seconds` before this exchange.
    """

    def __init__(self, exchange: Exchange, earlier: Sequence[Event] = (), seconds: float = 0.0) -> None:
        self._exchange = exchange
        self._seconds = seconds
        self._told: deque[tuple[int, Entry]] = deque()
        self._entries: list[Entry] = []
        self._events: deque[Event] = deque(earlier)
        self._kinds: Counter[str] = Counter(event.kind for event in earlier)
        """How many of them there are of each kind."""
        self._lock = threading.Lock()
        self.keeps_entries = False
        self._recorded = 0
        """Blocks that a recorder was given."""

    def tell(self, sample: int, entry: Entry) -> None:
        """Something happened at a sample; the worker may call this."""
        self._told.append((sample, entry))

    def collect(self) -> None:
        """Sort what came in; called by readers, and now and then, so that no ring overflows."""
        with self._lock:
            for noted in self._exchange.noted():
                self._add(noted)
            while self._told:
                sample, entry = self._told.popleft()
                if self.keeps_entries:
                    self._entries.append(entry)
                if told := _event_of(entry):
                    self._happened(told[0], sample, told[1])

    def restarted(self, text: str) -> None:
        """The device came back with other blocks or at another rate: with this, a new account begins."""
        with self._lock:
            self._happened("restart", 0, text)

    def entries(self) -> list[Entry]:
        """What a take has to keep, since the last call."""
        self.collect()
        with self._lock:
            found, self._entries = self._entries, []
        return found

    def captured(self) -> Captured:
        """For a recorder: what came since the last call, up to `PIECE_BLOCKS`; views, which are soon overwritten."""
        exchange, size = self._exchange, self._exchange.block_size
        captured = exchange.captured
        # The callback writes a slot before it counts it, so one more is already lost.
        lost = max(0, captured - self._recorded - (exchange.slots - 2))
        self._recorded += lost
        slot = self._recorded % exchange.slots
        blocks = min(captured - self._recorded, PIECE_BLOCKS, exchange.slots - slot)
        places = slice(slot * size, (slot + blocks) * size)
        self._recorded += blocks
        # The sound first, what explains it after: so it is never told too late.
        return Captured(exchange.inputs[:, places], exchange.played[:, places], self.entries(), lost * size)

    def events(self) -> list[Event]:
        """The last events, newest last."""
        self.collect()
        with self._lock:
            return list(self._events)

    def _add(self, noted: Noted) -> None:
        sample = noted.block * self._exchange.block_size
        self._happened(NOTED[noted.kind], sample)
        if not self.keeps_entries:
            return
        if noted.kind == LATE:
            self._entries.append(LateBlock(noted.block))
        elif noted.kind in (PANICKED, RESUMED):
            self._entries.append(Changed(sample, Panic() if noted.kind == PANICKED else Resume()))

    def _happened(self, kind: str, sample: int, text: str = "") -> None:
        if len(self._events) == MOST_EVENTS:
            # Late blocks and xruns may come a thousand times a second: they do not push out a restart, nor one another.
            most = max(self._kinds, key=self._kinds.__getitem__)
            del self._events[next(at for at, event in enumerate(self._events) if event.kind == most)]
            self._kinds[most] -= 1
        self._kinds[kind] += 1
        seconds = self._seconds + sample / self._exchange.sample_rate
        self._events.append(Event(kind, sample, round(seconds, 3), text))


def _event_of(entry: Entry) -> tuple[str, str] | None:
    """Kind and text of what a player wants to know of; parameters are turned too often for that."""
    match entry:
        case Held():
            return "held", ""
        case Skipped(first, last):
            return "skipped", f"{last - first + 1} blocks"
        case Restarted():
            return "restart", ""
        case Changed(_, Swap(_, name, _)):
            return "preset", name
        case Changed(_, Bypass(on)):
            return "bypass", "on" if on else "off"
    return None
