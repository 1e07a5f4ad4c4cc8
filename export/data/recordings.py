"""Labelled sets: recordings, the class of each, and the group that must stay on one side of every split.

A set is opened from a folder of folders, a class each, or from a table (`manifest.csv`). Opening reads names only; what
cannot be read as sound is found, and named, when the set is encoded.
"""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.classifier import LEAST_HZ
from dreampedal.engine.sound.reading import SoundFile, open_sound
from dreampedal.export.data.labels import checked_label, label, require_distinct
from dreampedal.export.data.places import MANIFEST, SOUNDS, sounds_below


class SoundError(ValueError):
    """A recording that cannot be used: which file, why, and what to do."""


@dataclass(frozen=True)
class Recording:
    """A sound, or a stretch of one.

    Fields:
        path: of the file.
        label: its class, of `[a-z0-9_]+`.
        group: the recording, track or instrument that it comes from: it never falls on two sides of a split.
        start_seconds, length_seconds: the stretch that is meant; to the end of the file if the length is None.
    """

    path: Path
    label: str
    group: str
    start_seconds: float = 0.0
    length_seconds: float | None = None

    def read(self) -> tuple[NDArray[np.float32], float]:
        """The whole of it: float32 (channels, samples), and its rate in Hz. `SoundError` where it cannot be read."""
        with opened(self) as sound:
            return next(sound.cuts([(0, sound.samples)])), sound.sample_rate


@dataclass(frozen=True)
class LabelledSet:
    """Recordings and their classes; `classes` is sorted by name or as whoever made the set gave it.

    Raises:
        ValueError: for fewer than two classes, two of one name, a name that is no label, or an unknown label.
    """

    classes: tuple[str, ...]
    recordings: tuple[Recording, ...]

    def __post_init__(self) -> None:
        for name in self.classes:
            checked_label(name)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            found = ", ".join(self.classes) or "none"
            raise ValueError(f"classes: {found}: expected two or more that differ; add another class")
        if unknown := {one.label for one in self.recordings} - set(self.classes):
            raise ValueError(f"label {min(unknown)!r} is none of the classes {', '.join(self.classes)}")

    def __len__(self) -> int:
        return len(self.recordings)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The place of each recording's class in `classes`, shape (recordings,)."""
        place = {name: number for number, name in enumerate(self.classes)}
        return np.array([place[one.label] for one in self.recordings], np.int64)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The group of each recording."""
        return tuple(one.group for one in self.recordings)

    def take(self, chosen: NDArray[np.bool_]) -> LabelledSet:
        """The recordings where `chosen`, shape (recordings,), is true; all classes stay known."""
        if np.shape(chosen) != (len(self),):
            raise ValueError(f"chosen has shape {np.shape(chosen)}: expected a truth value for each of {len(self)}")
        return LabelledSet(self.classes, tuple(one for one, kept in zip(self.recordings, chosen, strict=True) if kept))

    def read(self, place: int) -> tuple[NDArray[np.float32], float]:
        """The recording at a place: float32 (channels, samples), and its rate in Hz."""
        return self.recordings[place].read()


def open_set(path: str | os.PathLike[str], column: str = "genre", part: str | None = None) -> LabelledSet:
    """A labelled set from where it lies.

    A folder of folders has a class a folder, and its name becomes the label. A folder within that is one group (one
    track in many files); any other file is a group of its own. Files that are no sound by their ending are passed over.

    A folder with `manifest.csv` (or the path of such a table) has a row a sound: `clip` is its path beside the table,
    `track` its group (the clip itself where there is none), and `column` its label. Rows with no label are
    left out. `start_seconds` and `length_seconds` may name a stretch of the file.

    Args:
        column: of the table, that holds the labels.
        part: keep rows with this in the column `split`; None keeps all.

    Raises:
        ValueError: if there is nothing there, fewer than two classes, an empty class, a label that is none (a slash in
            it, say), a file that is named and missing, or named twice.
    """
    root = Path(path)
    if not root.exists():
        raise ValueError(f"{root}: no such folder or table: expected folders of sounds, a class each, or {MANIFEST}")
    table = root / MANIFEST if root.is_dir() else root
    if table.is_file():
        return _from_table(table, column, part)
    if part is not None:
        raise ValueError(f"{root} has no {MANIFEST}: expected one with a column 'split' to take {part!r} from")
    return _from_folders(root)


class Sound:
    """An open recording that is read forward, a block at a time, so that its length costs no memory."""

    def __init__(self, file: SoundFile, recording: Recording) -> None:
        self._file, self._recording = file, recording
        self.sample_rate = file.sample_rate
        if self.sample_rate < LEAST_HZ:
            raise SoundError(
                f"{recording.path}: a rate of {self.sample_rate:g} Hz: expected {LEAST_HZ} Hz at least: remove it"
            )
        self._first = round(recording.start_seconds * self.sample_rate)
        left, wanted = file.samples - self._first, recording.length_seconds
        self.samples = left if wanted is None else min(left, round(wanted * self.sample_rate))
        if self.samples <= 0:
            raise SoundError(f"{recording.path}: no sound in it from {recording.start_seconds:g} s on: remove it")

    def blocks(self, seconds: float = 20.0) -> Iterator[NDArray[np.float32]]:
        """All of it in blocks of (channels, samples).

        Raises:
            SoundError: where it cannot be decoded, and behind the last block of a file that is read to its end, if
                that is not as long as it told, or its checksum is of other samples.
        """
        left = self.samples
        with _named(self._recording.path):
            for block in self._file.blocks(max(1, round(seconds * self.sample_rate)), self._first):
                if left > 0:
                    yield block[:, :left]
                left -= block.shape[1]
                if left < 0:
                    return

    def cuts(self, spans: Iterable[tuple[int, int]]) -> Iterator[NDArray[np.float32]]:
        """The samples of each span (first, end), in the order of their first samples; (channels, up to end - first)."""
        blocks = self.blocks()
        held = next(blocks, np.zeros((self._file.channels, 0), np.float32))
        first = 0
        for start, end in spans:
            while first + held.shape[1] < end and (block := next(blocks, None)) is not None:
                behind = min(max(0, start - first), held.shape[1])
                held, first = np.concatenate([held[:, behind:], block], axis=1), first + behind
            yield held[:, max(0, start - first) : max(0, end - first)]
        for _ in blocks:
            pass  # what follows the last span is checked too


@contextmanager
def opened(recording: Recording) -> Iterator[Sound]:
    """The `Sound` of a recording; any failure to open or to decode is an `SoundError` that names the file."""
    with ExitStack() as stack:
        with _named(recording.path):
            file = stack.enter_context(open_sound(recording.path))
        yield Sound(file, recording)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with a file, with what to do."""
    try:
        yield
    except OSError as error:
        raise SoundError(f"{path}: {error.strerror}: expected a sound that can be read, or remove it") from None
    except ValueError as error:
        advice = ": convert it, or remove it" if "expected one of" in str(error) else ": fetch it again, or remove it"
        raise SoundError(f"{error}{'' if 'rename it' in str(error) else advice}") from None


