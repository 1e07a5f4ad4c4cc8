"""The store: a labelled set as features on disk, made once.

Each recording is encoded into a part of its own, named by a hash of everything that it depends on: the bytes of its
file, the input, how it is cut and changed. So a run that was killed goes on where it stopped, and the folds of one set
share their parts. The parts of a set are then laid one after another in one file, which is mapped into memory. Files
take their names when they are whole, so none is ever read half written.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import Input
from dreampedal.export.data.arrays import filling, joined, rows_in
from dreampedal.export.data.changes import Recipe
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.encoding import FORMAT, Encoding, encoded, seconds_of
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, Recording, SoundError
from dreampedal.export.data.segments import Segmenting, even_hops

NAMED = 5
"""Bad files that an error names."""


def encode(
    labelled: LabelledSet,
    input: Input,
    segmenting: Segmenting | None = None,
    *,
    copies: int = 0,
    recipe: Recipe | None = None,
    seed: int = 0,
    cache: str | Path | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Clips:
    """What a network with this input hears of every segment of a set; from the cache where it was heard before.

    Inputs with a rate of their own hear every recording at it. The others hear recordings at 44.1 and 48 kHz as they
    are (and all clips have the columns of 44.1 kHz), and those of any other rate at 44.1 kHz.

    Args:
        segmenting: how recordings are cut; 5 s without overlap if None.
        copies: changed copies of each segment, beside the segment itself.
        recipe: how they are changed; the default recipe if None.
        seed: of the changes.
        cache: folder of the store; `sets` in the user's cache folder if None.
        jobs: threads that decode and encode.
        progress: told how many recordings are done.

    Raises:
        ValueError: if a class has no recording or no segment, or recordings cannot be read, are silent or hold NaN: it
            names them. All others are then encoded already.
        OSError: if the disk is full; what was encoded is kept, and the next call goes on from there.
    """
    segmenting = segmenting or Segmenting()
    _check_classes(labelled, np.bincount(labelled.labels, minlength=len(labelled.classes)), "recording")
    folder = Path(cache) if cache is not None else user_cache_path("dreampedal") / "sets"
    hops = _hops(labelled, segmenting)
    chosen = Encoding(input, segmenting, copies, (recipe or Recipe()) if copies else None, seed)
    parts = _encoded_parts(labelled, chosen, hops, folder / "parts", jobs, progress)
    counts = np.array([part.rows for part in parts])
    _check_classes(labelled, np.bincount(labelled.labels, counts, len(labelled.classes)), "segment")
    names = tuple(sorted(set(labelled.groups)))
    place = {name: number for number, name in enumerate(names)}
    return Clips(
        x=joined([part.path for part in parts], chosen.shape, chosen.dtype, folder / "joined"),
        labels=np.repeat(labelled.labels, counts),
        groups=np.repeat(np.array([place[group] for group in labelled.groups], np.int64), counts),
        group_names=names, classes=labelled.classes, input=input, seconds=segmenting.seconds,
        changed=np.concatenate([np.arange(count) % (1 + copies) > 0 for count in counts]),
    )  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A recording's features on disk: the file, and how many clips it holds."""

    path: Path
    rows: int


def _hops(labelled: LabelledSet, segmenting: Segmenting) -> NDArray[np.float64]:
    """Hop in seconds of each class."""
    if not segmenting.even:
        return np.full(len(labelled.classes), segmenting.hop)
    seconds = np.zeros(len(labelled.classes))
    for one, name in zip(labelled.recordings, labelled.labels, strict=True):
        seconds[name] += seconds_of(one)
    return even_hops(seconds, segmenting)


def _encoded_parts(
    labelled: LabelledSet,
    chosen: Encoding,
    hops: NDArray[np.float64],
    folder: Path,
    jobs: int,
    progress: Progress | None,
) -> list[Part]:
    """The part of every recording, made where it is not there."""
    if jobs < 1:
        raise ValueError(f"{jobs} jobs: expected 1 or more")
    bad: list[str] = []
    parts: list[Part | None] = [None] * len(labelled)
    pool = ThreadPoolExecutor(jobs)
    try:
        begun = {
            pool.submit(_part, one, chosen, float(hops[name]), folder): place
            for place, (one, name) in enumerate(zip(labelled.recordings, labelled.labels, strict=True))
        }
        for done, future in enumerate(as_completed(begun), 1):
            try:
                parts[begun[future]] = future.result()
            except SoundError as error:
                bad.append(str(error))
            if progress:
                progress("encoding", done, len(labelled))
    finally:
        pool.shutdown(cancel_futures=True)  # one that fails stops a long list early
    if bad:
        more = f"\nand {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise ValueError("\n".join(sorted(bad)[:NAMED]) + more)
    return [part for part in parts if part is not None]


def _part(one: Recording, chosen: Encoding, hop: float, folder: Path) -> Part:
    """The part of one recording, from the cache or made now."""
    name = _key(one, chosen, hop)
    path = folder / name[:2] / f"{name[2:]}.npy"
    if (rows := rows_in(path, chosen.shape, chosen.dtype)) is not None:
        return Part(path, rows)
    features = encoded(one, chosen, hop, key=int(name[:16], 16))
    with filling(path, len(features), chosen.shape, chosen.dtype) as array:
        array.add(features)
    return Part(path, len(features))


def _key(one: Recording, chosen: Encoding, hop: float) -> str:
    """A hash of everything that a part depends on."""
    try:
        with open(one.path, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SoundError(f"{one.path}: {error.strerror}: expected a sound that can be read, or remove it") from None
    told = {
        "format": FORMAT, "content": content, "stretch": [one.start_seconds, one.length_seconds], "hop": hop,
        "input": chosen.input.model_dump(mode="json"),
        "segmenting": chosen.segmenting.model_dump(mode="json", exclude={"even", "hop_seconds"}),
        "copies": chosen.copies, "recipe": chosen.recipe and chosen.recipe.model_dump(mode="json"),
        "seed": chosen.seed if chosen.copies else 0,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _check_classes(labelled: LabelledSet, counts: NDArray[Any], what: str) -> None:
    empty = [name for name, count in zip(labelled.classes, counts, strict=True) if count == 0]
    if empty:
        raise ValueError(f"class {empty[0]!r} has no {what}: expected one at least; add sounds, or leave the class out")
