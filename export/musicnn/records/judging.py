"""Who says whether a dream is what it was to be: published networks that taught no listener and no student.

Genres: a head of ours on the VGG that was trained on the Million Song Dataset, fitted to songs of the training part.
Tags: the VGG that was trained on MagnaTagATune, which knows the tags that `mtt_musicnn` taught, and has another
architecture. Both hear 3 s at a time. The fourth network, `msd_musicnn`, is left for whoever wants one more judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.progress import Progress
from dreampedal.export.musicnn.heads import Head, fit_head, temperature
from dreampedal.export.musicnn.records.hearing import SAMPLES, Published, layout
from dreampedal.export.train.distil.records.songs import Records, places_in

OF_GENRES = ("msd_vgg",)
OF_TAGS = "mtt_vgg"
AT_ONCE = 4


def stretches(sound: NDArray[np.float32]) -> torch.Tensor:
    """A sound at 48 kHz in stretches of 3 s that overlap by half; what is shorter is repeated: (n, SAMPLES)."""
    line = np.resize(sound, max(SAMPLES, len(sound)))
    last = len(line) - SAMPLES
    begins = np.linspace(0, last, 1 + -(-last // (SAMPLES // 2))).astype(int)
    return torch.from_numpy(np.stack([line[begin : begin + SAMPLES] for begin in begins]).astype(np.float32))


@torch.no_grad()
def hidden_of_records(published: Published, records: Records, progress: Progress | None = None) -> NDArray[np.float32]:
    """The penultimate layer for the middle 3 s of every recording, kept beside the sounds: (n, units)."""
    name, units = published.tagger.name, published.tagger.head.in_features
    path = records.path.with_name(f"{records.path.stem}-{name}-hidden.npy")
    if rows_in(path, (units,), np.float32) != len(records):
        begin = (records.sounds.shape[1] - SAMPLES) // 2
        with filling(path, len(records), (units,), np.float32) as array:
            for at in range(0, len(records), AT_ONCE):
                some = records.sounds[at : at + AT_ONCE, begin : begin + SAMPLES].astype(np.float32) / 32_768
                array.add(published.hidden(layout().heard(torch.from_numpy(some))).numpy())
                if progress:
                    progress(f"{name} hears {records.name}", at + len(some), len(records))
    return np.asarray(np.load(path))


@dataclass(frozen=True)
class GenreJudge:
    """A head on published networks.

    Fields:
        networks: whose penultimate layers it sees, one after another; classes: that it names.
    """

    networks: tuple[Published, ...]
    head: Head
    classes: tuple[str, ...]

    @torch.no_grad()
    def probabilities(self, sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of each class for a sound at 48 kHz, the mean over its stretches, (classes,)."""
        heard = layout().heard(stretches(sound))
        hidden = torch.cat([network.hidden(heard) for network in self.networks], 1).numpy()
        return np.asarray(self.head.probabilities(hidden).mean(0))


def genre_judge(
    networks: Sequence[Published], records: Records, classes: Sequence[str], progress: Progress | None = None
) -> GenreJudge:
    """A head fitted to the recordings of some classes, as sure as it is right on recordings that it has not heard."""
    labels = places_in(records, classes)
    hidden = np.concatenate([hidden_of_records(network, records, progress) for network in networks], 1)
    known = labels >= 0
    head = fit_head(hidden[known], labels[known])
    head = head.sharpened(temperature(hidden[known], labels[known], records.groups[known]))
    return GenreJudge(tuple(networks), head, tuple(classes))


def accuracy(judge: GenreJudge, records: Records) -> tuple[float, float]:
    """Shares of clips and of recordings that a judge names right, of those of its classes."""
    labels = places_in(records, judge.classes)
    hidden = np.concatenate([hidden_of_records(network, records) for network in judge.networks], 1)
    known = labels >= 0
    said, labels, groups = judge.head.probabilities(hidden[known]), labels[known], records.groups[known]
    whole = [said[groups == group].mean(0).argmax() == labels[groups == group][0] for group in np.unique(groups)]
    return float((said.argmax(1) == labels).mean()), float(np.mean(whole))


@torch.no_grad()
def tag_probabilities(published: Published, sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a published network answers to a sound at 48 kHz, the mean over its stretches, (answers,)."""
    return np.asarray(published(layout().heard(stretches(sound))).sigmoid().mean(0).double().numpy())
