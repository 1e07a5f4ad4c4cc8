"""`train notes`, and `evaluate` without a set: networks that know the notes of instruments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from dreampedal.console import interrupted
from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import bar
from dreampedal.console.tables import print_table
from dreampedal.engine.model.library import library
from dreampedal.networks.options import Evaluate, TrainNotes


def train(options: TrainNotes) -> None:
    """Train the note network and say how well it classifies."""
    from dreampedal.export.train.notes import train_notes

    out, seed, minutes = options.out, options.seed, options.minutes
    _require(options.soundfonts)
    if out.suffix != ".onnx":
        raise ValueError(f"{out}: expected a name that ends in .onnx")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; create it first")
    if out.is_dir():
        raise ValueError(f"{out} is a folder: expected the name of a file")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed}: expected a whole number from 0 to 2^64 - 1")
    if minutes is not None and not 0 < minutes < math.inf:
        raise ValueError(f"minutes = {minutes}: expected a number above 0")
    with interrupted.interruptible(interrupted.notes) as progress:
        report = train_notes(options.soundfonts, out, seed=seed, minutes=minutes, progress=progress)
    if options.as_json:
        print_json(report)
        return
    seconds = report["seconds_rendering"] + report["seconds_training"]
    say(f"{out}: trained on {report['notes']} notes in {seconds / 60:.1f} minutes")
    _show_accuracy(report["accuracy_unseen"], f"heard right, of {report['unseen_notes']} notes that it did not see")


def evaluate(options: Evaluate) -> None:
    """Judge a model on notes and recordings of instruments, and say what it takes for what."""
    from dreampedal.export.judge.families import evaluate

    _require([*options.soundfonts, *([options.folder] if options.folder else [])])
    model = library.find("model", options.model)
    with bar() as progress:
        report = evaluate(model, options.soundfonts, options.folder, options.picture, progress=progress)
    if options.as_json:
        print_json(report)
        return
    if "accuracy" in report:
        _show_accuracy(report["accuracy"], f"heard right, of {report['notes']} notes")
        _show_confusion(report["classes"], report["confusion"])
    if "recordings" in report:
        print_table(("recording", "family", "heard", "second"), map(_recording, report["recordings"]))
        print(f"{report['recordings_accuracy']:.0%} of {len(report['recordings'])} recordings heard right")


def _require(files: Sequence[Path]) -> None:
    """A ValueError for the first file that is not there."""
    for file in files:
        if not file.exists():
            raise ValueError(f"{file}: no such file")


def _recording(row: dict[str, Any]) -> tuple[str, ...]:
    heard = f"[green]{row['heard']}" if row["family"] == row["heard"] else row["heard"]
    return escape(plain(row["name"])), row["family"], heard, row["second"]


def _show_accuracy(accuracy: dict[str, float], title: str) -> None:
    names = {"macro": "all, each family alike"}
    print_table(("family", title), ((names.get(name, name), f"{share:.1%}") for name, share in accuracy.items()))


def _show_confusion(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
    """Rows played, columns heard, in per cent of a row."""
    columns = "played, % heard as", *(name[:5] for name in classes)
    rows = zip(classes, matrix, strict=True)
    print_table(columns, ((name, *(f"{100 * count / max(1, sum(row)):.0f}" for count in row)) for name, row in rows))
