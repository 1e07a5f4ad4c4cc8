"""Runs a row of the table of networks: trains it for every seed and fold, and judges it on what it never heard."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from scipy import stats

from bench.research import sounds
from bench.research.recipes import Recipe
from bench.research.sounds import Sources
from bench.research.starts import from_model
from dreampedal import presets
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import LabelledSet, Recording
from dreampedal.export.data.splits import content_of, folds, split
from dreampedal.export.data.store import encode
from dreampedal.export.metrics.scores import Measures, Scores, probabilities, score, score_net
from dreampedal.export.nets.costs import multiply_adds, parameters
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build
from dreampedal.export.train.fit.checkpoints import identity, named
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan

MODELS = Path(presets.__file__).parent / "models"

VERSION = 2
"""Raised whenever the same recipe would train another network, so that old checkpoints are not gone on from."""


@dataclass(frozen=True)
class Judged:
    """What came of one seed.

    Fields:
        probabilities, clips: of what was left out, (n, classes), and the clips they belong to.
        scores: of them.
        seconds: of each training.
        net: the last one trained.
        elsewhere: accuracy on other sounds, by name.
    """

    probabilities: NDArray[np.float32]
    clips: Clips
    scores: Scores
    seconds: tuple[float, ...]
    net: Net
    elsewhere: dict[str, float]


def run(recipe: Recipe, sources: Sources, progress: Progress | None = None) -> dict[str, Any]:
    """Train and judge a row.

    Returns:
        "clip" and "recording": accuracy as the mean over seeds, each seed's own, and 95 % intervals (`figure`);
        "recall" of each class, None where none of it was judged; "elsewhere"; clips, recordings, cost; minutes of the
        longest training, and of all with the sounds read.

    Raises:
        ValueError: if a fold would judge on a recording that it trains on, under whatever name.
    """
    began = time.monotonic()
    runs = _on_notes if recipe.data == "notes" else _by_folds
    found = list(runs(recipe, sources, progress))
    # Where each seed judges a part, the recordings that intervals are drawn from are those of all parts.
    whole = [_together(found)] if recipe.each_seed == "one" else [one.scores for one in found]
    # A training that is kept in the cache is not repeated, and counts all the same.
    spent = sum(seconds for one in found for seconds in one.seconds)
    return {
        "clip": figure([one.scores.by_clip for one in found], [one.by_clip for one in whole], recipe.each_seed),
        "recording": figure(
            [one.scores.by_recording for one in found], [one.by_recording for one in whole], recipe.each_seed
        ),
        "recall": {name: _recall(whole, name) for name in whole[0].classes},
        "elsewhere": {
            name: statistics.fmean(one.elsewhere[name] for one in found) for name in found[0].elsewhere
        },
        "clips": whole[0].by_clip.count, "recordings": whole[0].by_recording.count,
        "seeds": list(recipe.seeds), "folds": recipe.folds,
        "parameters": parameters(found[0].net), "multiply_adds": multiply_adds(found[0].net),
        "minutes_each": max(spent for one in found for spent in one.seconds) / 60,
        "minutes": max(time.monotonic() - began, spent) / 60,
    }  # fmt: skip


def train_one(
    recipe: Recipe, train: Clips, val: Clips, seed: int, progress: Progress | None = None, kept: bool = False
) -> tuple[Net, float]:
    """A network with the recipe's settings, trained; and the seconds that it took.

    Where it is `kept`, its checkpoint lies in the user's cache: a training that was killed goes on, and one that has
    ended is not repeated.
    """
    torch.manual_seed(seed)
    net = build(recipe.network, train.classes, train.input, train.seconds, recipe.settings)
    if recipe.start:
        net.normalise([torch.from_numpy(np.asarray(train.x[::4], np.float32))])
        from_model(net, train, MODELS / f"{recipe.start}.onnx")
    plan = recipe.plan.changed(seed=seed)
    place = _place(recipe, net, train, val, plan) if kept else None
    fitted = fit(net, train, val, plan, place, progress, change=recipe.change, normalise=not recipe.start)
    return net, fitted.seconds


def train_on_all(recipe: Recipe, sources: Sources, seed: int = 0, progress: Progress | None = None) -> Net:
    """A row's network, trained on every recording that there is."""
    labelled = sounds.labelled_set(recipe, sources)
    clips = encode(labelled, sounds.input_of(recipe), recipe.cut, copies=recipe.copies, progress=progress)
    return train_one(recipe, *_train_and_val(clips, labelled, recipe, seed), seed, progress)[0]


