"""The live view: one screen of a terminal, drawn from the last snapshot. At 80 by 24 everything that matters is there.

Colour only underlines what a word or a sign says too, so that it reads as well without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dreampedal.live_ui.events import happened, why_late
from dreampedal.live_ui.meters import (
    COUNTERS,
    Bar,
    Level,
    Memory,
    clock,
    level_bar,
    level_text,
    load_style,
    load_text,
    shortened,
    since,
)
from dreampedal.live_ui.talk import Knob, Opened, Snapshot

KEYS = (
    ("b", "bypass"), ("p", "panic"), ("r", "resume"), ("n/N", "preset"), ("tab/+/-", "turn"), ("l", "learn"),
    ("?", "help"), ("q", "quit"),
)  # fmt: skip

HELP = (
    ("b", "bypass: the dry sound, at the same latency; again for the wet one"),
    ("p", "panic: silence at once"),
    ("r", "resume after panic"),
    ("n  N  right  left", "next and previous preset"),
    ("1 to 9", "a preset by its number in the list"),
    ("tab  shift-tab  down  up", "choose a parameter"),
    ("+  -", "turn it; a switch flips, a choice moves on"),
    ("l", "learn: the next knob that moves, an endless one both ways, is for this parameter; again to let go"),
    ("?", "this page, and back"),
    ("q  ctrl-c", "fade out and quit"),
)

LATELY_SECONDS = 10.0

SIDE = 32
"""Columns of the right-hand side."""


@dataclass
class Scene:
    """All that is on the screen."""

    opened: Opened
    snapshot: Snapshot
    memory: Memory = field(default_factory=Memory)
    selected: int = 0
    """The knob that keys turn."""
    help: bool = False

    @property
    def report(self) -> dict[str, Any]:
        """The last report."""
        return self.snapshot.report


def draw(scene: Scene, width: int, height: int) -> RenderableType:
    """The screen, `width` columns by `height` lines."""
    if scene.help:
        return _help(height)
    meters = max(6, len(scene.memory.inputs) + 3) + 2
    log = min(10, height - 26) if height >= 30 else 0
    rest = max(height - 2 - meters - 4 - log, 3)
    screen = Layout()
    screen.split_column(
        Layout(_head(scene, width), size=2),
        Layout(name="meters", size=meters),
        Layout(name="board", size=rest),
        *([Layout(_log(scene, log - 2), size=log)] if log else []),
        Layout(_foot(scene, width), size=4),
    )
    screen["meters"].split_row(Layout(_levels(scene)), Layout(_ledger(scene, meters - 2), size=SIDE))
    screen["board"].split_row(Layout(_knobs(scene, rest - 2)), Layout(_presets(scene, rest - 2), size=SIDE))
    return screen


def _head(scene: Scene, width: int) -> RenderableType:
    """What plays, through what, and how long already."""
    report, opened = scene.report, scene.opened
    state = "PANIC" if report["panicked"] else "BYPASS" if report["bypass"] else "LIVE"
    style = {"PANIC": "bold white on red", "BYPASS": "bold black on yellow"}.get(state, "bold black on green")
    rate = f"{report['sample_rate']:,.0f} Hz  {report['block_size']} samples  {report['channels']} ch"
    top = Table.grid(expand=True)
    top.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    top.add_column(no_wrap=True, justify="right")
    title = Text.assemble(("DreamPedal", "bold magenta"), "  ", (report["preset"] or "a board", "bold"))
    top.add_row(title, Text.assemble((rate, "dim"), "  ", (f"{state:^8}", style), f" {clock(report['seconds'])}"))
    room = (width - 6 - (5 + len(opened.midi) if opened.midi else 0)) // 2 - 2
    under = Text.assemble(("in ", "dim"), shortened(opened.input, room), ("  out ", "dim"))
    under.append(shortened(opened.output, room))
    if opened.midi:
        under.append("  midi ", "dim").append(opened.midi)
    under.no_wrap, under.overflow = True, "ellipsis"
    return Group(top, under)


def _levels(scene: Scene) -> Panel:
    """Meters of every channel, input and output side by side, and the load below."""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(width=6, no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(width=6, no_wrap=True)
    grid.add_row(Text("ch", "dim"), Text("in", "dim"), Text("dBFS", "dim"), Text("out", "dim"), Text("dBFS", "dim"))
    for channel, pair in enumerate(zip(scene.memory.inputs, scene.memory.outputs, strict=False)):
        grid.add_row(f"{channel + 1:2}", *(cell for level in pair for cell in _meter(level)))
    load = Table.grid(expand=True, padding=(0, 1))
    load.add_column(no_wrap=True)
    load.add_column(ratio=1)
    load.add_column(width=8, no_wrap=True)
    for name, value in (("load median", scene.report["load_median"]), ("load p99.9", scene.report["load_p999"])):
        style = load_style(value)
        load.add_row(name, Bar(value, ((float("inf"), style),), thin=True), Text(load_text(value), style))
    return _panel(Group(grid, load), "levels and load")


def _meter(level: Level) -> tuple[RenderableType, RenderableType]:
    """One channel's bar and its peak in dBFS."""
    return level_bar(level.shown, level.peak), level_text(level.peak)


def _ledger(scene: Scene, lines: int) -> Panel:
    """Where every sample of latency comes from; parts that add none are left out where room is short."""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    rows = scene.snapshot.ledger
    for row in rows if len(rows) < lines else [row for row in rows if row.samples]:
        style = "" if row.samples else "dim"
        grid.add_row(*_ledger_row(row.name, row.samples, row.seconds, style))
    total = sum(row.samples for row in rows), sum(row.seconds for row in rows)
    grid.add_row(*_ledger_row("total", *total, "bold"))
    return _panel(grid, "latency in samples")


