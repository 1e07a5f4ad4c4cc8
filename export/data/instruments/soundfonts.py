"""Soundfonts as labelled sets: their notes, rendered once and encoded for any input.

The class is the family of the instrument (`families`). The group is the program and its key: all velocities, banks and
soundfonts of a key stay on one side of a split, so that an unseen note is one that was never played.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import Input, features, own_rate, shape_of
from dreampedal.export.data.arrays import filling, joined, kept, rows_in
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.encoding import HOST_RATES, kind_of
from dreampedal.export.data.instruments.families import CLASSES, Note, class_index, family_of
from dreampedal.export.data.instruments.patches import open_instruments
from dreampedal.export.data.progress import Progress

HELD_SHARE = 0.85
"""Of a clip: the key is let go after it."""
SILENT_DB = -70.0
"""Notes whose loudest sample lies below this teach nothing and are left out."""
RECIPE = 3
"""Raised whenever the same notes would give other features, so that old caches are not read."""


@dataclass(frozen=True)
class Rendering:
    """How notes are played and encoded.

    Fields:
        input: what is encoded of a note. One without a rate of its own gets notes at 44.1 and 48 kHz, which alternate
            over keys and programs, and that begin anywhere within a hop.
        seconds: of a clip; held: share of it before the key is let go.
        silent: whether notes that cannot be heard are kept.
    """

    input: Input
    seconds: float
    held: float
    silent: bool

    @property
    def rates(self) -> tuple[int, ...]:
        """All that notes are rendered at, in Hz."""
        own = own_rate(self.input)
        return HOST_RATES if own is None else (own,)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a clip."""
        return shape_of(self.input, self.seconds, self.rates[0])

    def rate_of(self, note: Note) -> int:
        """The rate in Hz at which a note is rendered."""
        return self.rates[(note.key + note.program) % len(self.rates)]

    def encoded(self, note: Note, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """A note's features, of `shape`."""
        onset = (note.key * 37 + note.velocity * 101) % 512 if own_rate(self.input) is None else 0
        return features(self.input, np.pad(audio, (onset, 0)), self.rate_of(note))[:, : self.shape[1]]


def note_clips(
    paths: Sequence[str | Path],
    input: Input,
    seconds: float = 1.0,
    *,
    held: float = HELD_SHARE,
    velocities: tuple[int, ...] = (80,),
    key_step: int = 1,
    notes: Sequence[Note] | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Clips:
    """Every note of some soundfonts, encoded for an input.

    Args:
        paths: .sf2 or .sf3 files, or folders of Gravis patches.
        input: of a network, from audio at the input's own rate, or else at 44.1 and 48 kHz in turns.
        seconds: of a clip; held: share of it before the key is let go.
        velocities: MIDI, 1 to 127, at which each key is played.
        key_step: take every so many keys; 1 takes all.
        notes: exactly these, silent ones too, where a soundfont has them, in place of all.
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
    how = Rendering(input, seconds, held, silent=notes is not None)
    files, played = list[Path](), list[Note]()
    for path in map(Path, paths):
        presets = open_instruments(path, how.rates[0]).presets()
        every = notes_of(presets, velocities, key_step) if notes is None else notes
        wanted = [note for note in every if (note.bank, note.program) in presets]
        file, chosen = _one_font(path, how, wanted, folder, progress)
        files.append(file)
        played += chosen
    groups = [f"{note.program}:{note.key}" for note in played]
    names, places = np.unique(np.array(groups), return_inverse=True)
    return Clips(
        x=joined(files, how.shape, kind_of(input), folder),
        labels=np.array([class_index(note) for note in played], np.int64),
        groups=places.astype(np.int64), group_names=tuple(names.tolist()), classes=CLASSES, input=input,
        seconds=seconds,
    )  # fmt: skip


def notes_of(presets: Sequence[tuple[int, int]], velocities: Sequence[int], key_step: int = 1) -> list[Note]:
    """Every `key_step`-th key of every preset at each velocity."""
    return [
        Note(bank, program, key, velocity)
        for bank, program in presets
        for key in list(family_of(program).keys)[::key_step]
        for velocity in velocities
    ]


def _one_font(
    path: Path, how: Rendering, wanted: Sequence[Note], folder: Path, progress: Progress | None
) -> tuple[Path, list[Note]]:
    """The file with the features of one soundfont's notes, and which they are."""
    encoded, listed = _cache_files(folder, path, how, wanted)
    kind = kind_of(how.input)
    count = rows_in(listed, (), np.int64)
    if count is None or rows_in(encoded, how.shape, kind) != count:
        instruments = {rate: open_instruments(path, rate) for rate in how.rates}
        with filling(encoded, len(wanted), how.shape, kind) as array:
            audible = list[int]()
            for place, note in enumerate(wanted):
                rate = how.rate_of(note)
                let_go = how.seconds * how.held
                audio = instruments[rate].render(note, let_go, how.seconds - let_go)[: round(how.seconds * rate)]
                if how.silent or np.abs(audio).max(initial=0) > 10 ** (SILENT_DB / 20):
                    array.add(how.encoded(note, audio)[None])
                    audible.append(place)
                if progress and (place % 100 == 99 or place == len(wanted) - 1):
                    progress(f"notes of {path.name}", place + 1, len(wanted))
            with kept(listed, 8 * len(audible)) as part:
                np.save(part, np.array(audible, np.int64))
    places: NDArray[Any] = np.load(listed)
    if not len(places) and not how.silent:
        raise ValueError(f"{path}: no note of it can be heard: expected an instrument of a known family that sounds")
    return encoded, [wanted[place] for place in places]


def _cache_files(folder: Path, path: Path, how: Rendering, notes: Sequence[Note]) -> tuple[Path, Path]:
    """Where the features and the places of these notes are kept, by everything that they depend on."""
    digest = hashlib.sha256(f"{RECIPE} {how!r} {SILENT_DB}".encode())
    digest.update(repr([(note.bank, note.program, note.key, note.velocity) for note in notes]).encode())
    for file in sorted(path.rglob("*.pat")) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    name = f"{path.stem}-{digest.hexdigest()[:16]}"
    return folder / f"{name}.npy", folder / f"{name}-places.npy"
