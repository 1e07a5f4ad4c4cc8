"""What happened in a live session, in words: its events, why blocks were late, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from math import ceil
from typing import Any

EVENTS = {
    "late": "late block, played dry",
    "held": "held hop, the last dream goes on",
    "skipped": "skipped",
    "input_xrun": "the device lost samples",
    "output_xrun": "the device lost output",
    "ceiling": "ceiling reached",
    "restart": "the device came back",
}
"""What the kinds of events are called; others by their own name."""

CAUSES = {"late_slow": "worker slow", "late_bursts": "callbacks in bursts", "late_system": "system or device"}
"""The counters of a report that make up its late blocks, and what they are called."""


def happened(events: Iterable[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Events as lines with the time of the last of each row of equal ones.

    >>> late = {"kind": "late", "sample": 48_000, "seconds": 1.0, "text": ""}
    >>> happened([late, late | {"seconds": 2.0}, {"kind": "preset", "sample": 0, "seconds": 3.0, "text": "bowed"}])
    [(2.0, 'late block, played dry (2 times)'), (3.0, 'preset bowed')]
    """
    lines = []
    events = list(events)
    lost = {event["sample"] for event in events if event["kind"] == "input_xrun"}
    # Where a device loses both at once, as JACK says of every overrun, one line is enough.
    told = [event for event in events if event["kind"] != "output_xrun" or (event["sample"] not in lost)]
    for (kind, text), run in groupby(told, lambda event: (event["kind"], event["text"])):
        same = list(run)
        times = f" ({len(same)} times)" if len(same) > 1 else ""
        lines.append((float(same[-1]["seconds"]), f"{EVENTS.get(kind, kind)}{' ' if text else ''}{text}{times}"))
    return lines


def late_text(report: Mapping[str, Any]) -> str:
    """How many blocks were late, and of those how many for each cause.

    >>> late_text({"late_blocks": 0}), late_text({"late_blocks": 5, "late_slow": 3, "late_bursts": 0, "late_system": 2})
    ('late 0', 'late 5 (worker slow 3, system or device 2)')
    """
    parts = [f"{words} {report[name]:,}" for name, words in CAUSES.items() if report.get(name)]
    return f"late {report['late_blocks']:,}{' (' if parts else ''}{', '.join(parts)}{')' if parts else ''}"


def why_late(report: Mapping[str, Any]) -> str:
    """The cause of most late blocks and a remedy, in one line; empty where none was late.

    >>> why_late({"late_slow": 0, "late_bursts": 9, "late_system": 1, "together": 1024, "block_size": 128})
    'late since 1,024 samples come at a time: take --block 1024, or --buffers 8'
    """
    counts = {name: int(report.get(name, 0)) for name in CAUSES}
    if not any(counts.values()):
        return ""
    most = max(counts, key=counts.__getitem__)
    if most == "late_slow":
        return "late since the board is slow: take a larger --block, --buffers, or fewer steps"
    if most == "late_system":
        return "late since the system was busy: close other programs, or take more --buffers"
    together = int(report["together"])
    remedy = f"take --block {together}, or --buffers {ceil(together / report['block_size'])}"
    return f"late since {together:,} samples come at a time: {remedy}"
