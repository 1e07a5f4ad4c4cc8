"""Ctrl-C in work that takes long: how far it came, and how to go on with it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dreampedal.console.console import fail, plain
from dreampedal.console.progress import Follower, Seen, bar

GOES_ON = "the same command goes on"


@contextmanager
def interruptible(how_far: Callable[[Seen], str]) -> Iterator[Follower]:
    """A progress bar; where Ctrl-C interrupts what is within, a line on stderr and the end with status 130."""
    seen: Seen = {}
    try:
        with bar(seen) as follow:
            yield follow
    except KeyboardInterrupt:
        fail(plain(how_far(seen)))
        sys.exit(130)  # past `main`, which would say less


def training(run: Path, epochs: int, seen: Seen) -> str:
    """Of a training in the folder `run`, of so many epochs.

    >>> training(Path("none_run"), 6, {"encoding training": (40, 200)})
    'stopped while encoding training, 40 of 200 done; the same command goes on'
    >>> training(Path("none_run"), 6, {"encoding training": (200, 200), "training": (3, 60)})
    'stopped in the first of 6 epochs, which begins anew with the same command: none_run'
    """
    if done := _epochs(run):
        return f"stopped after epoch {done} of {epochs}; {GOES_ON}: {run}"
    if _encoded(seen):
        return f"stopped in the first of {epochs} epochs, which begins anew with the same command: {run}"
    return f"{_before(seen)}; {GOES_ON}"


def search(run: Path, trials: int, seen: Seen) -> str:
    """Of a search in the folder `run`, of so many trials.

    >>> search(Path("none"), 20, {"encoding test": (7, 7)})
    'stopped after 0 of 20 trials; the same command goes on: none'
    """
    if _encoded(seen):
        return f"stopped after {_trials(run)} of {trials} trials; {GOES_ON}: {run}"
    return f"{_before(seen)}; {GOES_ON}"


def distillation(run: Path, seen: Seen) -> str:
    """Of a distillation in the folder `run`, whose parts are kept as they are made.

    >>> distillation(Path("heard_run"), {"listener small_mel": (400, 4000)})
    'stopped in listener small_mel, 400 of 4000 done; the same command goes on: heard_run'
    """
    what, (done, there) = next(reversed(seen.items()), ("the beginning", (0, 0)))
    return f"stopped in {what}{f', {done} of {there} done' if there else ''}; {GOES_ON}: {run}"


def notes(seen: Seen) -> str:
    """Of `train notes`, which keeps nothing on the way.

    >>> notes({"training": (340, 6037)})
    'stopped in training, 340 of 6037 done; nothing is written: --minutes ends it sooner with a model'
    """
    what, (done, there) = next(reversed(seen.items()), ("the beginning", (0, 0)))
    return (
        f"stopped in {what}{f', {done} of {there} done' if there else ''}; "
        "nothing is written: --minutes ends it sooner with a model"
    )


def _encoded(seen: Seen) -> bool:
    """Whether all sounds were."""
    return bool(seen) and all(done == there for what, (done, there) in seen.items() if what.startswith("encoding"))


def _before(seen: Seen) -> str:
    """What was going on before there was anything to keep in the folder."""
    if not seen:
        return "stopped before it began"
    what, (done, there) = next(reversed(seen.items()))
    return f"stopped while {what}, {done} of {there} done"


def _epochs(run: Path) -> int:
    """How many epochs the folder of a training has."""
    try:
        with (run / "log.csv").open(newline="", encoding="utf-8") as file:
            return sum(1 for _ in csv.DictReader(file))
    except (OSError, ValueError):
        return 0


def _trials(run: Path) -> int:
    """How many trials of a search have ended."""
    count = 0
    for file in run.glob("trials/*/trial.json"):
        try:
            count += json.loads(file.read_text(encoding="utf-8"))["state"] != "running"
        except (OSError, ValueError, KeyError):
            continue
    return count
