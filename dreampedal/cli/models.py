"""What `verify`, `train` and `evaluate` show: thin shells over `engine.verify` and `export`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dreampedal import library
from dreampedal.console import interrupted
from dreampedal.console.console import plain, print_json, say
from dreampedal.console.progress import bar


def verify(model: str | PathLike[str], as_json: bool) -> None:
    """Prove a model, by name or path, and say what was proved; a ValueError names the first thing that is wrong."""
    from dreampedal.effects.dream import Dream
    from dreampedal.engine.model.format.manifest import Manifest
    from dreampedal.engine.model.structure import read_model
    from dreampedal.engine.model.verify import verify as prove

    file = library.find("model", model)
    _, manifest = read_model(file)
    live = isinstance(manifest, Manifest)
    proof = prove(file, (lambda: Dream(model=str(file), target=manifest.layers[-1].name)) if live else None)
    if as_json:
        print_json(asdict(proof) | {"file": str(file), "manifest": manifest.model_dump(mode="json")})
        return
    layers = ", ".join(f"{layer.name} ({layer.filters})" for layer in manifest.layers)
    say(f"{file}: {manifest.name} {manifest.version}, {proof.file_bytes / 1e6:.2f} MB, {proof.nodes} nodes")
    if not isinstance(manifest, Manifest):
        say(f"  kind: {manifest.kind}, on {manifest.input.kind} of {manifest.seconds:g} s")
    say(f"  layers: {layers or 'none'}")
    say(f"  classes: {', '.join(manifest.classes) or 'none'}")
    licence = textwrap.shorten(manifest.training.licence, 100, placeholder=" ... (all of it: --json)")
    say(f"  trained on: {manifest.training.data} ({licence})")
    print(f"  golden takes: {proof.takes} replayed, off by {proof.golden_deviation:.1g} of the largest value at most")
    if proof.partitions:
        print(f"  partition law: the same samples in {proof.partitions} ways of cutting a signal")


def train_notes(soundfonts: Sequence[Path], out: Path, seed: int, minutes: float | None, as_json: bool) -> None:
    """Train the note network and say how well it hears."""
    from dreampedal.export.train.notes_model import train_notes as train

    _require(soundfonts)
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
    seen: dict[str, tuple[int, int]] = {}
    with interrupted.telling(lambda: interrupted.notes(seen)), bar(seen) as progress:
        report = train(soundfonts, out, seed=seed, minutes=minutes, progress=progress)
    if as_json:
        print_json(report)
        return
    seconds = report["seconds_rendering"] + report["seconds_training"]
    say(f"{out}: trained on {report['notes']} notes in {seconds / 60:.1f} minutes")
    _show_accuracy(report["accuracy_unseen"], f"heard right, of {report['unseen_notes']} notes that it did not see")


def evaluate(model: str, soundfonts: Sequence[Path], folder: Path | None, picture: Path | None, as_json: bool) -> None:
    """Judge a model and say what it hears for what."""
    from dreampedal.export.train.evaluation import evaluate as judge

    _require([*soundfonts, *([folder] if folder else [])])
    with bar() as progress:
        report = judge(library.find("model", model), soundfonts, folder, picture, progress=progress)
    if as_json:
        print_json(report)
        return
    if "accuracy" in report:
        _show_accuracy(report["accuracy"], f"heard right, of {report['notes']} notes")
        _show_confusion(report["classes"], report["confusion"])
    if "recordings" in report:
        table = Table("recording", "family", "heard", "second", box=None, pad_edge=False)
        for row in report["recordings"]:
            right = row["family"] == row["heard"]
            heard = f"[green]{row['heard']}" if right else row["heard"]
            table.add_row(escape(plain(row["name"])), row["family"], heard, row["second"])
        Console().print(table)
        print(f"{report['recordings_accuracy']:.0%} of {len(report['recordings'])} recordings heard right")


def _require(files: Sequence[Path]) -> None:
    """A ValueError for the first file that is not there."""
    for file in files:
        if not file.exists():
            raise ValueError(f"{file}: no such file")


def _show_accuracy(accuracy: dict[str, float], title: str) -> None:
    table = Table("family", title, box=None, pad_edge=False)
    for name, share in accuracy.items():
        table.add_row("all, each family alike" if name == "macro" else name, f"{share:.1%}")
    Console().print(table)


def _show_confusion(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> None:
    """Rows played, columns heard, in per cent of a row."""
    table = Table("played, % heard as", *(name[:5] for name in classes), box=None, pad_edge=False)
    for name, row in zip(classes, matrix, strict=True):
        table.add_row(name, *(f"{100 * count / max(1, sum(row)):.0f}" for count in row))
    Console().print(table)
