"""The MIDI map: which knob moves which parameter.

>>> Mapping("cc:74", "0", "amount").target
('0', 'amount')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dreampedal.engine.live.midi.messages import SOURCES
from dreampedal.engine.live.midi.relative import ENCODINGS

CURVES = ("linear", "exponential")
ACTIONS = ("bypass",)

HIGHEST: dict[str, int | None] = {"cc": 119, "cc14": 31, "nrpn": 16382, "rel": 119}
HIGHEST |= {kind: message.highest for kind, message in SOURCES.items()}
"""Largest number of each kind of source, None where it has none. Controllers from 120 on are modes of a channel; a
controller of 14 bits is the pair of n and n + 32; number 16383 of a parameter is none."""

_SOURCE = re.compile(
    r"(?P<kind>[a-z0-9_]+)(:(?P<number>[0-9]{1,5}))?(:(?P<encoding>[a-z]+))?(@(?P<channel>[0-9]{1,2}))?"
)
_EXAMPLES = {"cc": "cc:74", "cc14": "cc14:1", "nrpn": "nrpn:148", "rel": "rel:74:twos"}


@dataclass(frozen=True)
class Source:
    """What a musician moves."""

    kind: str
    """One of `HIGHEST`."""
    number: int = 0
    channel: int | None = None
    """From 1 to 16; None listens to all."""
    encoding: str = ""
    """Of `rel` alone, an endless knob: see `dreampedal.engine.live.midi.relative`."""


@dataclass(frozen=True)
class Mapping:
    """One line of a MIDI map."""

    source: str
    """One of those that `dreampedal.engine.live.midi.messages` lists; `cc:74@2` listens to channel 2 alone."""
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

    >>> parse_source("cc:74@2")
    Source(kind='cc', number=74, channel=2, encoding='')
    """
    match = _SOURCE.fullmatch(text) if isinstance(text, str) else None
    if match is None or not _is_whole(match["kind"], match["number"], match["encoding"] or ""):
        raise ValueError(f"source = {text!r}: expected {_written()}")
    kind, number, highest = match["kind"], int(match["number"] or 0), HIGHEST[match["kind"]]
    channel = None if match["channel"] is None else int(match["channel"])
    if highest is not None and number > highest:
        raise ValueError(f"source = {text!r}: expected {kind}:0 to {kind}:{highest}")
    if channel is not None and kind in SOURCES and not SOURCES[kind].has_channel:
        raise ValueError(f"source = {text!r}: expected {kind}, which has no channel")
    if channel is not None and not 1 <= channel <= 16:
        raise ValueError(f"source = {text!r}: expected a channel from @1 to @16")
    return Source(kind, number, channel, match["encoding"] or "")


def _is_whole(kind: str, number: str | None, encoding: str) -> bool:
    """Whether a source has the parts that its kind has, and no others."""
    has_number = kind in HIGHEST and (number is None) == (HIGHEST[kind] is None)
    return has_number and encoding in (ENCODINGS if kind == "rel" else ("",))


def _written() -> str:
    """How each kind of source is written."""
    *first, last = (_EXAMPLES.get(kind, kind if highest is None else f"{kind}:60") for kind, highest in HIGHEST.items())
    return f"{', '.join(first)} or {last}, with @2 after it for channel 2"
