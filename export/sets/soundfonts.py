"""A soundfont as a labelled set: its notes, rendered once and encoded for any input.

The class is the family of the instrument (`export.families`). The group is the program and its key: all velocities,
banks and soundfonts of a key stay on one side of a split, so that an unseen note is one that was never played.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from dreampedal.engine.inputs import Input, features, own_rate, shape_of

from ..families import CLASSES, Note, class_index
from ..notes import Progress, training_notes
from ..patches import open_instruments
from .clips import Clips

SAMPLE_RATE = 44_100
RELEASE_SHARE = 0.15
"""Of a clip: the note is let go before its end."""
SILENT_DB = -70.0
"""Notes whose loudest sample lies below this teach nothing and are left out."""
RECIPE = 1
"""Raised whenever the same notes would give other features, so that old caches are not read."""


def note_clips(
    paths: Sequence[str | Path],
    input: Input,
    seconds: float = 1.0,
    *,
    velocities: tuple[int, ...] = (80,),
    key_step: int = 1,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Clips:
    """Every note of some soundfonts, as a network with this input hears it.

    Args:
        paths: .sf2 or .sf3 files, or folders of Gravis patches.
        input: what is heard of a note: `features` of its audio at 44.1 kHz, or at the input's own rate.
        seconds: of a clip; the note is held for 85 % of it, then let go.
        velocities: MIDI, 1 to 127, at which each key is played.
        key_step: take every so many keys; 1 takes all.
        cache: folder for the features; the user's cache if None. What is there is not rendered again.
        progress: told how far rendering is.

    Returns:
        Clips of the 11 families, silent notes left out; float32, or float16 where the features are logarithms.

    Raises:
        SoundfontError: if a file is missing or cannot be read.
    """
    folder = Path(cache) if cache is not None else user_cache_path("dreampedal") / "soundfonts"
    parts = [_one_font(Path(path), input, seconds, velocities, key_step, folder, progress) for path in paths]
    notes = [note for _, chosen in parts for note in chosen]
    names = sorted({_group(note) for note in notes})
    place = {name: number for number, name in enumerate(names)}
    return Clips(
        x=parts[0][0] if len(parts) == 1 else np.concatenate([x for x, _ in parts]),
        labels=np.array([class_index(note) for note in notes], np.int64),
        groups=np.array([place[_group(note)] for note in notes], np.int64),
        group_names=tuple(names), classes=CLASSES, input=input, seconds=seconds,
    )  # fmt: skip


def _group(note: Note) -> str:
    return f"{note.program}:{note.key}"


def _one_font(
    path: Path,
    input: Input,
    seconds: float,
    velocities: tuple[int, ...],
    key_step: int,
    folder: Path,
    progress: Progress | None,
) -> tuple[np.ndarray, list[Note]]:
    """Features (n, rows, frames) of one soundfont's notes, and which they are."""
    rate = own_rate(input) or SAMPLE_RATE
    instruments = open_instruments(path, rate)
    wanted = [
        Note(note.bank, note.program, note.key, velocity)
        for note in training_notes(instruments.presets(), key_step)
        if note.velocity == 80
        for velocity in velocities
    ]
    kept = _cache_files(folder, path, input, seconds, wanted)
    if all(file.is_file() for file in kept):
        x, places = np.load(kept[0], mmap_mode="r"), np.load(kept[1])
        return x, [wanted[i] for i in places]
    folder.mkdir(parents=True, exist_ok=True)
    held, release = seconds * (1 - RELEASE_SHARE), seconds * RELEASE_SHARE
    kind = np.float32 if input.kind == "waveform" else np.float16
    part = kept[0].with_name(f"{kept[0].stem}.{os.getpid()}.part.npy")
    shape = (len(wanted), *shape_of(input, seconds, rate))
    x = np.lib.format.open_memmap(part, "w+", kind, shape)
    loud = np.zeros(len(wanted), bool)
    for number, note in enumerate(wanted):
        audio = instruments.render(note, held, release)[: round(seconds * rate)]
        loud[number] = np.abs(audio).max(initial=0) > 10 ** (SILENT_DB / 20)
        x[number] = features(input, audio, rate)
        if progress and number % 100 == 0:
            progress(f"notes of {path.name}", number, len(wanted))
    places = np.flatnonzero(loud)
    np.save(part, x[places])
    np.save(kept[1], places)
    os.replace(part, kept[0])
    return np.load(kept[0], mmap_mode="r"), [wanted[i] for i in places]


def _cache_files(folder: Path, path: Path, input: Input, seconds: float, notes: Sequence[Note]) -> tuple[Path, Path]:
    """Where the features and the places of these notes are kept, by everything that they depend on."""
    digest = hashlib.sha256(f"{RECIPE} {input!r} {seconds} {RELEASE_SHARE} {SILENT_DB}".encode())
    digest.update(repr([(note.bank, note.program, note.key, note.velocity) for note in notes]).encode())
    for file in sorted(path.rglob("*.pat")) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    name = f"{path.stem}-{digest.hexdigest()[:16]}"
    return folder / f"{name}.npy", folder / f"{name}-places.npy"
