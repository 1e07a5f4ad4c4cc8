"""What the terminal's process and the sound's process say to each other, as plain data.

The terminal sends commands; the sound says what it is `Preparing`, then `Opened` or `Refused`, then a `Snapshot` about
ten times a second, and `Ended` when it has been told to `STOP`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True)
class LedgerRow:
    """One part of the latency."""

    name: str
    samples: float
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Knob:
    """A parameter that can be turned, as it stands."""

    path: str
    """Place of its effect on the board, like `0` or `1.0`."""
    effect: str
    name: str
    shown: str
    """Its value with its unit."""
    share: float | None = None
    """Where the value lies between lowest (0) and highest (1); None where it has no such place."""
    source: str = ""
    """The control that is mapped to it, like `CC 74`."""
    waits_at: float | None = None
    """Where the control stands, as `share`, while it has yet to be moved to where the value is."""


@dataclass(frozen=True)
class Preparing:
    """What is being made ready, before the sound runs."""

    what: str


@dataclass(frozen=True)
class Opened:
    """The sound runs."""

    input: str
    output: str
    presets: tuple[str, ...]
    midi: str = ""
    take: str = ""


@dataclass(frozen=True)
class Snapshot:
    """How the sound is doing; `report` has the fields of `dreampedal.engine.live.report.Report`."""

    report: dict[str, Any]
    ledger: tuple[LedgerRow, ...]
    knobs: tuple[Knob, ...] = ()
    number: int = 0
    """Of the preset that plays, in the list; -1 for none of them."""
    learning: str = ""
    """The parameter that waits for a knob."""


@dataclass(frozen=True)
class Refused:
    """It cannot play, and why, in one line."""

    reason: str


@dataclass(frozen=True)
class Ended:
    """The sound has faded, and everything is closed."""

    last: Snapshot
    take: str = ""
    """The folder of the take, where one was recorded; of the last, where the device came back with other blocks."""
    earlier_takes: tuple[str, ...] = ()


class Press(Enum):
    """What a key asks for that takes no more words."""

    BYPASS = "dry, or wet again"
    PANIC = "silence at once"
    RESUME = "the end of panic"
    STOP = "fade out and end"


@dataclass(frozen=True)
class Choose:
    """A preset by its place in the list, from 0."""

    number: int


@dataclass(frozen=True)
class Move:
    """A preset further on in the list, or back; the list has no ends."""

    by: int


@dataclass(frozen=True)
class Turn:
    """A parameter, some small steps up or down."""

    path: str
    name: str
    steps: int


@dataclass(frozen=True)
class Learn:
    """The next knob that moves is for this parameter; with no path, no knob is waited for."""

    path: str = ""
    name: str = ""


Command = Press | Choose | Move | Turn | Learn
Message = Preparing | Opened | Snapshot | Refused | Ended