def _by_folds(recipe: Recipe, sources: Sources, progress: Progress | None) -> Iterator[Judged]:
    """Cross-validation by recording."""
    labelled = sounds.labelled_set(recipe, sources)
    clips = encode(labelled, sounds.input_of(recipe), recipe.cut, copies=recipe.copies, progress=progress)
    if recipe.levelled:
        clips = sounds.levelled(clips)
    contents = {one: content_of(one) for one in labelled.recordings}
    for number, seed in enumerate(recipe.seeds):
        parts = folds(labelled, recipe.folds, seed if recipe.each_seed == "all" else 0)
        chosen = parts if recipe.each_seed == "all" else [parts[number % recipe.folds]]
        for rest, left_out in chosen:
            _check_apart(rest, left_out, contents)
        found, judged = np.zeros((len(clips), len(clips.classes)), np.float32), np.zeros(len(clips), bool)
        seconds, by_level = [], []
        for fold, (rest, left_out) in enumerate(chosen):
            train, val = _train_and_val(clips, rest, recipe, seed)
            net, spent = train_one(recipe, train, val, 100 * seed + fold, progress)
            test = _of(clips, left_out) & ~clips.changed
            found[test] = probabilities(net, clips.take(test))
            judged |= test
            seconds.append(spent)
            if recipe.data == "styles":
                by_level.extend(sounds.right_by_level(train, clips.take(test)))
        heard = {"loudness alone": float(np.mean(by_level))} if by_level else {}
        yield _judged(found[judged], clips.take(judged), seed, tuple(seconds), net, heard)


def _on_notes(recipe: Recipe, sources: Sources, progress: Progress | None) -> Iterator[Judged]:
    """One training a seed, judged on keys that it never heard, another soundfont, and recordings."""
    train, val, test = sounds.notes(recipe, sources, progress)
    others = sounds.elsewhere(recipe, sources, progress)
    for seed in recipe.seeds:
        net, spent = train_one(recipe, train, val, seed, progress, kept=True)
        heard = {}
        for name, clips in others.items():
            found = score_net(net, clips, seed)
            heard[name] = (found.by_recording if name == "recordings" else found.by_clip).accuracy
        yield _judged(probabilities(net, test), test, seed, (spent,), net, heard)


