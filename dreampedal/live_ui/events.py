"""What happened in a live session, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
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
