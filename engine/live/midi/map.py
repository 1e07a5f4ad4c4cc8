"""The MIDI map: which knob moves which parameter.

>>> Mapping("cc:74", "0", "amount").target
('0', 'amount')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dreampedal.engine.live.midi.relative import ENCODINGS

CURVES = ("linear", "exponential")
ACTIONS = ("bypass",)

_SOURCE = re.compile(
    r"((?P<alone>bend|pressure)|(?P<kind>cc|cc14|note|key_pressure|nrpn):(?P<number>[0-9]{1,5})"
    rf"|rel:(?P<turned>[0-9]{{1,3}}):(?P<encoding>{'|'.join(ENCODINGS)}))(@(?P<channel>[0-9]{{1,2}}))?"
)
_HIGHEST = {"cc": 119, "rel": 119, "cc14": 31, "note": 127, "key_pressure": 127, "nrpn": 16382}
"""Controllers from 120 on are modes of a channel; a controller of 14 bits is the pair of n and n + 32; number 16383 of
a parameter is none."""

_WRITTEN = (
    "cc:74, cc14:1, nrpn:148, rel:74:twos, bend, pressure, key_pressure:60 or note:60, with @2 after it for channel 2"
)


@dataclass(frozen=True)
class Source:
    """What a musician moves."""

    kind: str
    """`cc`, `cc14`, `nrpn`, `rel`, `bend`, `pressure`, `key_pressure` or `note`."""
    number: int = 0
    channel: int | None = None
    """From 1 to 16; None listens to all."""
    encoding: str = ""
    """Of `rel` alone, an endless knob: see `dreampedal.engine.live.midi.relative`."""

    def __str__(self) -> str:
        name = self.kind if self.kind in ("bend", "pressure") else f"{self.kind}:{self.number}"
        name += f":{self.encoding}" if self.encoding else ""
        return name if self.channel is None else f"{name}@{self.channel}"


@dataclass(frozen=True)
class Mapping:
    """One line of a MIDI map."""

    source: str
    """Written as one of these; with a channel behind it, `cc:74@2`, on that one alone.

    | source | what it is |
    | --- | --- |
    | `cc:74` | a controller |
    | `cc14:1` | controllers 1 and 33 as one of 14 bits |
    | `nrpn:148` | a parameter number, here 148 = 1 * 128 + 20, of 7 or 14 bits |
    | `rel:74:twos` | an endless knob; `offset` and `sign` are the other encodings |
    | `bend`, `pressure` | the pitch wheel; aftertouch of a channel |
    | `note:60`, `key_pressure:60` | a key; its aftertouch |
    """
    effect: str = ""
    """Place of an effect on the board, as in `Set.path`."""
    parameter: str = ""
    low: float | None = None
    """The parameter's value where the knob begins; by default the lowest that it takes. May be above `high`."""
    high: float | None = None
    curve: str = "linear"
    """`exponential` suits Hz and seconds: equal parts of the travel are equal ratios."""
    pickup: bool = True
    """Whether the knob does nothing until it comes by the present value; else the value jumps to the knob.
    A note has no travel, so it always sets `high` when it goes down and `low` when it comes up."""
    action: str = ""
    """`bypass` in place of an effect and a parameter: for as long as a key or pedal is down."""

    @property
    def target(self) -> tuple[str, str]:
        """What it moves: a place and a parameter, or an action."""
        return (self.effect, self.parameter) if not self.action else ("", self.action)


def parse_source(text: str) -> Source:
    """The source that a text names; a ValueError that says how one is written.

    >>> parse_source("cc:74@2"), str(parse_source("bend"))
    (Source(kind='cc', number=74, channel=2, encoding=''), 'bend')
    """
    match = _SOURCE.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"source = {text!r}: expected {_WRITTEN}")
    kind = match["kind"] or match["alone"] or "rel"
    number = int(match["number"] or match["turned"] or 0)
    channel = None if match["channel"] is None else int(match["channel"])
    if number > _HIGHEST.get(kind, 0):
        raise ValueError(f"source = {text!r}: expected {kind}:0 to {kind}:{_HIGHEST[kind]}")
    if channel is not None and not 1 <= channel <= 16:
        raise ValueError(f"source = {text!r}: expected a channel from @1 to @16")
    return Source(kind, number, channel, match["encoding"] or "")
