"""The verbs `classify` and `export`: what a trained network knows of a recording, and the file that it lives in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(
        short_help="Say what is heard in recordings.",
        epilog="\b\nExamples:\n  dreampedal classify guitar.wav\n"
        "  dreampedal classify songs/*.mp3 --model genres.onnx --clips 15 --json",
    )(classify)
    app.command(
        name="export",
        short_help="Write a trained network as one model file.",
        epilog="Example: dreampedal export runs/styles/best.safetensors -o styles.onnx --name styles",
    )(export)


def classify(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Recordings: wav, flac, aiff, ogg, opus, mp3, m4a.")
    ],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="A model by name, or the path of one; else genres, or notes.")
    ] = None,
    clips: Annotated[int, typer.Option(min=1, max=1000, help="Clips drawn at random from each recording.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw; the same gives the same clips.")] = 0,
    top: Annotated[int, typer.Option(min=1, help="Classes to show, the likeliest first.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Draw random clips from each recording, and pool what a model hears in them.

    A recording that is shorter than a clip is repeated until it fills one.
    """
    from dreampedal.cli.classifying import classify as run

    raise typer.Exit(run(files, model, clips, seed, top, as_json))


def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="What training saved (.safetensors).")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The model to write (.onnx).")],
    name: Annotated[str | None, typer.Option(help="Of the model; else that of the file, as a label.")] = None,
    kind: Annotated[str, typer.Option(help="auto, ascent, classifier or waveform.")] = "auto",
    data: Annotated[str | None, typer.Option(help="What it was trained on, for the manifest.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of what it was trained on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a network as one safe ONNX file with a manifest, and prove it against the original.

    By itself it becomes what it can dream as: ascent on bands, waveform on samples, and else a classifier.
    """
    from dreampedal.cli.classifying import export as run

    run(checkpoint, out, name, kind, data, licence, as_json)
