"""`train folder`, `train networks` and `search`: networks trained on a folder of sounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.markup import escape

from dreampedal.console import interrupted
from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import Seen
from dreampedal.console.tables import print_table, share_text
from dreampedal.export.nets.table import NETWORKS
from dreampedal.export.train import folder
from dreampedal.export.train.fit.settings import read_settings
from dreampedal.networks.options import Search, TrainFolder


def train_folder(options: TrainFolder) -> None:
    """Train on a folder and say how well the network does."""
    order = replace(_order(options, minutes=options.minutes), weights=options.weights)
    run = options.run or options.out.with_name(f"{options.out.stem}_run")

    def how_far(seen: Seen) -> str:
        return interrupted.training(run, order.chosen_plan().epochs, seen)

    with interrupted.interruptible(how_far) as progress:
        report = folder.train_folder(order, options.out, options.run, progress, options.device)
    if not report:  # the first of several processes says it
        return
    if options.as_json:
        print_json(report)
        return
    say(
        f"{report['model']}: {report['network']}, {report['parameters']:,} parameters, epoch {report['best_epoch']} of "
        f"{report['epochs']}, {report['seconds'] / 60:.1f} minutes"
    )
    rows = []
    for part in ("validation", "test"):
        clip, recording = report[part]["by_clip"], report[part]["by_recording"]
        rows.append((part, str(clip["count"]), share_text(clip), str(recording["count"]), share_text(recording)))
    print_table(("right", "clips", "by clip", "recordings", "by recording"), rows)
    say(f"logs and the last checkpoint: {report['run']}")


def networks(as_json: bool) -> None:
    """Every network that can be trained."""
    rows: list[dict[str, Any]] = [
        {
            "name": builder.name, "title": builder.title, "source": builder.source, "seconds": builder.seconds,
            "input": builder.input.model_dump(mode="json"), "hears": list(builder.hears),
            "settings": builder.settings().model_dump(mode="json"),
        }
        for builder in NETWORKS.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    print_table(("network", "what it is", "hears", "settings"), (
        (row["name"], f"{row['title']} ({row['source']})", f"{row['seconds']:g} s of {row['input']['kind']}",
         escape(_texts(row["settings"])))
        for row in rows
    ))  # fmt: skip


def search(options: Search) -> None:
    """Search and list the trials."""
    order, trials = _order(options), options.trials
    with interrupted.interruptible(lambda seen: interrupted.search(options.run, trials, seen)) as progress:
        report = folder.search_folder(
            order, options.run, options.vary, trials, options.workers, progress, options.device
        )
    if options.as_json:
        print_json(report)
        return
    print_table(("trial", "validation", "settings", ""), map(_trial, report["trials"]))
    say(f"best: {report['best']['checkpoint']}")


def _order(options: TrainFolder | Search, minutes: float | None = None) -> folder.Order:
    """What the options ask for; a ValueError for a text that cannot be read."""
    if options.seed >= 2**64:  # torch keeps no more
        raise ValueError(f"seed = {options.seed}: expected a whole number from 0 to 2^64 - 1")
    given = {"epochs": options.epochs, "minutes": minutes}
    plan = read_settings(options.plan) | {name: value for name, value in given.items() if value is not None}
    return folder.Order(
        options.sounds, options.network, options.column, read_settings(options.settings), plan,
        read_settings(options.segments), read_settings(options.input), options.copies, options.seed, options.jobs,
    )  # fmt: skip


def _trial(row: dict[str, Any]) -> tuple[str, ...]:
    """One line of a search."""
    score = "" if row["score"] is None else f"{row['score']:.1%}"
    why = "" if row["state"] == "complete" else row["reason"] or row["state"]
    return str(row["number"]), score, escape(_texts(row["chosen"])), escape(plain(why))


def _texts(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in settings.items())


def _text(value: Any) -> str:
    """A setting as it is written on the command line."""
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
