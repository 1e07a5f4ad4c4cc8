"""What dreams are judged on: solo recordings that nothing was tuned on, and the five that the prototype was tuned on.

The rule, written before anything was measured: every instrument of gcompris whose name tells a family; and of each
family of which these are fewer than two, phrases of TimGM6mb until there are two. No listener and no student hears
either; of TimGM6mb, the judges do, but not these phrases. Of each, the first four seconds after the first sound.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.engine.sound.reading import sound_in
from dreampedal.export.data.instruments.families import FAMILIES, Family, family_in
from dreampedal.export.data.instruments.patches import open_instruments
from dreampedal.export.data.instruments.phrase import EARLIEST, Phrase, drawn
from dreampedal.export.data.instruments.qt_resource import read_resources
from dreampedal.export.data.places import SOUNDS

Audio = NDArray[np.float32]

SAMPLE_RATE = 48_000
SECONDS = 4.0
GCOMPRIS = Path("/usr/share/gcompris-qt/rcc/instruments.rcc")
OTHER_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
TUNING: Mapping[str, str] = {
    "fiddle_irish": "string", "solo_cello": "string", "solo_egtr_em9": "guitar", "solo_flute": "flute",
    "solo_piano": "keyboard",
}  # fmt: skip
"""The five clips of the prototype, and their families."""
OF_EACH = 2
"""Recordings of each family at least."""
SEED = 2026
FEWEST_NOTES = 6
"""Of a phrase that is to last for four seconds."""
ONSET_DB = 40.0
PEAK = 0.5


def is_rendered(name: str) -> bool:
    """Whether a sound of that name is a phrase of `OTHER_FONT`, and no recording.

    >>> is_rendered("TimGM6mb bass 1"), is_rendered("cello")
    (True, False)
    """
    return name.startswith(f"{OTHER_FONT.stem} ")


@dataclass(frozen=True)
class Sound:
    """One recording to dream of.

    Fields:
        name, family: its own; audio: mono at 48 kHz, float32 (1, samples), at a peak of 0.5.
    """

    name: str
    family: str
    audio: Audio

    @property
    def key(self) -> str:
        """A hash of its samples."""
        return hashlib.sha256(self.audio.tobytes()).hexdigest()[:16]


def unseen(gcompris: Path = GCOMPRIS, font: Path = OTHER_FONT) -> list[Sound]:
    """The recordings that dreams are judged on.

    Raises:
        FileNotFoundError: that names the Debian package, for a file that is not there.
    """
    found = list(instruments(gcompris))
    there = Counter(one.family for one in found)
    found += phrases(font, {family.name: max(0, OF_EACH - there[family.name]) for family in FAMILIES})
    return found


def tuning(clips: Path) -> list[Sound]:
    """The five clips that the prototype was tuned on, in a folder."""
    return [_sound(name, family, clips / f"{name}.flac") for name, family in TUNING.items()]


def instruments(gcompris: Path = GCOMPRIS) -> Iterator[Sound]:
    """The recordings in gcompris whose names tell a family, in alphabetical order."""
    if not gcompris.is_file():
        raise FileNotFoundError(f"{gcompris}: not there; the Debian package gcompris-qt-data brings it")
    for path, body in sorted(read_resources(gcompris).items()):
        family = family_in(path.name) if path.suffix.lower() in SOUNDS else None
        if family is not None:
            yield _sound(path.stem, family, body)


def phrases(font: Path, counts: Mapping[str, int], seed: int = SEED) -> Iterator[Sound]:
    """So many melodies of each family, played on a soundfont, each on an instrument of its own where there are enough.

    They are drawn as those that listeners learn from (`instruments.phrase`), but last four seconds.
    """
    if not any(counts.values()):
        return
    if not font.is_file():
        raise FileNotFoundError(f"{font}: not there; the Debian package timgm6mb-soundfont brings it")
    played = open_instruments(font, SAMPLE_RATE)
    there = set(played.presets())
    for place, family in enumerate(FAMILIES):
        random = np.random.default_rng([seed, place])
        programs = random.permutation([program for program in family.programs if (0, program) in there])
        for number in range(counts.get(family.name, 0)):
            phrase = _melody(family, random)
            sound = played.play(0, int(programs[number % len(programs)]), phrase)[round(EARLIEST * SAMPLE_RATE) :]
            yield Sound(f"{font.stem} {family.name} {number + 1}", family.name, _begun(sound))


def _melody(family: Family, random: np.random.Generator) -> Phrase:
    while True:
        phrase = drawn(family, SECONDS, False, random)
        if len(phrase.notes) >= FEWEST_NOTES and len({note.begin for note in phrase.notes}) >= FEWEST_NOTES:
            return phrase


def _sound(name: str, family: str, source: Path | bytes) -> Sound:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        file = sound_in(stream, Path(name) if isinstance(source, bytes) else source)
        audio, rate = file.read(), file.sample_rate
    return Sound(name, family, _begun(resampled(audio.mean(0), rate, SAMPLE_RATE)))


def _begun(mono: NDArray[np.floating], seconds: float = SECONDS) -> Audio:
    """The first seconds from a twentieth of a second before a sound is within 40 dB of its peak."""
    level = np.abs(mono)
    first = max(0, int(np.argmax(level > level.max() * 10 ** (-ONSET_DB / 20))) - SAMPLE_RATE // 20)
    part = mono[first : first + round(seconds * SAMPLE_RATE)]
    return np.asarray(part * (PEAK / max(float(np.abs(part).max()), 1e-9)), np.float32)[None]


def others(sounds: Sequence[Sound], families: Sequence[str]) -> Iterator[tuple[Sound, str]]:
    """Each sound with each family that is not its own."""
    for sound in sounds:
        for family in families:
            if family != sound.family:
                yield sound, family
