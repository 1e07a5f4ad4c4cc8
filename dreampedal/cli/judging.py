"""What `evaluate --set` and `prune` show: thin shells over `export.judge`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dreampedal import library
from dreampedal.console.accuracies import share_text
from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import bar

if TYPE_CHECKING:
    from dreampedal.export.judge.evaluating import Judged


def judged(
    folder: Path, column: str | None, part: str | None, seed: int | None, segments: Sequence[str], jobs: int
) -> Judged:
    """What is judged on; a ValueError for a folder that is not there or a text that cannot be read."""
    from dreampedal.export.judge.evaluating import Judged
    from dreampedal.export.train.fit.settings import read_settings

    if not folder.exists():
        raise ValueError(f"{folder}: no such folder")
    return Judged(folder, column, part, seed, read_settings(segments), jobs)


def evaluate(model: str, on: Judged, pictures: Path | None, as_json: bool) -> None:
    """Judge a model on a set and say how it fares."""
    from dreampedal.export.judge.evaluating import evaluate_on

    _require_folder(pictures)
    file = Path(model) if model.endswith(".safetensors") else library.find("model", model)
    with bar() as progress:
        report = evaluate_on(file, on, pictures, progress=progress)
    if as_json:
        print_json(report)
        return
    _show_scores(report)
    wrong = [row for row in report["recordings"] if row["is"] != row["heard"]]
    if wrong:
        table = Table("taken for another", "is", "heard", "how surely", box=None, pad_edge=False)
        for row in wrong[:20]:
            table.add_row(escape(plain(row["name"])), row["is"], row["heard"], f"{row['probability']:.0%}")
        Console().print(table)
        if len(wrong) > 20:
            print(f"and {len(wrong) - 20} more; --json lists all")
    if pictures is not None:
        say(f"{len(report['pictures'])} pictures in {pictures}")


def prune(
    checkpoint: Path, on: Judged, out: Path, limit: float, tunings: int, epochs: int, enough: float, at_once: int,
    pictures: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Prune a checkpoint and say what is gone and what it cost."""
    from dreampedal.export.judge.evaluating import prune_on
    from dreampedal.export.judge.prune.pruning import Pruning

    if not checkpoint.is_file():
        raise ValueError(f"{checkpoint}: no such file; expected what training saved (.safetensors)")
    _require_folder(pictures)
    settings = Pruning(limit=limit, tunings=tunings, enough=enough, at_once=at_once)
    with bar() as progress:
        report = prune_on(checkpoint, on, out, settings, pictures, tuning_epochs=epochs, progress=progress)
    if as_json:
        print_json(report)
        return
    before, after = report["before"], report["after"]
    table = Table("", "before", "after", "", box=None, pad_edge=False)
    for name, what in (("kernels", "kernels"), ("parameters", "parameters"), ("multiply_adds", "multiply-adds a clip")):
        table.add_row(what, f"{before[name]:,}", f"{after[name]:,}", f"-{1 - after[name] / before[name]:.0%}")
    first, last = report["validation"]
    table.add_row("right, validation clips", f"{first:.1%}", f"{last:.1%}", "")
    for what, key in (("test clips", "by_clip"), ("test recordings", "by_recording")):
        table.add_row(f"right, {what}", *(share_text(report[of][key]) for of in ("test_before", "test_after")), "")
    Console().print(table)
    say(f"ended: {report['ended']}")
    say(f"{out}: filters {', '.join(f'{layer} {count}' for layer, count in after['filters'].items())}")


def _require_folder(pictures: Path | None) -> None:
    """A ValueError where pictures would be drawn into something else; said before the work that comes first."""
    if pictures is not None and not pictures.is_dir() and (pictures.exists() or pictures.is_symlink()):
        raise ValueError(f"{pictures} is a file: expected the name of a folder")


def _show_scores(report: dict[str, Any]) -> None:
    """A line for clips and one for recordings, and a table of classes."""
    say(f"{report['model']} on {report['set']} ({report['part']}):")
    table = Table("", "how many", "right", "F1", "loss", "calibration error", box=None, pad_edge=False)
    for what, key in (("clips", "by_clip"), ("recordings", "by_recording")):
        of = report[key]
        table.add_row(
            what, str(of["count"]), share_text(of), f"{of['f1']:.3f}", f"{of['loss']:.3f}",
            f"{of['reliability']['error']:.1%}",
        )  # fmt: skip
    Console().print(table)
    table = Table("class, by clip", "clips", "precision", "recall", "F1", box=None, pad_edge=False)
    for name, of in report["by_clip"]["classes"].items():
        ratios = ("" if value is None else f"{value:.1%}" for value in (of["precision"], of["recall"], of["f1"]))
        table.add_row(name, str(of["count"]), *ratios)
    Console().print(table)
    for note in report["notes"]:
        say(f"note: {note}")
