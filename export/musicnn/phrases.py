"""Short phrases of sampled instruments: a few seconds of chords, melodies and beats, made up at random from soundfonts.

The recordings of songs that there are know few flutes and no harpsichord. What musicnn says of such phrases is what the
distilled network learns, so it matters that instruments sound in every register and together, not what they play.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.data.instruments.families import Note
from dreampedal.export.data.instruments.soundfont import Soundfont

INSTRUMENTS = {
    "flute": ((73, 75, 72, 77), 60, 93),
    "choir": ((52, 53), 48, 79),
    "harpsichord": ((6,), 41, 86),
    "piano": ((0, 1, 3), 33, 93),
    "guitar": ((24, 25, 26, 27), 40, 79),
    "metal": ((29, 30), 33, 67),
    "sitar": ((104, 105), 48, 76),
    "harp": ((46,), 45, 93),
    "violin": ((40, 110), 55, 93),
    "cello": ((42, 43), 36, 67),
    "strings": ((48, 49, 50), 40, 88),
    "organ": ((16, 19, 20), 36, 88),
    "brass": ((56, 60, 61), 43, 79),
    "reed": ((64, 66, 68, 71), 45, 82),
    "bass": ((32, 33, 38), 28, 52),
    "synth": ((80, 81, 87, 62, 90), 40, 84),
    "pad": ((88, 89, 91, 94), 40, 84),
}
"""General MIDI programs, lowest and highest key of what plays."""

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
DRUM_BANK = 128
KICK, SNARE, HAT, OPEN_HAT, TOM, CRASH = 36, 38, 42, 46, 45, 49


def phrase(font: Soundfont, seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A phrase of one to three voices, sometimes with drums: float32, shape (samples,), peak at -12 to -1 dBFS."""
    out = np.zeros(round(seconds * font.sample_rate), np.float32)
    beat = 60 / rng.uniform(60, 150)
    key, scale = int(rng.integers(12)), SCALES[rng.integers(len(SCALES))]
    drums = rng.random() < 0.3
    voices = rng.choice(list(INSTRUMENTS), 1 if rng.random() < 0.6 else int(rng.integers(2, 4)), replace=False)
    if not (drums and rng.random() < 0.4):
        for name in voices:
            _voice(font, out, INSTRUMENTS[name], beat, key, scale, rng)
    if drums and font.has(DRUM_BANK, 0):
        _drums(font, out, beat, rng)
    peak = float(np.abs(out).max())
    return out * np.float32(10 ** (rng.uniform(-12, -1) / 20) / peak) if peak > 1e-4 else out


def phrases(font: Soundfont, count: int, seconds: float, seed: int) -> NDArray[np.float32]:
    """Phrases, the same for the same seed: float32, shape (count, samples)."""
    rng = np.random.default_rng(seed)
    return np.stack([phrase(font, seconds, rng) for _ in range(count)])


def _voice(
    font: Soundfont,
    out: NDArray[np.float32],
    instrument: tuple[Sequence[int], int, int],
    beat: float,
    key: int,
    scale: Sequence[int],
    rng: np.random.Generator,
) -> None:
    """A melody, an arpeggio or chords on one instrument, added to `out`."""
    programs, low, high = instrument
    program = int(rng.choice([p for p in programs if font.has(0, p)] or [0]))
    keys = [k for k in range(low, high + 1) if (k - key) % 12 in scale]
    at, place = 0.0, int(rng.integers(len(keys)))
    step = beat * float(rng.choice([0.5, 1.0, 2.0]))
    together = int(rng.choice([1, 1, 3, 4]))
    level = 10 ** (rng.uniform(-15, 0) / 20)
    while at < len(out) / font.sample_rate - 0.1:
        place = int(np.clip(place + rng.integers(-3, 4), 0, len(keys) - 1))
        for n in range(together):
            chord_key = keys[min(place + 2 * n, len(keys) - 1)]
            sound = font.render(Note(0, program, chord_key, int(rng.integers(50, 120))), step * 0.95, 0.3)
            _add(out, sound * np.float32(level), at, font.sample_rate)
        at += step


def _drums(font: Soundfont, out: NDArray[np.float32], beat: float, rng: np.random.Generator) -> None:
    """A beat: kick on one (or on all), snare on two and four, hats between, now and then a tom."""
    four, level = rng.random() < 0.5, 10 ** (rng.uniform(-9, 3) / 20)
    sounds: dict[int, NDArray[np.float32]] = {}
    for count in range(int(len(out) / font.sample_rate / (beat / 2))):
        hits = [HAT if rng.random() < 0.9 else OPEN_HAT]
        if count % 2 == 0:
            hits += [KICK] if four or count % 4 == 0 else []
            hits += [SNARE] if count % 4 == 2 else []
        if rng.random() < 0.1:
            hits.append(int(rng.choice([TOM, CRASH, SNARE, KICK])))
        for hit in hits:
            if hit not in sounds:
                sounds[hit] = font.render(Note(DRUM_BANK, 0, hit, 100), 0.3, 0.3)
            _add(out, sounds[hit] * np.float32(level), count * beat / 2, font.sample_rate)


def _add(out: NDArray[np.float32], sound: NDArray[np.float32], seconds: float, sample_rate: float) -> None:
    start = round(seconds * sample_rate)
    fitting = sound[: max(0, len(out) - start)]
    out[start : start + len(fitting)] += fitting
