"""Phrases of soundfonts, rendered once: what listeners are taught on, and what students learn to change.

As many of each family that the soundfont has, some of them in rooms, mono at 48 kHz.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.families import FAMILIES
from dreampedal.export.data.instruments.patches import open_instruments
from dreampedal.export.data.instruments.phrase import EARLIEST, drawn
from dreampedal.export.data.instruments.soundfont import SoundfontError
from dreampedal.export.data.progress import Progress

SAMPLE_RATE = 48_000
FRAMES = 129
SAMPLES = 2048 + (FRAMES - 1) * 512
"""Of a phrase: so many frames of 2048 samples every 512."""
ROOM_SHARE = 0.35
SILENT = 1e-3
"""A phrase whose peak lies below teaches nothing, and another is drawn."""
ATTEMPTS = 20
LEVEL_DB = (-14.0, -1.0)
RECIPE = 1
"""Raised whenever the same arguments would give other phrases."""


@dataclass(frozen=True)
class Phrases:
    """Rendered phrases of one soundfont.

    Fields:
        name: of the soundfont; sounds: int16 (n, SAMPLES), read from disk as they are indexed.
        families: the place of each one's family in `CLASSES`, int64 (n,).
    """

    name: str
    path: Path
    sounds: NDArray[np.int16]
    families: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.families)


def rendered(
    font: str | Path, count: int, seed: int = 0, cache: str | Path | None = None, progress: Progress | None = None
) -> Phrases:
    """`count` phrases of a soundfont, its families in turn.

    Args:
        font: an .sf2 or .sf3 file, or a folder of Gravis patches.
        cache: folder for the phrases; the user's cache if None. What is there is not rendered again.
        progress: told how far rendering is.

    Raises:
        SoundfontError: if the soundfont is missing, cannot be read, or nothing of it can be heard.
        OSError: if the disk is too full, before anything is rendered.
    """
    path = Path(font)
    if not path.exists():
        raise SoundfontError(f"{path}: no such soundfont")
    folder = Path(cache) if cache is not None else user_cache_path("dreampedal") / "phrases"
    kept = folder / f"{path.stem}-{_digest(path, count, seed)}.npy"
    dry = open_instruments(path, SAMPLE_RATE)
    wet = open_instruments(path, SAMPLE_RATE, reverberant=True)
    presets = _presets(dry.presets())
    there = [family for family, of_family in enumerate(presets) if of_family]
    if not there:
        raise SoundfontError(f"{path}: no preset of a known family: expected General MIDI programs")
    families = np.array([there[place % len(there)] for place in range(count)], np.int64)
    if rows_in(kept, (SAMPLES,), np.int16) != count:
        random = np.random.default_rng(seed)
        with filling(kept, count, (SAMPLES,), np.int16) as array:
            for place, family in enumerate(families):
                array.add(_audible(dry, wet, presets[family], int(family), random)[None])
                if progress and (place % 50 == 49 or place == count - 1):
                    progress(f"phrases of {path.name}", place + 1, count)
    return Phrases(path.stem, kept, np.load(kept, mmap_mode="r"), families)


def _audible(dry, wet, presets, family, random) -> NDArray[np.int16]:  # type: ignore[no-untyped-def]
    for _ in range(ATTEMPTS):
        bank, program = presets[random.integers(len(presets))]
        reverberant = bool(random.random() < ROOM_SHARE)
        phrase = drawn(FAMILIES[family], SAMPLES / SAMPLE_RATE, reverberant, random)
        sound = (wet if reverberant else dry).play(bank, program, phrase)[round(EARLIEST * SAMPLE_RATE) :][:SAMPLES]
        if (peak := float(np.abs(sound).max())) > SILENT:
            return np.asarray(np.round(sound / peak * 10 ** (random.uniform(*LEVEL_DB) / 20) * 32_767), np.int16)
    raise SoundfontError(f"{dry.path}: {ATTEMPTS} phrases of {FAMILIES[family].name} cannot be heard: expected some")


def _presets(found: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """(bank, program) of each family's presets; bank 0 counts twice, since variations are often the same samples."""
    usual = [(bank, program) for bank, program in found if bank == 0]
    return [[one for one in usual + found if one[1] in family.programs] for family in FAMILIES]


def _digest(path: Path, count: int, seed: int) -> str:
    digest = hashlib.sha256(f"{RECIPE} {count} {seed} {SAMPLES}".encode())
    for file in sorted(path.rglob("*.pat")) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