def _from_folders(root: Path) -> LabelledSet:
    names: dict[str, str] = {}
    recordings = []
    for folder in sorted(one for one in root.iterdir() if not one.name.startswith(".")):
        if folder.is_symlink() and not folder.exists():
            raise ValueError(f"{folder}: a link that leads nowhere: mend or remove it")
        if not folder.is_dir():
            continue
        name = label(folder.name)
        require_distinct(root, (*names.values(), folder.name))
        names[name] = folder.name
        sounds = sounds_below(folder)
        if not sounds:
            raise ValueError(
                f"{folder}: an empty class: expected sounds ({', '.join(sorted(SOUNDS))}); add or remove it"
            )
        for path in sounds:
            group = path.relative_to(root).parts[:2]
            recordings.append(Recording(path, name, "/".join(group)))
    if len(names) < 2:
        found = next(iter(names.values()), "none")
        raise ValueError(f"{root}: folders of classes: {found}: expected two or more; add a folder for each class")
    return LabelledSet(tuple(sorted(names)), tuple(recordings))


def _from_table(table: Path, column: str, part: str | None) -> LabelledSet:
    try:
        with open(table, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{table}: {error}: expected a table of comma-separated values in UTF-8") from None
    for needed in ("clip", column, *(["split"] if part is not None else [])):
        if needed not in columns:
            raise ValueError(f"{table}: no column {needed!r}: there are {', '.join(columns) or 'none'}")
    recordings = []
    for line, row in enumerate(rows, 2):
        if (name := (row[column] or "").strip()) and (part is None or row["split"] == part):
            where = f"{table}, line {line}: "
            recordings.append(_from_row(table.parent, row, checked_label(name, where), where))
    twice = [one for one, times in Counter((r.path, r.start_seconds) for r in recordings).items() if times > 1]
    if twice:
        raise ValueError(f"{table}: {twice[0][0]} stands there twice: expected a row a clip")
    if part is not None and not recordings:
        there = sorted({row["split"] for row in rows if row["split"]})
        raise ValueError(f"{table}: no sound of part {part!r}: in the column 'split' are {', '.join(there) or 'none'}")
    classes = tuple(sorted({one.label for one in recordings}))
    if len(classes) < 2:
        raise ValueError(f"{table}: classes in {column!r}: {', '.join(classes) or 'none'}: expected two or more")
    return LabelledSet(classes, tuple(recordings))


def _from_row(folder: Path, row: dict[str, str], name: str, where: str) -> Recording:
    path = folder / (row["clip"] or "")
    if not path.is_file():
        raise ValueError(f"{where}clip {row['clip']!r}: no such file in {folder}")
    try:
        start, length = (float(row[key]) if row.get(key) else None for key in ("start_seconds", "length_seconds"))
    except ValueError as error:
        raise ValueError(f"{where}{error}: expected seconds") from None
    if not (0 <= (start or 0.0) < math.inf and (length is None or 0 < length < math.inf)):
        raise ValueError(f"{where}{length} s from {start or 0} s on: expected more than 0 s, from 0 s on or later")
    return Recording(path, name, (row.get("track") or "").strip() or row["clip"], start or 0.0, length)
