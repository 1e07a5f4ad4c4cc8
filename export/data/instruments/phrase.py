"""Phrases: a few notes of one instrument as somebody might play them, with the room they are played in.

A phrase may have begun before its first sample: half of what a microphone hears is the middle of notes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dreampedal.export.data.instruments.families import Family

SINGLE, CHORD = 0.35, 0.2
"""Shares of phrases that are one note, and one chord; the rest are melodies."""
CHORD_STEPS = (3, 4, 5, 7, 9, 12, 16)
MELODY_STEPS = (-7, -5, -4, -3, -2, -2, -1, 1, 2, 2, 3, 4, 5, 7)
"""In semitones."""
SHORTEST, LONGEST = 0.11, 0.6
"""Seconds between the notes of a melody."""
EARLIEST = 0.4
"""Seconds before the first sample that a phrase may begin."""


@dataclass(frozen=True)
class PhraseNote:
    """One note of a phrase: when it begins (negative: cut to the beginning), how long it is held, key and velocity."""

    begin: float
    seconds: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Room:
    """FluidSynth's reverberation: size and damping 0 to 1, width 0 to 100, level 0 to 1."""

    size: float
    damping: float
    width: float
    level: float


@dataclass(frozen=True)
class Phrase:
    """Notes, how long they are heard, a room or none, and how far the modulation wheel is turned (0 to 127)."""

    notes: tuple[PhraseNote, ...]
    seconds: float
    room: Room | None = None
    modulation: int = 0


def drawn(family: Family, seconds: float, reverberant: bool, random: np.random.Generator) -> Phrase:
    """A random phrase of a family's keys.

    Args:
        seconds: that will be heard, after `EARLIEST` seconds in which the first notes may begin.
        reverberant: whether it has a room.

    >>> from dreampedal.export.data.instruments.families import FAMILIES
    >>> phrase = drawn(FAMILIES[2], 1.0, False, np.random.default_rng(0))
    >>> all(55 <= note.key <= 96 for note in phrase.notes), phrase.seconds
    (True, 1.4)
    """
    room = None
    if reverberant:
        size, damping = random.uniform(0.2, 0.95), random.uniform(0, 0.6)
        room = Room(size, damping, random.uniform(0.5, 10), random.uniform(0.2, 0.9))
    modulation = int(random.integers(20, 100)) if random.random() < 0.3 else 0
    return Phrase(tuple(_notes(family, seconds, random)), seconds + EARLIEST, room, modulation)


def _notes(family: Family, seconds: float, random: np.random.Generator) -> list[PhraseNote]:
    begin = EARLIEST * (1 - random.random() * (random.random() < 0.7))
    key, velocity, kind = int(random.choice(family.keys)), int(random.integers(45, 118)), random.random()
    if kind < SINGLE:
        return [PhraseNote(begin, random.uniform(0.5, 2.0), key, velocity)]
    if kind < SINGLE + CHORD:
        keys = {key, *(_within(family, key + int(step)) for step in random.choice(CHORD_STEPS, random.integers(1, 4)))}
        return [
            PhraseNote(begin + 0.02 * random.random(), random.uniform(0.5, 2.0), one, velocity) for one in sorted(keys)
        ]
    notes, usual = [], float(np.exp(random.uniform(np.log(SHORTEST), np.log(LONGEST))))
    while begin < seconds + EARLIEST:
        length = usual * float(random.choice([0.5, 1, 1, 1, 2]))
        loudness = int(np.clip(velocity + 8 * random.normal(), 20, 127))
        notes.append(PhraseNote(begin, length * random.uniform(0.6, 1.05), key, loudness))
        begin += length
        key = _within(family, key + int(random.choice(MELODY_STEPS)))
    return notes


def _within(family: Family, key: int) -> int:
    return min(max(key, family.low_key), family.high_key)
