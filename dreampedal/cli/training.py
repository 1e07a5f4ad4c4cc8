"""What `train folder`, `train networks` and `search` show: thin shells over `export.fit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dreampedal.console import interrupted
from dreampedal.console.accuracies import share_text
from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import bar

if TYPE_CHECKING:
    from dreampedal.export.train.folder import Order

Texts = Sequence[str] | None


def wanted(
    folder: Path, network: str, column: str, settings: Texts, plan: Texts, segments: Texts, heard: Texts, copies: int,
    seed: int, epochs: int | None, minutes: float | None, jobs: int, weights: Path | None = None,
) -> Order:  # fmt: skip
    """What the options ask for; a ValueError for a text that cannot be read."""
    from dreampedal.export.train.fit.settings import read_settings
    from dreampedal.export.train.folder import Order

    if seed >= 2**64:  # torch keeps no more
        raise ValueError(f"seed = {seed}: expected a whole number from 0 to 2^64 - 1")
    changes = read_settings(plan or [])
    for name, value in (("epochs", epochs), ("minutes", minutes)):
        if value is not None:
            changes[name] = value
    return Order(
        folder, network, column, read_settings(settings or []), changes, read_settings(segments or []),
        read_settings(heard or []), copies, seed, jobs, weights,
    )  # fmt: skip


def train_folder(order: Order, out: Path, run: Path | None, device: str, as_json: bool) -> None:
    """Train on a folder and say how well the network does."""
    from dreampedal.export.train.folder import train_folder as train

    def how_far() -> str:
        return interrupted.training(run or out.with_name(f"{out.stem}_run"), order.chosen_plan().epochs, seen)

    seen: dict[str, tuple[int, int]] = {}
    with interrupted.telling(how_far), bar(seen) as progress:
        report = train(order, out, run, progress, device)
    if not report:  # the first of several processes says it
        return
    if as_json:
        print_json(report)
        return
    say(
        f"{report['model']}: {report['network']}, {report['parameters']:,} parameters, epoch {report['best_epoch']} of "
        f"{report['epochs']}, {report['seconds'] / 60:.1f} minutes"
    )
    table = Table("right", "clips", "by clip", "recordings", "by recording", box=None, pad_edge=False)
    for part in ("validation", "test"):
        clip, recording = report[part]["by_clip"], report[part]["by_recording"]
        table.add_row(part, str(clip["count"]), share_text(clip), str(recording["count"]), share_text(recording))
    Console().print(table)
    say(f"logs and the last checkpoint: {report['run']}")


def networks(as_json: bool) -> None:
    """Every network that can be trained."""
    from dreampedal.export.nets.table import NETWORKS

    rows = [
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
    table = Table("network", "what it is", "hears", "settings", box=None, pad_edge=False)
    for row in rows:
        settings = " ".join(f"{name}={_text(value)}" for name, value in row["settings"].items())
        table.add_row(row["name"], f"{row['title']} ({row['source']})", _heard(row), escape(settings))
    Console().print(table)


def search(order: Order, run: Path, trials: int, workers: int, vary: Sequence[str], device: str, as_json: bool) -> None:
    """Search and list the trials."""
    from dreampedal.export.train.folder import search_folder

    seen: dict[str, tuple[int, int]] = {}
    with interrupted.telling(lambda: interrupted.search(run, trials, seen)), bar(seen) as progress:
        report = search_folder(order, run, vary, trials, workers, progress, device)
    if as_json:
        print_json(report)
        return
    table = Table("trial", "validation", "settings", "", box=None, pad_edge=False)
    for row in report["trials"]:
        score = "" if row["score"] is None else f"{row['score']:.1%}"
        why = "" if row["state"] == "complete" else row["reason"] or row["state"]
        chosen = " ".join(f"{name}={_text(value)}" for name, value in row["chosen"].items())
        table.add_row(str(row["number"]), score, escape(chosen), escape(plain(why)))
    Console().print(table)
    say(f"best: {report['best']['checkpoint']}")


def _text(value: Any) -> str:
    """A setting as it is written on the command line."""
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()


def _heard(row: dict[str, Any]) -> str:
    return f"{row['seconds']:g} s of {row['input']['kind']}"
