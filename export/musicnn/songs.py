"""The model `songs`: musicnn as a network that dreams live.

    train_songs(published_wheel(), "shared/data/genres", [Path("FluidR3_GM.sf2")], "songs.onnx")

A student of the network trained on MagnaTagATune (`distil`) learns from songs and from phrases of sampled instruments,
at 44.1 and 48 kHz. It is asked about songs and phrases that it was not taught on, and only the tags that it follows
well become classes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.data.instruments.soundfont import Soundfont
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.musicnn.distil import Distillation, agreement, distil
from dreampedal.export.musicnn.phrases import phrases
from dreampedal.export.musicnn.published import NOTICE, TRAINED_ON, load
from dreampedal.export.musicnn.teacher import targets
from dreampedal.export.musicnn.views import Views, views
from dreampedal.export.nets.causal import Network

TEACHER = "mtt_musicnn"
TAGS = (
    "techno", "electronic", "dance", "beat", "drums", "synth", "ambient", "rock", "metal", "indian", "opera", "choir",
    "choral", "female", "flute", "guitar", "harp", "harpsichord", "piano", "sitar", "strings", "violin", "cello",
    "solo",
)  # fmt: skip
"""Those of its tags that a dream could be of: sounds and styles, not the absence of voices."""
SECONDS = 5.0
PHRASES = 160
"""Of each soundfont."""
RATES = (44_100, 48_000)
EVERY = 2
"""Of the songs' clips every second one is used: those of one song resemble each other."""
KEPT_ASIDE = 0.1
"""Share of songs and phrases that the student is judged on."""
FOLLOWED = 0.4
"""One of these tags is a class if the student's answers change with its teacher's so far, as a correlation."""


def train_songs(
    wheel: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    soundfonts: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    how: Distillation | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Distil the published network, judge the student on sounds that it has not heard, and write the model.

    Args:
        wheel: of musicnn 0.1.0 (`wheel.published_wheel`).
        folder: a labelled set of songs; labels play no part, and recordings of one group stay together.
        soundfonts: that phrases are played on.
        out: the ONNX file.
        how: other than the shipped model's.
        seed: of all that is random.

    Returns:
        A report: sounds, targets (as "lessons"), the tags kept, and for each the correlation of answers and of changes.
    """
    torch.set_num_threads(1)
    teacher = load(wheel, TEACHER)
    songs = open_set(folder)
    songs = songs.take(np.arange(len(songs)) % EVERY == 0)
    heard, groups = sounds(songs, soundfonts, seed, progress)
    aside = set(np.random.default_rng(seed).permutation(np.unique(groups))[: round(KEPT_ASIDE * len(set(groups)))])
    known = np.array([group not in aside for group in groups])
    student, taught = distil(teacher, _taken(heard, known), TAGS, how, seed, progress)
    asked = _taken(heard, ~known)
    answers, changes = agreement(student, asked, targets(teacher, asked, seed + 100, progress))
    followed = (changes >= FOLLOWED) & np.isin(teacher.classes, TAGS)
    tags = {
        tag: {"answers": round(float(a), 3), "changes": round(float(c), 3)}
        for tag, a, c in zip(teacher.classes, answers, changes, strict=True)
    }
    kept = with_classes(student, followed)
    export_ascent(
        kept,
        out,
        name="songs",
        training=Training(
            data=f"answers of {TEACHER} of musicnn 0.1.0 (itself trained on {TRAINED_ON['mtt']}) to {len(songs)} clips "
            f"of songs in Debian packages, listed in bench/genres.csv, and {PHRASES * len(soundfonts)} phrases on "
            f"{', '.join(Path(font).stem for font in soundfonts)}",
            licence=f"taught by musicnn: {NOTICE}",
            seed=seed,
            notes=f"distilled from Pons and Serra 2019; {len(taught)} lessons; accuracy: correlation with musicnn's "
            "answers, and with their changes, on songs and phrases not heard",
        ),
        accuracy={
            "answers_median": round(float(np.median(answers[followed])), 4),
            "changes_median": round(float(np.median(changes[followed])), 4),
        },
    )
    counts = {"sounds": int(known.sum()), "asked": int((~known).sum()), "lessons": len(taught)}
    return {"model": os.fspath(out), "seed": seed, "classes": list(kept.classes), "tags": tags} | counts


def sounds(
    songs: LabelledSet, soundfonts: Sequence[str | os.PathLike[str]], seed: int, progress: Progress | None = None
) -> tuple[Views, NDArray[np.str_]]:
    """Songs and phrases in both views, and the group of each: every phrase is one of its own."""
    made, groups = [], []
    for number, recording in enumerate(songs.recordings):
        audio, rate = recording.read()
        mono = audio.mean(0)[: round(SECONDS * rate)]
        if int(rate) not in RATES:
            mono, rate = resampled(mono, rate, RATES[0]).astype(np.float32), RATES[0]
        made.append((_padded(mono, round(SECONDS * rate))[None], int(rate)))
        groups.append(f"song {songs.groups[number]}")
        if progress:
            progress("reading", number + 1, len(songs))
    for number, path in enumerate(soundfonts):
        rate = RATES[number % len(RATES)]
        with Soundfont(path, rate) as font:
            for place, phrase in enumerate(phrases(font, PHRASES, SECONDS, seed + number)):
                made.append((phrase[None], rate))
                groups.append(f"phrase {number} {place}")
        if progress:
            progress("playing phrases", number + 1, len(soundfonts))
    return views(made), np.array(groups)


def with_classes(student: Network, kept: NDArray[np.bool_]) -> Network:
    """The same network with some of its classes only."""
    places = np.flatnonzero(kept)
    head = nn.Linear(student.head.in_features, len(places))
    with torch.no_grad():
        head.weight.copy_(student.head.weight[places])
        head.bias.copy_(student.head.bias[places])
    student.classes, student.head = tuple(student.classes[place] for place in places), head
    return student


def _padded(audio: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    return np.pad(audio, (0, max(0, samples - len(audio))))


def _taken(heard: Views, chosen: NDArray[np.bool_]) -> Views:
    return Views(heard.mel[chosen], heard.bands[chosen], heard.rates[chosen])
