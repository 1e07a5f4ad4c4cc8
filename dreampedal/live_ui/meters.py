"""What the live view remembers from one snapshot to the next: falling levels, held peaks, when each counter moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FALL_DB_PER_SECOND = 30.0
HOLD_SECONDS = 1.5
SILENT_DB = -200.0

COUNTERS = {
    "late_blocks": "late",
    "held_hops": "held",
    "input_xruns": "xruns in",
    "output_xruns": "xruns out",
    "guard_hits": "ceiling",
    "muted_samples": "muted",
    "restarts": "restarts",
    "midi_messages": "midi",
}
"""The counters of a report, and what the view calls them."""


@dataclass
class Level:
    """One channel's meter: it rises at once, falls slowly, and keeps its peak for a while.

    >>> level = Level()
    >>> level.move(-6.0, 0.0)
    >>> level.move(-60.0, 1.0)
    >>> level.shown, level.peak
    (-36.0, -6.0)
    >>> level.move(-60.0, 2.0)
    >>> level.peak
    -60.0
    """

    shown: float = SILENT_DB
    peak: float = SILENT_DB
    now: float = 0.0
    peak_at: float = 0.0

    def move(self, level_db: float, seconds: float) -> None:
        """The loudest sample since the last call, in dBFS, at a time in seconds."""
        level_db = max(level_db, SILENT_DB) if level_db == level_db else SILENT_DB  # NaN equals nothing
        self.shown = max(level_db, self.shown - FALL_DB_PER_SECOND * max(seconds - self.now, 0.0))
        self.now = seconds
        if level_db >= self.peak or seconds - self.peak_at > HOLD_SECONDS:
            self.peak, self.peak_at = level_db, seconds


@dataclass
class Memory:
    """The meters and counters of a session.

    >>> memory = Memory()
    >>> memory.see({"input_db": [-12.0], "output_db": [-9.0], "late_blocks": 0, "seconds": 1.0})
    >>> memory.see({"input_db": [-12.0], "output_db": [-9.0], "late_blocks": 2, "seconds": 3.0})
    >>> memory.moved_at
    {'late_blocks': 3.0}
    """

    inputs: list[Level] = field(default_factory=list)
    outputs: list[Level] = field(default_factory=list)
    moved_at: dict[str, float] = field(default_factory=dict)
    """When each counter last moved, in seconds of the session."""
    counts: dict[str, int] = field(default_factory=dict)

    def see(self, report: Mapping[str, Any]) -> None:
        """Take in a report."""
        seconds = float(report["seconds"])
        self.inputs = _moved(self.inputs, report["input_db"], seconds)
        self.outputs = _moved(self.outputs, report["output_db"], seconds)
        for name in COUNTERS:
            count = int(report.get(name, 0))
            if count > self.counts.get(name, 0):
                self.moved_at[name] = seconds
            self.counts[name] = count


def _moved(levels: list[Level], decibels: Iterable[float | None], seconds: float) -> list[Level]:
    """The meters of all channels, as many as there are now; None is digital silence."""
    decibels = list(decibels)
    levels = (levels + [Level() for _ in decibels])[: len(decibels)]
    for level, value in zip(levels, decibels, strict=True):
        level.move(SILENT_DB if value is None else float(value), seconds)
    return levels
