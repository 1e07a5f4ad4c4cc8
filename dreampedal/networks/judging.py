"""`evaluate --set` and `prune`: how a network fares on a folder of sounds, and how it would fare smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import bar
from dreampedal.console.tables import print_table, share_text
from dreampedal.engine.model.library import library
from dreampedal.export.judge.evaluating import Judged, evaluate_on, prune_on
from dreampedal.export.judge.prune.settings import Pruning
from dreampedal.export.train.fit.settings import read_settings
from dreampedal.networks.options import Evaluate, Prune

WRONG_SHOWN = 20
"""Recordings taken for another that are listed."""


def evaluate(options: Evaluate) -> None:
    """Judge a model on a set and say how it fares."""
    assert options.sounds is not None
    on = _judged(options, options.sounds, options.part)
    _require_folder(options.pictures)
    model = Path(options.model) if options.model.endswith(".safetensors") else library.find("model", options.model)
    with bar() as progress:
        report = evaluate_on(model, on, options.pictures, progress=progress)
    if options.as_json:
        print_json(report)
        return
    _show_scores(report)
    if options.pictures is not None:
        say(f"{len(report['pictures'])} pictures in {options.pictures}")


def prune(options: Prune) -> None:
    """Prune a checkpoint and say what is gone and what it cost."""
    on = _judged(options, options.sounds)
    if not options.checkpoint.is_file():
        raise ValueError(f"{options.checkpoint}: no such file; expected what training saved (.safetensors)")
    _require_folder(options.pictures)
    pruning = Pruning(
        limit=options.limit / 100, tunings=options.tune, enough=options.enough / 100, at_once=options.at_once
    )
    with bar() as progress:
        report = prune_on(
            options.checkpoint, on, options.out, pruning, options.pictures, tuning_epochs=options.epochs,
            progress=progress,
        )  # fmt: skip
    if options.as_json:
        print_json(report)
    else:
        _show_pruned(report, options.out)


def _judged(options: Evaluate | Prune, folder: Path, part: str | None = None) -> Judged:
    """What is judged on; a ValueError for a folder that is not there or a text that cannot be read."""
    if not folder.exists():
        raise ValueError(f"{folder}: no such folder")
    return Judged(folder, options.column, part, options.seed, read_settings(options.segments), options.jobs)


def _require_folder(pictures: Path | None) -> None:
    """A ValueError where pictures would be drawn into something else; said before the work that comes first."""
    if pictures is not None and not pictures.is_dir() and (pictures.exists() or pictures.is_symlink()):
        raise ValueError(f"{pictures} is a file: expected the name of a folder")


def _show_pruned(report: dict[str, Any], out: Path) -> None:
    """What a network was and is, and what it tells right."""
    before, after = report["before"], report["after"]
    sizes = ("kernels", "kernels"), ("parameters", "parameters"), ("multiply_adds", "multiply-adds a clip")
    rows = [
        (what, f"{before[name]:,}", f"{after[name]:,}", f"-{1 - after[name] / before[name]:.0%}")
        for name, what in sizes
    ]
    first, last = report["validation"]
    rows.append(("right, validation clips", f"{first:.1%}", f"{last:.1%}", ""))
    for what, key in (("test clips", "by_clip"), ("test recordings", "by_recording")):
        test = share_text(report["test_before"][key]), share_text(report["test_after"][key])
        rows.append((f"right, {what}", *test, ""))
    print_table(("", "before", "after", ""), rows)
    say(f"ended: {report['ended']}")
    say(f"{out}: filters {', '.join(f'{layer} {count}' for layer, count in after['filters'].items())}")


def _show_scores(report: dict[str, Any]) -> None:
    """A line for clips and one for recordings, a table of classes, and what was taken for another."""
    say(f"{report['model']} on {report['set']} ({report['part']}):")
    kinds = (("clips", report["by_clip"]), ("recordings", report["by_recording"]))
    print_table(("", "how many", "right", "F1", "loss", "calibration error"), (
        (what, str(of["count"]), share_text(of), f"{of['f1']:.3f}", f"{of['loss']:.3f}",
         f"{of['reliability']['error']:.1%}")
        for what, of in kinds
    ))  # fmt: skip
    print_table(("class, by clip", "clips", "precision", "recall", "F1"), (
        (name, str(of["count"]), *map(_per_cent, (of["precision"], of["recall"], of["f1"])))
        for name, of in report["by_clip"]["classes"].items()
    ))  # fmt: skip
    for note in report["notes"]:
        say(f"note: {note}")
    wrong = [row for row in report["recordings"] if row["is"] != row["heard"]]
    if wrong:
        print_table(("taken for another", "is", "heard", "how surely"), (
            (escape(plain(row["name"])), row["is"], row["heard"], f"{row['probability']:.0%}")
            for row in wrong[:WRONG_SHOWN]
        ))  # fmt: skip
    if len(wrong) > WRONG_SHOWN:
        print(f"and {len(wrong) - WRONG_SHOWN} more; --json lists all")


def _per_cent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
