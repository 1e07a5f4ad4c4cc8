"""The eleven families of instruments that the note network names, and lists of notes to play them on.

A family is a set of General MIDI programs (counted from 0) and the range of keys on which they sound natural.

>>> len(FAMILIES), CLASSES[:3]
(11, ('bass', 'brass', 'flute'))
>>> family_of(73).name
'flute'
>>> len(general_midi_notes(velocities=(80,)))
4320
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Family:
    """One family: its label, its General MIDI programs (from 0) and its keys (MIDI, both ends included)."""

    name: str
    programs: tuple[int, ...]
    low_key: int
    high_key: int

    @property
    def keys(self) -> range:
        """Every key of the family."""
        return range(self.low_key, self.high_key + 1)


@dataclass(frozen=True, order=True)
class Note:
    """One note of one preset: MIDI bank, program, key and velocity (each 0 to 127)."""

    bank: int
    program: int
    key: int
    velocity: int


FAMILIES = (
    Family("bass", tuple(range(32, 40)), 28, 60),
    Family("brass", tuple(range(56, 64)), 36, 84),
    Family("flute", tuple(range(72, 80)), 55, 96),
    Family("guitar", tuple(range(24, 32)), 40, 84),
    Family("keyboard", tuple(range(0, 8)), 33, 96),
    Family("mallet", (*range(8, 15), 108, 114), 48, 96),
    Family("organ", tuple(range(16, 21)), 36, 90),
    Family("reed", (*range(64, 72), 109, 111), 40, 88),
    Family("string", (*range(40, 47), *range(48, 52)), 36, 93),
    Family("synth_lead", (*range(80, 85), 86, 87), 36, 96),
    Family("vocal", (*range(52, 55), 85, 91), 45, 81),
)
CLASSES = tuple(family.name for family in FAMILIES)

INSTRUMENTS = {
    "piano": "keyboard", "harpsichord": "keyboard", "xylophone": "mallet", "marimba": "mallet",
    "glockenspiel": "mallet", "organ": "organ", "guitar": "guitar", "bass": "bass", "violin": "string",
    "viola": "string", "cello": "string", "contrabass": "string", "harp": "string", "choir": "vocal",
    "trumpet": "brass", "horn": "brass", "trombone": "brass", "tuba": "brass", "saxophone": "reed",
    "clarinet": "reed", "oboe": "reed", "bassoon": "reed", "flute": "flute", "piccolo": "flute", "recorder": "flute",
}  # fmt: skip
"""Families of instruments by a word in the name of a recording; what is not here (drums, accordion) is in none."""

PROGRAMS = {program: family for family in FAMILIES for program in family.programs}
"""The family of each General MIDI program that belongs to one."""


def family_of(program: int) -> Family:
    """The family that General MIDI program `program` belongs to; KeyError where it belongs to none."""
    return PROGRAMS[program]


def class_index(note: Note) -> int:
    """The place of a note's family in `CLASSES`."""
    return CLASSES.index(family_of(note.program).name)


def family_in(name: str) -> str | None:
    """The family that a recording's name tells, or None.

    >>> family_in("flute_traversiere.ogg"), family_in("solo_egtr.wav"), family_in("electric guitar 2.flac")
    ('flute', None, 'guitar')
    """
    words = "".join(c if c.isalpha() else " " for c in Path(name).stem.lower()).split()
    return next((INSTRUMENTS[word] for word in words if word in INSTRUMENTS), None)


def general_midi_notes(velocities: tuple[int, ...], key_step: int = 1) -> list[Note]:
    """Every program of every family, on every `key_step`-th key of its range, at each velocity; bank 0.

    This is the fixed list on which accuracy is reported: nothing in it is chosen by what a soundfont contains.
    """
    return [
        Note(0, program, key, velocity)
        for family in FAMILIES
        for program in family.programs
        for key in list(family.keys)[::key_step]
        for velocity in velocities
    ]
