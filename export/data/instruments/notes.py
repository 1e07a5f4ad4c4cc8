"""The data set of the note network: every note of some soundfonts, as features, with its family.

Each note is rendered once, held for a second and let go, alternately at 44.1 and 48 kHz, and turned into the engine's
own features. They are kept in the user's cache folder under a hash of everything that they depend on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.families import Note, class_index, family_of
from dreampedal.export.data.instruments.patches import open_instruments
from dreampedal.export.progress import Progress

SAMPLE_RATES = (44_100, 48_000)
HELD_SECONDS, RELEASE_SECONDS = 1.0, 0.35
FRAMES = 112
"""Frames kept of a note: 1.3 s at 44.1 kHz, 1.2 s at 48 kHz."""

JUDGED = slice(4, 40)
"""Frames over which a note is judged: 0.05 to 0.45 s after the onset, where attack and tone are both heard."""

TRAINING_VELOCITIES = (45, 80, 115)
RECIPE = 4
"""Raised whenever the same notes would give other features, so that old caches are not read."""


@dataclass(frozen=True)
class NoteSet:
    """Notes and what the engine sees of them.

    Fields:
        features: float16, shape (notes, bands, frames), natural log of amplitude; frame 0 holds the onset.
        notes: which they are, in the same order.
        font: the place of each note's soundfont in `fonts`, shape (notes,).
        fonts: name of each soundfont.
    """

    features: NDArray[np.float16]
    notes: tuple[Note, ...]
    font: NDArray[np.int64]
    fonts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.notes)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The place of each note's family in `CLASSES`, shape (notes,)."""
        return np.array([class_index(note) for note in self.notes], np.int64)

    def take(self, chosen: NDArray[np.bool_]) -> NoteSet:
        """The notes where `chosen`, shape (notes,), is true."""
        places = np.flatnonzero(chosen)
        return NoteSet(self.features[places], tuple(self.notes[i] for i in places), self.font[places], self.fonts)


def training_notes(presets: Sequence[tuple[int, int]], key_step: int = 1) -> list[Note]:
    """Every `key_step`-th key of every preset at each training velocity."""
    return [
        Note(bank, program, key, velocity)
        for bank, program in presets
        for key in list(family_of(program).keys)[::key_step]
        for velocity in TRAINING_VELOCITIES
    ]


def unseen(notes: Sequence[Note], share: float = 0.1) -> NDArray[np.bool_]:
    """Which notes are kept for validation, about `share` of them, drawn by a hash of program and key.

    All velocities, banks and soundfonts of a program's key fall on the same side, so the two sides share no note.
    """
    drawn = {}
    for note in notes:
        place = (note.program, note.key)
        if place not in drawn:
            digest = hashlib.sha256(f"{note.program}:{note.key}".encode()).digest()
            drawn[place] = int.from_bytes(digest[:4], "big") / 2**32 < share
    return np.array([drawn[note.program, note.key] for note in notes], bool)


def load_notes(
    paths: Sequence[Path],
    key_step: int = 1,
    notes: Sequence[Note] | None = None,
    progress: Progress | None = None,
) -> NoteSet:
    """Render (or read from the cache) the notes of one or more soundfonts.

    Args:
        paths: .sf2 or .sf3 files, or folders of Gravis patches.
        key_step: take every so many keys; 1 takes all.
        notes: exactly these, where a soundfont has them, in place of the training notes of all its presets.
        progress: told how far rendering is.

    Raises:
        SoundfontError: if a file is missing or cannot be read.
        OSError: if the disk is too full for the notes, before any is rendered.
    """
    parts = [_one_font(Path(path), key_step, notes, progress) for path in paths]
    return NoteSet(
        features=np.concatenate([features for features, _ in parts]),
        notes=tuple(note for _, chosen in parts for note in chosen),
        font=np.concatenate([np.full(len(chosen), i) for i, (_, chosen) in enumerate(parts)]),
        fonts=tuple(Path(path).name for path in paths),
    )


def sample_rate_of(note: Note) -> int:
    """The rate at which a note is rendered: the two alternate over keys and programs."""
    return SAMPLE_RATES[(note.key + note.program) % 2]


def _one_font(path: Path, key_step: int, notes: Sequence[Note] | None, progress: Progress | None):
    """Features and notes of one soundfont."""
    instruments = [open_instruments(path, rate) for rate in SAMPLE_RATES]
    presets = instruments[0].presets()
    wanted = training_notes(presets, key_step) if notes is None else notes
    chosen = [note for note in wanted if (note.bank, note.program) in presets]
    cached, shape = _cache_file(path, chosen), (BandLayout().count, FRAMES)
    if rows_in(cached, shape, np.float16) != len(chosen):
        with filling(cached, len(chosen), shape, np.float16) as array:
            for place, note in enumerate(chosen):
                rate = sample_rate_of(note)
                audio = instruments[SAMPLE_RATES.index(rate)].render(note, HELD_SECONDS, RELEASE_SECONDS)
                onset = (note.key * 37 + note.velocity * 101) % 512
                array.add(note_features(audio, rate, onset_samples=onset)[None])
                if progress and place % 100 == 0:
                    progress(f"notes of {path.name}", place, len(chosen))
    return np.load(cached, mmap_mode="r"), chosen


def note_features(audio: NDArray[np.float32], sample_rate: float, onset_samples: int = 0) -> NDArray[np.float32]:
    """Features of one note, `FRAMES` long, the note starting `onset_samples` after the start; (bands, frames)."""
    line = np.concatenate([np.zeros(onset_samples, np.float32), audio])[None]
    features = log_band_features(line, sample_rate)[0, :, :FRAMES]
    floor = BandLayout().floor
    return np.pad(features, ((0, 0), (0, FRAMES - features.shape[1])), constant_values=floor)


def _cache_file(path: Path, notes: Sequence[Note]) -> Path:
    """Where the features of these notes of this file are kept."""
    digest = hashlib.sha256(f"{RECIPE} {FRAMES} {HELD_SECONDS} {RELEASE_SECONDS} {BandLayout()}".encode())
    digest.update(repr([(n.bank, n.program, n.key, n.velocity) for n in notes]).encode())
    for file in sorted(path.rglob("*.pat")) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return user_cache_path("dreampedal") / "notes" / f"{path.stem}-{digest.hexdigest()[:16]}.npy"
