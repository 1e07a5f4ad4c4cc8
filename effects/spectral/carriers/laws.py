"""How a class moves: its vibrato, its tremolo and the pace at which it is struck again.

Players and machines differ; these are usual ones, fixed, and scaled by a knob. A flute's vibrato is one of loudness
more than of pitch, a voice's the other way round; strings lie between (Fletcher and Rossing 1998, chapters 10 and 16;
Sundberg 1987, chapter 7). An organ has a tremulant, a mallet instrument motors under its bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Knobs = tuple[float, float, float]
"""How far vibrato, tremolo and strokes are turned up, 0 to 1."""


class Law(NamedTuple):
    """How a target moves, with its knobs turned up."""

    vibrato_hz: float = 5.5
    vibrato_cents: float = 20.0
    """Each way."""
    tremolo_hz: float = 5.5
    tremolo_db: float = 1.5
    """Each way, within the 3 dB of the guard."""
    strike_seconds: float = 0.8
    """From one stroke to the next, where the sound goes on."""
    struck: float = 1.0
    """How far a class decays by itself, 0 to 1: what goes on is not struck."""


GENERAL = Law()
"""Of layers, filters and classes without one of their own."""

LAWS: dict[str, Law] = {
    "class:bass": Law(5.0, 0.0, 5.0, 0.0, 0.9, 0.7),
    "class:brass": Law(5.2, 8.0, 5.2, 0.8, 0.8, 0.0),
    "class:flute": Law(5.0, 10.0, 5.0, 2.0, 0.8, 0.0),
    "class:guitar": Law(5.0, 8.0, 5.0, 0.5, 0.7, 1.0),
    "class:keyboard": Law(5.0, 0.0, 5.0, 1.0, 0.8, 1.0),
    "class:mallet": Law(5.5, 0.0, 5.5, 2.0, 0.5, 1.0),
    "class:organ": Law(6.4, 6.0, 6.4, 2.0, 0.8, 0.0),
    "class:reed": Law(5.2, 10.0, 5.2, 1.0, 0.8, 0.0),
    "class:string": Law(5.8, 18.0, 5.8, 0.8, 0.8, 0.0),
    "class:synth_lead": Law(5.5, 14.0, 5.5, 0.8, 0.8, 0.0),
    "class:vocal": Law(5.8, 35.0, 5.8, 0.8, 0.8, 0.0),
}


def law_of(shares: Mapping[str, float]) -> Law:
    """The law of a mixture: targets by their texts, with weights of 0 and more; each field is their weighted mean.

    >>> law_of({"class:flute": 1.0}).tremolo_db, law_of({"conv3": 2.0}) == GENERAL, law_of({}) == GENERAL
    (2.0, True, True)
    >>> round(law_of({"class:flute": 1.0, "class:vocal": 3.0}).vibrato_cents, 2)
    28.75
    """
    total = sum(shares.values())
    if total <= 0:
        return GENERAL
    laws = [(LAWS.get(target, GENERAL), weight / total) for target, weight in shares.items()]
    return Law(*(sum(law[field] * share for law, share in laws) for field in range(len(Law._fields))))
