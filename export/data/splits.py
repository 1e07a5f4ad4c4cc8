"""Splits by group: no recording is heard in training and judged on.

Groups are split class by class (a group belongs to the class of most of its recordings), so that every side has about
its share of each class, counted in recordings.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.data.recordings import LabelledSet, Recording, opened

SHARES = (0.8, 0.1, 0.1)
"""For training, validation and test."""


def split(labelled: LabelledSet, seed: int = 0, shares: Sequence[float] = SHARES) -> tuple[LabelledSet, ...]:
    """Sides that share no group, as large as `shares`, stratified by class; the same for the same seed.

    A class with as many groups as there are sides is on every side. One with fewer is on the largest side first, then
    on the last ones (on training and test, of the three).

    Raises:
        ValueError: if a share is not above 0 or they do not add up to 1.
    """
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"shares {tuple(shares)}: expected two or more above 0 that add up to 1")
    sides = _sides(labelled, seed, np.asarray(shares, float))
    return tuple(labelled.take(sides == side) for side in range(len(shares)))


def folds(labelled: LabelledSet, count: int = 5, seed: int = 0) -> list[tuple[LabelledSet, LabelledSet]]:
    """Pairs (train, test) by group, stratified by class; every recording is in exactly one test.

    Raises:
        ValueError: if there are fewer groups than folds, or fewer than two folds.
    """
    if not 2 <= count <= len(set(labelled.groups)):
        raise ValueError(f"{count} folds of {len(set(labelled.groups))} groups: expected two or more, a group each")
    sides = _sides(labelled, seed, np.full(count, 1 / count))
    return [(labelled.take(sides != fold), labelled.take(sides == fold)) for fold in range(count)]


def check_apart(first: LabelledSet, second: LabelledSet) -> None:
    """That no recording is on both sides, under whatever name: all sounds of both are decoded and compared.

    Raises:
        ValueError: if they share a group, or the same sound; it names both files.
    """
    if shared := sorted(set(first.groups) & set(second.groups)):
        raise ValueError(f"{shared[0]!r} and {len(shared) - 1} more groups are on both sides: split by group")
    known = {content_of(one): one for one in first.recordings}
    for other in second.recordings:
        if (same := known.get(content_of(other))) is not None:
            raise ValueError(
                f"{same.path} and {other.path} are the same sound on two sides: remove one, or give both one group"
            )


def set_hash(labelled: LabelledSet) -> str:
    """All that a split goes by beside seed and shares, as a hash: the class and the group of every recording."""
    groups = sorted((one.label, one.group) for one in labelled.recordings)
    return hashlib.sha256(json.dumps([labelled.classes, groups]).encode()).hexdigest()


def content_of(recording: Recording) -> str:
    """A hash of what is heard: the mean of the channels in 16 bits, from the first sample that is not 0 to the last.

    The same take as WAV and FLAC, mono and dual mono, with and without digital silence at its ends has one hash.
    """
    digest = hashlib.sha256()
    silent, begun = 0, False
    with opened(recording) as sound:
        digest.update(f"{sound.sample_rate:.6g}".encode())
        for block in sound.blocks():
            line = np.rint(block.mean(axis=0, dtype=np.float64) * 32_767).astype("<i2")
            there = np.flatnonzero(line)
            if not there.size:
                silent += line.size
                continue
            digest.update(bytes(2 * (silent + int(there[0]))) if begun else b"")
            digest.update(line[there[0] : there[-1] + 1].tobytes())
            silent, begun = line.size - 1 - int(there[-1]), True
    return digest.hexdigest()


def _sides(labelled: LabelledSet, seed: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """The side of each recording, shape (recordings,)."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, group in enumerate(labelled.groups):
        members[group].append(place)
    by_class: dict[int, list[str]] = defaultdict(list)
    for group in sorted(members):
        votes = Counter(int(labelled.labels[place]) for place in members[group])
        by_class[max(votes, key=lambda name: (votes[name], -name))].append(group)
    sides = np.full(len(labelled), -1, np.int64)
    total = np.zeros(len(shares))
    for name, groups in sorted(by_class.items()):
        random = np.random.default_rng([seed, name])
        shuffled = [groups[i] for i in random.permutation(len(groups))]
        sizes = np.array([len(members[group]) for group in shuffled])
        for group, side in zip(shuffled, _sides_of_class(sizes, shares, total), strict=True):
            sides[members[group]] = side
        total += np.bincount([sides[place] for group in shuffled for place in members[group]], minlength=len(shares))
    return sides


def _sides_of_class(sizes: NDArray[np.int64], shares: NDArray[np.float64], total: NDArray[np.float64]) -> list[int]:
    """The side of each group of one class, given how many recordings each group has and each side holds already."""
    order = sorted(range(len(shares)), key=lambda side: (-shares[side], total[side] / shares[side], -side))
    held = np.zeros(len(shares))
    sides: list[int] = []
    for size in sizes:
        short = shares * sizes.sum() - held
        side = max(order, key=lambda side: (short[side], -order.index(side)))
        sides.append(side)
        held[side] += size
    for empty in order[: len(sizes)]:
        if empty not in sides:
            crowded = max(set(sides), key=lambda side: (sides.count(side) > 1, held[side] - shares[side] * sizes.sum()))
            moved = min((i for i, side in enumerate(sides) if side == crowded), key=lambda i: sizes[i])
            sides[moved] = empty
            held[crowded] -= sizes[moved]
            held[empty] += sizes[moved]
    return sides
