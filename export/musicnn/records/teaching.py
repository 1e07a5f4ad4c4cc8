"""What teaches a student of genres and tags: which sounds, which listeners, which answers.

One published network teaches, `mtt_musicnn`, the only musicnn that knows the tags that presets name. The other three
take no part, and judge (`judging`). Beside it stand small listeners, each with its own bands and build, that learned
genres from labelled recordings and tags from what `mtt_musicnn` answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.phrases import Phrases
from dreampedal.export.data.progress import Progress
from dreampedal.export.musicnn.networks import Tagger
from dreampedal.export.musicnn.records.hearing import HOP, WINDOW, Published, layout
from dreampedal.export.nets.listeners import layouts
from dreampedal.export.nets.listeners.answers import Answers
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil.listening import Sounds
from dreampedal.export.train.distil.records.naming import (
    FOLDS,
    NO_CLASS,
    Lessons,
    NamingHearing,
    NamingPlan,
    taught_to_name,
)
from dreampedal.export.train.distil.records.songs import Records, places_in
from dreampedal.export.train.distil.sources import Source, Sources

TEACHER = "mtt_musicnn"
JUDGES = ("msd_musicnn", "msd_vgg", "mtt_vgg")
GENRES = ("ambient", "electronic", "metal", "orchestral", "rock")
"""Those of the shipped model `styles`."""
TAGS = (
    "techno", "electronic", "dance", "beat", "drums", "synth", "ambient", "rock", "metal", "indian", "opera", "choir",
    "choral", "female", "flute", "guitar", "harp", "harpsichord", "piano", "sitar", "strings", "violin", "cello",
    "solo",
)  # fmt: skip
"""Those of the shipped model `songs`."""
HEARD_FRAMES = 125
HEARD = WINDOW + (HEARD_FRAMES - 1) * HOP
"""Samples of a stretch, 2 s: long enough for musicnn, and a third cheaper than its 3 s."""
STARTS = (0, 72_000, 143_000)
"""Of the stretches of a recording of 5 s, in samples."""
PHRASES_EVERY = 12
"""One phrase in so many of each soundfont is learned from."""
SHARES = (2.0, 1.0)
"""Of batches, and of sounds to be dreamed on: recordings, and phrases of all soundfonts together."""
LISTENERS = (
    Listener("records_statistics", "statistics", layouts.BANDS, adversarial_db=2),
    Listener("records_small", "small", layouts.MEL),
    Listener("records_cepstral", "cepstral", layouts.COARSE),
    Listener("records_attention", "attention", layouts.FINE, adversarial_db=2),
    Listener("records_frames", "frames", layouts.LONG),
    Listener("records_recurrent", "recurrent", layouts.MEL),
    Listener("records_modulations", "modulations", layouts.SHORT),
    Listener("records_harmonic", "harmonic", layouts.SEMITONES),
)
"""Of our own; each leaves another fifth of the songs aside."""
AT_ONCE = 8
NAMES = (*GENRES, *TAGS)
"""What a small listener answers, in order; a name that is both a genre and a tag means the genre to a student."""
BY_TAG = {"orchestral": "classical"}
"""What `mtt_musicnn` calls a genre, where it is not its name."""


def lessons_of(
    records: Records, fonts: Sequence[Phrases], teacher: Published, progress: Progress | None = None
) -> list[Lessons]:
    """What small listeners learn from: recordings with genres and tags, and phrases with the tags of all sounds.

    Args:
        teacher: answers with all its tags.
    """
    rows = np.arange(len(records))
    tags = asked(teacher, TAGS, records, rows, STARTS, HEARD, progress)
    found = [Lessons(records, rows, places_in(records, GENRES), records.groups, STARTS, HEARD, tags, SHARES[0])]
    for font in fonts:
        rows, samples = np.arange(0, len(font), PHRASES_EVERY), font.sounds.shape[1]
        tags = asked(teacher, TAGS, font, rows, (0,), samples, progress)
        none = np.full(len(rows), NO_CLASS)
        found.append(Lessons(font, rows, none, rows, (0,), samples, tags, SHARES[1] / len(fonts)))
    return found


def hearings(
    targets: Sequence[str],
    lessons: Sequence[Lessons],
    teacher: Tagger,
    plan: NamingPlan,
    folder: Path,
    listeners: Sequence[Listener] = LISTENERS,
    progress: Progress | None = None,
) -> list[NamingHearing]:
    """All who teach a student of some targets; small listeners are taught first where they are not in the folder.

    Args:
        targets: genres and tags: "metal", "flute".
        listeners: some of `LISTENERS`.

    Raises:
        ValueError: for a target that none of them knows.
    """
    if unknown := set(targets) - set(NAMES):
        raise ValueError(f"target {min(unknown)!r}: expected some of {', '.join(dict.fromkeys(NAMES))}")
    published = Published(teacher, [BY_TAG.get(name, name) for name in targets], halves=True)
    all_of_them = tuple(range(len(targets)))
    found = [NamingHearing(teacher.name, layout(), Answers(published, 0).requires_grad_(False), all_of_them)]
    places = tuple(NAMES.index(name) for name in targets)
    for listener in listeners:
        net = taught_to_name(listener, LISTENERS.index(listener) % FOLDS, len(GENRES), lessons, plan, folder, progress)
        found.append(NamingHearing(listener.name, listener.layout, net, places))
    return found


def sources(targets: Sequence[str], records: Records, fonts: Sequence[Phrases]) -> Sources:
    """Sounds to be dreamed on: recordings, and phrases two after another, since one is shorter than what is heard."""
    found = [Source(records.sounds, places_in(records, targets), SHARES[0])]
    for font in fonts:
        pairs = len(font) // 2
        sounds = font.sounds[: 2 * pairs].reshape(pairs, -1)
        found.append(Source(sounds, None, SHARES[1] / len(fonts)))
    return Sources(found)


@torch.no_grad()
def asked(
    network: Published,
    tags: Sequence[str],
    sounds: Sounds,
    rows: NDArray[np.int64],
    starts: Sequence[int],
    samples: int,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """What a published network answers to stretches of sounds, kept beside them: probabilities (rows, starts, tags)."""
    name = network.tagger.name
    path = sounds.path.with_name(f"{sounds.path.stem}-{name}-{len(rows)}-{samples}.npy")
    shape = (len(starts), len(network.tagger.classes))
    if rows_in(path, shape, np.float32) != len(rows):
        with filling(path, len(rows), shape, np.float32) as array:
            for at in range(0, len(rows), AT_ONCE):
                some = np.asarray(sounds.sounds[rows[at : at + AT_ONCE]], np.float32) / 32_768
                told = [network(layout().heard(torch.from_numpy(some[:, s : s + samples]))).sigmoid() for s in starts]
                array.add(torch.stack(told, 1).numpy())
                if progress:
                    progress(f"asking {name} about {sounds.name}", at + len(some), len(rows))
    places = [network.tagger.classes.index(tag) for tag in tags]
    return np.asarray(np.load(path)[..., places])
