"""Verbs that judge networks: `evaluate` and `prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a manifest.csv: the column with the classes; else as trained.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the split into parts; else as trained.")]
Segments = Annotated[
    list[str] | None, typer.Option("--segment", metavar="KEY=VALUE", help="How sounds are cut, if not as trained.")
]
Jobs = Annotated[int, typer.Option(min=1, help="Recordings encoded at the same time.")]
Pictures = Annotated[Path | None, typer.Option(metavar="DIR", help="A folder to draw into; it is made.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `app`."""
    app.command(
        "evaluate",
        short_help="Judge a model on sounds it never saw.",
        epilog="\b\nExamples:\n  dreampedal evaluate styles.safetensors --set sounds --pictures judged\n"
        "  dreampedal evaluate styles.onnx --set other_sounds --json\n"
        "  dreampedal evaluate notes --soundfont TimGM6mb.sf2",
    )(evaluate)
    app.command(
        "prune",
        short_help="Make a trained network smaller.",
        epilog="\b\nExamples:\n  dreampedal prune styles.safetensors --set sounds -o small.safetensors\n"
        "  dreampedal prune styles.safetensors --set sounds -o small.safetensors --tune 6 --at-once 8 --pictures out",
    )(prune)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by name, or the path of one or a checkpoint.")],
    sounds: Annotated[
        Path | None, typer.Option("--set", metavar="FOLDER", help="A folder for each class, or with a manifest.csv.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="PART", help="all, training, validation, test, or as in the manifest's column split."),
    ] = None,
    column: Column = None,
    seed: Seed = None,
    segments: Segments = None,
    pictures: Pictures = None,
    jobs: Jobs = 1,
    soundfont: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="No set: notes of this soundfont, by family.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="No set: recordings named by instrument, by family.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of the soundfont: who is taken for whom (png).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge what a model hears in sounds that it was not trained on, and what it takes for what.

    On a set, by clip and by recording: accuracy with an interval, precision, recall, F1 and calibration. Unless told
    which part, a network is judged on what its own training left aside of this set, and on all of any other.
    """
    if sounds is None:
        if pictures is not None:
            raise ValueError("--pictures is for a set: --set FOLDER is missing")
        from dreampedal.cli.models import evaluate as on_notes

        on_notes(model, soundfont or [], folder, picture, as_json)
        return
    if soundfont or folder is not None or picture is not None:
        raise ValueError("--set goes without --soundfont, --folder and --picture")
    from dreampedal.cli.judging import evaluate as on_set
    from dreampedal.cli.judging import judged

    on_set(model, judged(sounds, column, part, seed, segments or [], jobs), pictures, as_json)


def prune(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A trained network (.safetensors).")],
    sounds: Annotated[Path, typer.Option("--set", metavar="FOLDER", help="The set that it was trained on.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="What to write: .safetensors or .onnx.")],
    limit: Annotated[
        float, typer.Option(metavar="POINTS", min=0, max=100, help="What accuracy on validation may lose, of 100.")
    ] = 1.0,
    tune: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Times to take a quarter of the kernels out and train a little."),
    ] = 0,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Of each of these.")] = 5,
    enough: Annotated[
        float, typer.Option(metavar="PERCENT", min=1, max=100, help="Of the kernels that are to go, at which it ends.")
    ] = 100,
    at_once: Annotated[int, typer.Option("--at-once", metavar="N", min=1, help="Kernels a step: faster, rougher.")] = 1,
    column: Column = None,
    seed: Seed = None,
    segments: Segments = None,
    pictures: Pictures = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Take kernels out, the most alike and the least useful first, while the network hears as well.

    It ends when accuracy on the validation part would fall by more than the limit, when enough are gone, or when it was
    trained as often as --tune says; and it reports what that costs on the test part. Networks: raw, vgg, conv, deep,
    columns.
    """
    from dreampedal.cli.judging import judged
    from dreampedal.cli.judging import prune as run

    chosen = judged(sounds, column, None, seed, segments or [], jobs)
    run(checkpoint, chosen, out, limit / 100, tune, epochs, enough / 100, at_once, pictures, as_json)
