"""Meters of the live view: falling levels, held peaks, counters, and how they are drawn and written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

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

FLOOR_DB = -60.0
"""Where a level's bar begins."""

SILENCE_DB = -145.0

_BLOCKS = ("█", "▏▎▍▌▋▊▉", "─", "┃")
"""A full cell, partly filled ones, an empty one, and a mark."""

LEVEL_ZONES = ((-18.0, "green"), (-6.0, "yellow"), (math.inf, "bold red"))
"""Colours of a level's bar, each up to its dBFS."""


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


@dataclass(frozen=True)
class Bar:
    """A horizontal bar as wide as its place, filled to `share` (0 to 1), with a mark at `hold`; a line if it is `thin`.

    `zones` are pairs of an upper end and a style: each cell takes the style of the zone that it lies in.
    """

    share: float
    zones: tuple[tuple[float, str], ...] = ((math.inf, "cyan"),)
    hold: float | None = None
    thin: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        text = bar_text(self.share, width, self.hold, self.thin, options.ascii_only)
        for style, run in groupby(enumerate(text), lambda cell: self._style(cell[1], (cell[0] + 0.5) / width)):
            yield Segment("".join(glyph for _, glyph in run), Style.parse(style))

    def _style(self, glyph: str, at: float) -> str:
        """The style of one cell, `at` being its place from 0 to 1."""
        return "dim" if glyph in "─-" else next(style for end, style in self.zones if at <= end)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, options.max_width)


def bar_text(share: float, width: int, hold: float | None = None, thin: bool = False, ascii_only: bool = False) -> str:
    """A bar of `width` cells, filled from the left to `share`; a share that is no number fills nothing.

    >>> bar_text(0.5, 8), bar_text(0.45, 8, hold=0.8), bar_text(math.nan, 8)
    ('████────', '███▋──┃─', '────────')
    >>> bar_text(0.45, 8, thin=True), bar_text(0.45, 8, hold=0.8, ascii_only=True)
    ('━━━╸────', '####--|-')
    """
    whole, part, empty, mark = ("#", "", "-", "|") if ascii_only else ("━", "╸", "─", "┃") if thin else _BLOCKS
    parts = len(part) + 1
    filled = round(parts * width * min(max(share if share == share else 0.0, 0.0), 1.0))
    cells = [whole] * (filled // parts) + ([part[filled % parts - 1]] if filled % parts else [])
    cells += [empty] * (width - len(cells))
    if hold is not None and hold == hold and hold > 0:
        cells[min(int(hold * width), width - 1)] = mark
    return "".join(cells)


def level_share(level_db: float) -> float:
    """Where a level stands on its bar, from `FLOOR_DB` to 0 dBFS.

    >>> level_share(-30.0), level_share(-math.inf), level_share(3.0)
    (0.5, 0.0, 1.0)
    """
    if level_db != level_db:
        return 0.0
    return min(max(1 - level_db / FLOOR_DB, 0.0), 1.0)


def level_bar(level_db: float, hold_db: float) -> Bar:
    """The bar of one channel, and the mark of its peak."""
    zones = tuple((level_share(end) if end < 0 else math.inf, style) for end, style in LEVEL_ZONES)
    return Bar(level_share(level_db), zones, level_share(hold_db))


def level_text(level_db: float) -> str:
    """A level in six characters; below 24 bits there is silence.

    >>> level_text(-12.34), level_text(-math.inf), level_text(1.5), level_text(math.nan)
    (' -12.3', '  -inf', '  +1.5', '   nan')
    """
    if level_db != level_db or level_db < SILENCE_DB:
        return f"{level_db if level_db != level_db else -math.inf:6}"
    return f"{level_db:+6.1f}" if level_db > 0 else f"{level_db:6.1f}"


def load_style(load: float) -> str:
    """The colour of a share of the period: half of it is the aim, all of it too late.

    >>> load_style(0.2), load_style(0.5), load_style(1.2)
    ('green', 'yellow', 'bold red')
    """
    if load != load or load < 0.5:
        return "green"
    return "yellow" if load < 1 else "bold red"


def load_text(load: float) -> str:
    """A share of the period in five characters, with a mark that needs no colour.

    >>> load_text(0.234), load_text(0.62), load_text(12.0), load_text(math.nan)
    (' 23 %', ' 62 %!', '1200 %!!', '  – %')
    """
    if load != load:
        return "  – %"
    return f"{100 * load:3.0f} %" + ("!!" if load >= 1 else "!" if load >= 0.5 else "")


def since(seconds: float) -> str:
    """How long ago something was, in at most seven characters.

    >>> since(0.4), since(75), since(7300), since(400_000)
    ('now', '1:15', '2:01 h', '5 d')
    """
    if seconds < 1:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
    if seconds < 86_400:
        return f"{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02} h"
    return f"{seconds / 86_400:.0f} d"


def clock(seconds: float) -> str:
    """How long it has been playing.

    >>> clock(75.4), clock(3675)
    ('1:15', '1:01:15')
    """
    hours, rest = divmod(round(max(seconds, 0.0)), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def shortened(text: str, width: int) -> str:
    """A text in at most `width` characters, cut in the middle: names of devices tell apart at both ends.

    >>> shortened("Scarlett 2i2 USB: Audio (hw:1,0)", 20)
    'Scarlett …o (hw:1,0)'
    """
    if len(text) <= width:
        return text
    left = (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - (width - 1 - left) :]}" if width > 1 else text[:width]
