"""Recordings as listeners and students learn on them: mono at 48 kHz, all of one length, kept on disk once read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE

RECIPE = 1
"""Raised whenever the same recordings would give other samples."""


@dataclass(frozen=True)
class Records:
    """Recordings of a labelled set.

    Fields:
        name: of the set; path: of the file that holds its sounds.
        sounds: int16 (n, samples), read from disk as they are indexed.
        labels: the place of each one's class in `classes`, int64 (n,).
        groups: the number of the recording that each is cut from, int64 (n,).
    """

    name: str
    path: Path
    sounds: NDArray[np.int16]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def kept_records(
    labelled: LabelledSet,
    seconds: float = 5.0,
    cache: str | Path | None = None,
    name: str = "records",
    progress: Progress | None = None,
) -> Records:
    """The first seconds of every recording of a set; what is shorter is repeated.

    Args:
        cache: folder for the sounds; the user's cache if None. What is there is not read again.
        name: of the set, which its files begin with.

    Raises:
        SoundError: for a recording that cannot be read: it names the file.
        OSError: if the disk is too full, before anything is read.
    """
    samples = round(seconds * SAMPLE_RATE)
    folder = Path(cache) if cache is not None else user_cache_path("dreampedal") / "records"
    path = folder / f"{name}-{_digest(labelled, samples)}.npy"
    if rows_in(path, (samples,), np.int16) != len(labelled):
        with filling(path, len(labelled), (samples,), np.int16) as array:
            for place, recording in enumerate(labelled.recordings):
                audio, rate = recording.read()
                mono = resampled(audio.mean(0)[: round(seconds * rate)], rate, SAMPLE_RATE)
                array.add(np.round(np.clip(np.resize(mono, samples), -1, 1) * 32_767)[None])
                if progress:
                    progress(f"reading {name}", place + 1, len(labelled))
    groups = np.unique(np.array(labelled.groups), return_inverse=True)[1].astype(np.int64)
    return Records(name, path, np.load(path, mmap_mode="r"), labelled.labels, groups, labelled.classes)


def places_in(records: Records, classes: Sequence[str]) -> NDArray[np.int64]:
    """The place of each recording's class among some classes, -1 where it is none of them, (n,)."""
    place = {name: number for number, name in enumerate(classes)}
    return np.array([place.get(records.classes[label], -1) for label in records.labels], np.int64)


def _digest(labelled: LabelledSet, samples: int) -> str:
    digest = hashlib.sha256(f"{RECIPE} {samples}".encode())
    for one in labelled.recordings:
        size = one.path.stat().st_size if one.path.exists() else 0
        digest.update(f"{one.path.name} {size} {one.start_seconds} {one.length_seconds}\n".encode())
    return digest.hexdigest()[:16]