def _place(recipe: Recipe, net: Net, train: Clips, val: Clips, plan: Plan) -> Path:
    """The folder of a training, by everything that it depends on; `net` has its first weights."""
    start = recipe.start and hashlib.sha256((MODELS / f"{recipe.start}.onnx").read_bytes()).hexdigest()
    told = {
        "version": VERSION, "begun": identity(net, train, val, plan, recipe.change, not recipe.start),
        "plan": plan.model_dump(mode="json"), "start": start, "change": named(recipe.change), "copies": recipe.copies,
        "levelled": recipe.levelled,
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    return user_cache_path("dreampedal") / "recipes" / digest.hexdigest()[:16]


def _check_apart(train: LabelledSet, test: LabelledSet, contents: Mapping[Recording, str]) -> None:
    """A ValueError if a group or a sound is on both sides: `splits.check_apart`, where every sound was heard before."""
    if shared := set(train.groups) & set(test.groups):
        raise ValueError(f"group {min(shared)!r} is on both sides of a fold: split by group")
    known = {contents[one]: one for one in train.recordings}
    for other in test.recordings:
        if (same := known.get(contents[other])) is not None:
            raise ValueError(
                f"{same.path} and {other.path} are the same sound on two sides of a fold: remove one, or give both one "
                "group"
            )


def _judged(
    found: NDArray[np.float32], clips: Clips, seed: int, seconds: tuple[float, ...], net: Net, heard: dict[str, float]
) -> Judged:
    scores = score(found, clips.labels, clips.groups, clips.classes, seed=seed)
    return Judged(found, clips, scores, seconds, net, heard)


def _together(found: Sequence[Judged]) -> Scores:
    """The figures of parts that were judged by a seed each, as of one set."""
    return score(
        np.concatenate([one.probabilities for one in found]), np.concatenate([one.clips.labels for one in found]),
        np.concatenate([one.clips.groups for one in found]), found[0].clips.classes,
    )  # fmt: skip


def _train_and_val(clips: Clips, rest: LabelledSet, recipe: Recipe, seed: int) -> tuple[Clips, Clips]:
    """Clips to learn from, and those that plateau, early stopping and the choice of an epoch look at."""
    if recipe.validation:
        learned, looked_at = split(rest, seed, (1 - recipe.validation, recipe.validation))
        return clips.take(_of(clips, learned)), clips.take(_of(clips, looked_at) & ~clips.changed)
    train = clips.take(_of(clips, rest))
    # Some of the training clips themselves: nothing that is judged is looked at, and the last epochs are chosen.
    chosen = np.zeros(len(train), bool)
    chosen[:: max(1, len(train) // 256)] = True
    return train, train.take(chosen & ~train.changed)


def _of(clips: Clips, labelled: LabelledSet) -> NDArray[np.bool_]:
    """Which clips come from the recordings of a set, shape (n,)."""
    wanted = set(labelled.groups)
    return np.array([name in wanted for name in clips.group_names])[clips.groups]


def _recall(whole: Sequence[Scores], name: str) -> float | None:
    """The share found of a class's clips: the mean over those sets that hold any of it."""
    found = [recall for one in whole if (recall := one.by_clip.classes[name].recall) is not None]
    return statistics.fmean(found) if found else None


def figure(
    seeds: Sequence[Measures], whole: Sequence[Measures], each_seed: Literal["all", "one"] = "all"
) -> dict[str, Any]:
    """Accuracy: mean, and 95 % intervals.

    Args:
        seeds: what each seed judged; whole: all that was judged, by each seed or by all together.
        each_seed: as of a `Recipe`.

    Returns:
        "mean"; "seeds": each seed's own; "interval_recordings": by bootstrap; "interval_seeds": by Student's
        distribution, where every seed judges every recording. Where each judges a part of its own, seeds cannot be told
        from parts: the same interval is then "interval_seeds_and_folds", and has the spread of both in it.
    """
    values = [one.accuracy for one in seeds]
    mean = statistics.fmean(one.accuracy for one in whole)
    spread = None
    if len(values) > 1:
        reach = student_95(len(values)) * statistics.stdev(values) / len(values) ** 0.5
        spread = [max(0.0, mean - reach), min(1.0, mean + reach)]
    return {
        "mean": mean,
        "seeds": values,
        "interval_seeds": spread if each_seed == "all" else None,
        "interval_seeds_and_folds": spread if each_seed == "one" else None,
        "interval_recordings": [
            statistics.fmean(one.accuracy_interval[end] for one in whole) for end in (0, 1)
        ],
    }  # fmt: skip


def student_95(count: int) -> float:
    """Within how many standard errors of the mean of `count` values the truth lies in 95 % of all cases (Student 1908).

    >>> [round(student_95(count), 3) for count in (2, 5, 30)]
    [12.706, 2.776, 2.045]
    """
    return float(stats.t.ppf(0.975, count - 1))