def _ledger_row(name: str, samples: float, seconds: float, style: str) -> tuple[Text, Text, Text]:
    """One part of the latency."""
    return Text(name, style), Text(f"{samples:,.0f}", style), Text(f"{1000 * seconds:.1f} ms", style)


def _knobs(scene: Scene, lines: int) -> Panel:
    """The parameters around the chosen one, each with its bar and the control that is mapped to it."""
    knobs = scene.snapshot.knobs
    first = _window(scene.selected, len(knobs), lines)
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=18)
    grid.add_column(ratio=1, min_width=6)
    grid.add_column(justify="right", no_wrap=True, overflow="ellipsis", max_width=10)
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=14)
    several = len({knob.path for knob in knobs}) > 1
    for index, knob in enumerate(knobs[first : first + lines], first):
        chosen = index == scene.selected
        name = f"{knob.path} {knob.name}" if several else knob.name
        style = "bold" if chosen else ""
        bar = Bar(knob.share, hold=knob.waits_at, thin=True) if knob.share is not None else Text("")
        grid.add_row(
            ">" if chosen else "", Text(name, style), bar, Text(knob.shown, style), _source(knob, scene.snapshot)
        )
    more = f" {first + 1} to {min(first + lines, len(knobs))} of {len(knobs)}" if len(knobs) > lines else ""
    return _panel(grid, f"knobs{more}")


def _source(knob: Knob, snapshot: Snapshot) -> Text:
    """What turns a knob."""
    if snapshot.learning == f"{knob.path}.{knob.name}":
        return Text("move a knob", "bold yellow")
    if knob.waits_at is not None:
        return Text(f"{knob.source} waits", "yellow")
    return Text(knob.source, "cyan")


def _presets(scene: Scene, lines: int) -> Panel:
    """The presets around the one that plays, with their keys."""
    presets, playing = scene.opened.presets, scene.snapshot.number
    first = _window(max(playing, 0), len(presets), lines)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(width=2, justify="right")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for index, name in enumerate(presets[first : first + lines], first):
        style = "bold green" if index == playing else ""
        key = Text(str(index + 1), "cyan" if index < 9 else "dim")
        grid.add_row(Text(">" if index == playing else "", style), key, Text(name, style))
    more = f" {first + 1} to {min(first + lines, len(presets))} of {len(presets)}" if len(presets) > lines else ""
    return _panel(grid, f"presets{more}")


def _foot(scene: Scene, width: int) -> RenderableType:
    """Counters, the last message, and the keys."""
    grid = Table.grid(expand=True)
    for _ in range(4):
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    cells = [_counter(scene, name) for name in COUNTERS]
    grid.add_row(*cells[:4])
    grid.add_row(*cells[4:])
    message = Text(scene.report["message"] or _standing(scene), no_wrap=True, overflow="ellipsis")
    message.stylize("bold yellow" if scene.report["message"] else "dim")
    keys = Text("  ").join(Text.assemble((key, "bold cyan"), " ", word) for key, word in KEYS)
    keys.no_wrap, keys.overflow = True, "ellipsis"
    return Group(grid, message, keys)


def _counter(scene: Scene, name: str) -> Text:
    """One counter, and the time since it last moved."""
    count, label = scene.memory.counts.get(name, 0), COUNTERS[name]
    if not count:
        return Text(f"{label} 0", "dim")
    ago = since(scene.report["seconds"] - scene.memory.moved_at.get(name, 0.0))
    style = "" if name == "midi_messages" else "bold yellow"
    return Text.assemble((f"{label} {count:,}", style), (f"  {ago}{'' if ago == 'now' else ' ago'}", "dim"))


def _standing(scene: Scene) -> str:
    """What to say while there is no trouble."""
    report, memory = scene.report, scene.memory
    if report["loading"]:
        return f"getting {report['loading']} ready; the sound goes on until then"
    if report["panicked"]:
        return "silent: r brings the sound back"
    late = report["seconds"] - memory.moved_at.get("late_blocks", -math.inf)
    if late < LATELY_SECONDS:
        return why_late(report)
    if scene.opened.take:
        return f"recording to {scene.opened.take}"
    return "all is well" if not memory.counts.get("late_blocks") else ""


def _log(scene: Scene, lines: int) -> Panel:
    """The last things that happened, newest last."""
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(
        Text.assemble((f"{clock(seconds):>8}  ", "dim"), words) for seconds, words in happened(scene.report["events"])
    )
    text.rstrip()
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(text.split("\n")[-lines:])
    return _panel(text, "what happened")


def _help(height: int) -> RenderableType:
    """What every key does."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold cyan", no_wrap=True)
    grid.add_column()
    for key, words in HELP:
        grid.add_row(key, words)
    about = Text("\nA knob that waits is moved to where its parameter is, and takes over there: nothing jumps.")
    about.append("\nLate blocks are played dry; held hops keep the last dream. The latency never changes.")
    return _panel(Group(grid, about), "keys", height)


def _panel(content: RenderableType, title: str, height: int | None = None) -> Panel:
    """A part of the screen."""
    heading = Text(f" {title} ", "bold")
    return Panel(content, title=heading, title_align="left", border_style="bright_black", padding=(0, 1), height=height)


def _window(chosen: int, count: int, lines: int) -> int:
    """The first of `lines` entries that are shown, so that the chosen one is among them.

    >>> [_window(chosen, 10, 4) for chosen in (0, 2, 5, 9)]
    [0, 0, 3, 6]
    """
    return max(0, min(chosen - lines // 2, count - lines))
