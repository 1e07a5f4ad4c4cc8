"""Who hears a student while it learns: listeners of families, and teachers that are model files, as one panel.

Each knows some of the student's targets. Of a class it says how likely it is; of a layer or a filter how far its energy
lies above what sounds have by themselves, in standard deviations, and is content at `GOAL` of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.nets.listeners.layouts import Layout
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil.hearing import Hearing
from dreampedal.export.train.distil.rooms import Rooms
from dreampedal.export.train.distil.run.teachers import Hears, Teacher
from dreampedal.export.train.distil.sources import Sources

GOAL = 4.0
"""Standard deviations above what a filter's energy is by itself, at which it counts as heard."""
FRAMES = 72
AT_ONCE, TIMES = 16, 6
"""Sounds by which the energy of a filter by itself is known."""


@dataclass(frozen=True)
class Member:
    """One who hears.

    Fields:
        net: features (n, bands, frames) to scores (n, known), 0 at best.
        known: places of its targets among the student's.
    """

    name: str
    layout: Layout
    net: nn.Module
    known: tuple[int, ...]

    def missed(self, features: Tensor, target: Tensor) -> Tensor:
        """How far a sound is from what is known here of its target, (n,); the rest of the target is others' to say."""
        scores: Tensor = self.net(features)
        return -(target[:, list(self.known)] * scores).sum(1)


class Named(nn.Module):
    """Log probabilities of some of a listener's classes."""

    def __init__(self, net: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.net, self.places = net, list(places)

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, places)."""
        return torch.log_softmax(self.net(features), 1)[:, self.places]


class Scored(nn.Module):
    """What a teacher hears, as scores: log probabilities as they are, energies against what is usual.

    Args:
        mean, std: of the log energy of each target in sounds as they are; of a class, nothing is done with them.
    """

    def __init__(self, hears: Hears, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.hears, self.mean, self.std = hears, mean, std
        self.named = torch.tensor([target.startswith("class:") for target in hears.targets])

    def forward(self, features: Tensor) -> Tensor:
        """(n, bands, frames) to (n, targets), 0 at best."""
        heard = self.hears(features)
        above = (heard - self.mean) / self.std
        return torch.where(self.named, heard, -nn.functional.softplus(GOAL - above))


def assembled(
    targets: Sequence[str],
    listeners: Mapping[Listener, nn.Module],
    teachers: Sequence[Teacher],
    sources: Sources,
    seed: int,
) -> list[Hearing]:
    """The panel: a listener once, and a teacher as often as keeps all targets heard alike.

    A teacher that alone knows some targets would else be asked too seldom beside a dozen listeners.
    """
    named = [(place, target.removeprefix("class:")) for place, target in enumerate(targets) if "class:" in target]
    families = [(place, CLASSES.index(name)) for place, name in named if name in CLASSES]
    panel: list[Hearing] = [
        Member(one.name, one.layout, Named(net, [index for _, index in families]), tuple(at for at, _ in families))
        for one, net in listeners.items()
        if families
    ]
    by_listeners = {at for at, _ in families} if panel else set()
    most = max(1, len(panel))
    for teacher in teachers:
        known = tuple(place for place, target in enumerate(targets) if teacher.knows(target))
        if known:
            net = _scored(teacher, [targets[place] for place in known], sources, seed)
            alone = len(set(known) - by_listeners)
            times = max(1, round(most * alone / max(1, len(by_listeners)))) if alone and by_listeners else 1
            panel += [Member(teacher.name, teacher.layout, net, known)] * min(times, most)
    return panel


@torch.no_grad()
def _scored(teacher: Teacher, targets: Sequence[str], sources: Sources, seed: int) -> Scored:
    """A teacher's scores, against what it hears in rooms of sounds as they are."""
    hears, rng, random = teacher.hears(targets), np.random.default_rng(seed), Generator().manual_seed(seed)
    rooms, layout = Rooms(), teacher.layout
    samples = (FRAMES - 1) * layout.hop + layout.window
    heard = []
    for _ in range(TIMES):
        sound, _ = sources.drawn(AT_ONCE, min(samples, sources.sources[0].sounds.shape[1]), rng)
        (features,) = rooms([layout.heard(sound)], [layout], random)
        heard.append(hears(features))
    found = torch.cat(heard)
    return Scored(hears, found.mean(0), found.std(0).clamp_min(0.1)).eval()
