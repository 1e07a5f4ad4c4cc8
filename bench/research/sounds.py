"""The sounds that the rows of the table of networks are trained and judged on, as clips."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.research.recipes import Recipe
from dreampedal.engine.model.format.inputs import Input, features
from dreampedal.engine.sound.kinds import ENDINGS
from dreampedal.engine.sound.reading import sound_in
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments.families import CLASSES, family_in
from dreampedal.export.data.instruments.notes import drawn
from dreampedal.export.data.instruments.qt_resource import read_resources
from dreampedal.export.data.instruments.soundfonts import note_clips
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.nets.table import NETWORKS

LEVEL = 0.1
"""Root mean square of every clip of a levelled set."""
AUDIBLE_DB = 40.0
"""Clips of a recording count where they are within this of its loudest."""


@dataclass(frozen=True)
class Sources:
    """Where the sounds lie.

    Fields:
        genres: a folder with `manifest.csv`, whose columns `genre` and `style2` name the classes.
        soundfonts: to train on, files or folders of Gravis patches.
        other_font: a soundfont to judge on whose sounds are in none of those.
        instruments: recordings of real instruments to judge on: a Qt resource file whose names tell the family.
    """

    genres: Path
    soundfonts: tuple[Path, ...] = ()
    other_font: Path | None = None
    instruments: Path | None = None


def input_of(recipe: Recipe) -> Input:
    """What the row's network hears."""
    return recipe.input or NETWORKS[recipe.network].input


def labelled_set(recipe: Recipe, sources: Sources) -> LabelledSet:
    """The recordings of a row, with only the classes that it keeps."""
    found = open_set(sources.genres, column="style2" if recipe.data == "styles" else "genre")
    if recipe.classes is None:
        return found
    kept = tuple(one for one in found.recordings if one.label in recipe.classes)
    return LabelledSet(classes=tuple(sorted(recipe.classes)), recordings=kept)


def notes(recipe: Recipe, sources: Sources, progress: Progress | None) -> tuple[Clips, Clips, Clips]:
    """Notes to learn from, a tenth of the keys to look at while learning, and a tenth to judge on."""
    clips = note_clips(
        sources.soundfonts, input_of(recipe), recipe.seconds or 1.0, progress=progress, **recipe.notes
    )  # fmt: skip
    place = np.array([drawn(name) for name in clips.group_names])[clips.groups]
    return clips.take(place >= 0.2), clips.take((place >= 0.1) & (place < 0.2)), clips.take(place < 0.1)


def elsewhere(recipe: Recipe, sources: Sources, progress: Progress | None) -> dict[str, Clips]:
    """Notes of another soundfont and recordings of real instruments, by name."""
    heard, seconds = input_of(recipe), recipe.seconds or 1.0
    found = {}
    if sources.other_font is not None:
        found[sources.other_font.stem] = note_clips(
            [sources.other_font], heard, seconds, progress=progress, key_step=2
        )  # fmt: skip
    if sources.instruments is not None:
        found["recordings"] = instrument_clips(sources.instruments, heard, seconds)
    return found


def levelled(clips: Clips) -> Clips:
    """The same clips of samples, each at a root mean square of `LEVEL`."""
    x = np.asarray(clips.x, np.float32)
    rms = np.sqrt(np.mean(np.square(x), axis=(1, 2), keepdims=True))
    return replace(clips, x=x * (LEVEL / np.maximum(rms, 1e-4)))


def right_by_level(train: Clips, test: Clips) -> NDArray[np.bool_]:
    """Which clips of samples, of two classes, are told apart by loudness alone; shape (clips of test,).

    Louder than a threshold is one class: the threshold, and which class, are those that are right most often in
    training. A network that does no better has learned nothing else.
    """
    known, asked = (np.sqrt(np.mean(np.square(np.asarray(one.x, np.float64)), axis=(1, 2))) for one in (train, test))
    thresholds = np.quantile(known, np.linspace(0, 1, 101))
    shares = ((known > thresholds[:, None]) == train.labels).mean(1)
    place = int(np.abs(shares - 0.5).argmax())
    return ((asked > thresholds[place]) == test.labels) == (shares[place] > 0.5)


def instrument_clips(source: Path, input: Input, seconds: float) -> Clips:
    """Recordings of real instruments in a Qt resource file, cut into clips; the group is the recording.

    Raises:
        ResourceError: if the file is something else.
        ValueError: if no name in it tells a family.
    """
    x, labels, groups, names = [], [], [], []
    for path, body in sorted(read_resources(source).items()):
        family = family_in(path.name)
        if family is None or path.suffix.lower() not in ENDINGS:
            continue
        sound = sound_in(io.BytesIO(body), path)
        audio, rate = sound.read().mean(0), sound.sample_rate
        size = round(seconds * rate)
        parts = [audio[at : at + size] for at in range(0, audio.size - size + 1, size)]
        levels = [float(np.sqrt(np.mean(part**2))) for part in parts]
        for part, level in zip(parts, levels, strict=True):
            if level > max(levels) * 10 ** (-AUDIBLE_DB / 20):
                x.append(features(input, part, rate))
                labels.append(CLASSES.index(family))
                groups.append(len(names))
        names.append(path.name)
    if not x:
        raise ValueError(f"{source}: no recording whose name tells a family")
    return Clips(
        x=np.stack(x), labels=np.array(labels, np.int64), groups=np.array(groups, np.int64), group_names=tuple(names),
        classes=CLASSES, input=input, seconds=seconds,
    )  # fmt: skip
