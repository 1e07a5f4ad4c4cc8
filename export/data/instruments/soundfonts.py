"""A soundfont as a labelled set: its notes, rendered once and encoded for any input.

The class is the family of the instrument (`export.families`). The group is the program and its key: all velocities,
banks and soundfonts of a key stay on one side of a split, so that an unseen note is one that was never played.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import Input, features, own_rate, shape_of
from dreampedal.export.data.arrays import filling, kept, rows_in
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments.families import CLASSES, Note, class_index
from dreampedal.export.data.instruments.notes import training_notes
from dreampedal.export.data.instruments.patches import Patches, open_instruments
from dreampedal.export.data.instruments.soundfont import Soundfont
from dreampedal.export.progress import Progress

SAMPLE_RATE = 44_100
RELEASE_SHARE = 0.15
"""Of a clip: the note is let go before its end."""
SILENT_DB = -70.0
"""Notes whose loudest sample lies below this teach nothing and are left out."""
AT_ONCE = 256
"""Rows that are copied at a time."""
RECIPE = 2
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
        Clips of the 11 families, silent notes left out; read from disk as they are indexed; float32 for waveforms, and
        else float16.

    Raises:
        SoundfontError: if a file is missing or cannot be read.
        ValueError: if no file is given, or one has no note that can be heard.
        OSError: if the disk is too full for the notes, before any is rendered.
    """
    if not paths:
        raise ValueError("no soundfonts: expected one at least")
    folder = Path(cache) if cache is not None else user_cache_path("dreampedal") / "soundfonts"
    parts = [_one_font(Path(path), input, seconds, velocities, key_step, folder, progress) for path in paths]
    notes = [note for _, chosen in parts for note in chosen]
    names = sorted({_group(note) for note in notes})
    place = {name: number for number, name in enumerate(names)}
    return Clips(
        x=_joined([x for x, _ in parts], folder),
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
) -> tuple[np.memmap[Any, Any], list[Note]]:
    """Features (n, rows, frames) of one soundfont's notes, and which they are."""
    rate = own_rate(input) or SAMPLE_RATE
    instruments = open_instruments(path, rate)
    wanted = [
        Note(note.bank, note.program, note.key, velocity)
        for note in training_notes(instruments.presets(), key_step)
        if note.velocity == 80
        for velocity in velocities
    ]
    heard, listed = _cache_files(folder, path, input, seconds, wanted)
    shape, kind = shape_of(input, seconds, rate), np.float32 if input.kind == "waveform" else np.float16
    count = rows_in(listed, (), np.int64)
    if count is None or rows_in(heard, shape, kind) != count:
        with filling(heard, len(wanted), shape, kind) as array:
            loud = list[int]()
            for place, audio in enumerate(_played(instruments, wanted, seconds, rate)):
                if np.abs(audio).max(initial=0) > 10 ** (SILENT_DB / 20):
                    array.add(features(input, audio, rate)[None])
                    loud.append(place)
                if progress and (place % 100 == 99 or place == len(wanted) - 1):
                    progress(f"notes of {path.name}", place + 1, len(wanted))
            with kept(listed, 8 * len(loud)) as part:
                np.save(part, np.array(loud, np.int64))
    places = np.load(listed)
    if not len(places):
        raise ValueError(f"{path}: no note of it can be heard: expected an instrument of a known family that sounds")
    return np.load(heard, mmap_mode="r"), [wanted[place] for place in places]


def _played(
    instruments: Soundfont | Patches, notes: Sequence[Note], seconds: float, rate: int
) -> Iterator[NDArray[np.float32]]:
    """Each note, held and let go within `seconds`."""
    held, release = seconds * (1 - RELEASE_SHARE), seconds * RELEASE_SHARE
    for note in notes:
        yield instruments.render(note, held, release)[: round(seconds * rate)]


def _joined(parts: Sequence[np.memmap[Any, Any]], folder: Path) -> NDArray[Any]:
    """The features of several soundfonts one after another, in one file."""
    if len(parts) == 1:
        return parts[0]
    names = "\n".join(Path(str(part.filename)).name for part in parts)
    path = folder / f"joined-{hashlib.sha256(names.encode()).hexdigest()[:16]}.npy"
    shape, kind, count = parts[0].shape[1:], parts[0].dtype, sum(map(len, parts))
    if rows_in(path, shape, kind) != count:
        with filling(path, count, shape, kind) as array:
            for part in parts:
                for at in range(0, len(part), AT_ONCE):
                    array.add(part[at : at + AT_ONCE])
    laid: NDArray[Any] = np.load(path, mmap_mode="r")
    return laid


def _cache_files(folder: Path, path: Path, input: Input, seconds: float, notes: Sequence[Note]) -> tuple[Path, Path]:
    """Where the features and the places of these notes are kept, by everything that they depend on."""
    digest = hashlib.sha256(f"{RECIPE} {input!r} {seconds} {RELEASE_SHARE} {SILENT_DB}".encode())
    digest.update(repr([(note.bank, note.program, note.key, note.velocity) for note in notes]).encode())
    for file in sorted(path.rglob("*.pat")) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    name = f"{path.stem}-{digest.hexdigest()[:16]}"
    return folder / f"{name}.npy", folder / f"{name}-places.npy"
