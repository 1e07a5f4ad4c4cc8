"""Verbs that train networks on a user's own sounds: `train folder`, `train networks`, `search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder of sounds for each class, or with a manifest.csv.")
]
Network = Annotated[str, typer.Option(metavar="NAME", help="See `dreampedal train networks`.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the network: depth=4.")
]
Plan = Annotated[
    list[str] | None, typer.Option("--plan", metavar="KEY=VALUE", help="How to train: learning_rate=0.01, mixup=0.2.")
]
Segments = Annotated[
    list[str] | None, typer.Option("--segment", metavar="KEY=VALUE", help="How sounds are cut: seconds=3, trim_db=60.")
]
Heard = Annotated[
    list[str] | None, typer.Option("--input", metavar="KEY=VALUE", help="What is heard of a sound: kind=mel, bands=64.")
]
Column = Annotated[str, typer.Option(metavar="NAME", help="Of a manifest.csv: the column with the classes.")]
Copies = Annotated[int, typer.Option(metavar="N", min=0, help="Changed copies of each training clip.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is random; the same seed trains the same network.")]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="At most so many; else as the plan says.")]
Jobs = Annotated[int, typer.Option(min=1, help="Recordings encoded at the same time.")]
Device = Annotated[str, typer.Option(metavar="DEV", help="auto, cpu or cuda.")]


def register(app: typer.Typer, train: typer.Typer) -> None:
    """Add the verbs: `search` to `app`, the others to `train`."""
    train.command(
        "folder",
        short_help="Train a network on a folder of sounds.",
        epilog="\b\nExamples:\n  dreampedal train folder sounds --network vgg --out sounds.safetensors\n"
        "  dreampedal train folder sounds --network raw --out raw.onnx --plan epochs=40 --plan mixup=0.2\n"
        "  torchrun --nproc-per-node 4 -m dreampedal train folder sounds --network deep --out deep.safetensors",
    )(folder)
    train.command("networks", short_help="List the networks.", epilog="Example: dreampedal train networks --json")(
        networks
    )
    app.command(
        "search",
        short_help="Search for the best settings of a network.",
        epilog="\b\nExamples:\n  dreampedal search sounds --network vgg --trials 20 --run search\n"
        "  dreampedal search sounds --network vgg --run search --workers 2 --vary depth=2..5 --vary pooling=max,mean "
        "--vary plan.learning_rate=1e-4..1e-2",
    )(search)


def folder(
    sounds: Folder,
    network: Network,
    out: Annotated[Path, typer.Option(metavar="FILE", help="What to write: .safetensors or .onnx.")],
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For logs and checkpoints; one that is there is gone on with.")
    ] = None,
    settings: Settings = None,
    plan: Plan = None,
    segments: Segments = None,
    heard: Heard = None,
    column: Column = "genre",
    copies: Copies = 0,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Published weights to begin with (vgg19, inception_v3).")
    ] = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    minutes: Annotated[float | None, typer.Option(metavar="M", help="Stop after so long.")] = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a network to tell the sounds of some folders apart, and say how well it does on recordings kept aside.

    Recordings, not clips, are split: 80 % for training, 10 % to choose by, 10 % to judge on. A training that was
    interrupted is gone on with by the same command.
    """
    from dreampedal.cli.training import train_folder as work
    from dreampedal.cli.training import wanted

    order = wanted(
        sounds, network, column, settings, plan, segments, heard, copies, seed, epochs, minutes, jobs, weights
    )
    work(order, out, run, device, as_json)


def networks(as_json: AsJson = False) -> None:
    """List the networks that can be trained, what each hears, and its settings with their defaults."""
    from dreampedal.cli.training import networks as work

    work(as_json)


def search(
    sounds: Folder,
    network: Network,
    run: Annotated[Path, typer.Option(metavar="DIR", help="For the study; one that is there is gone on with.")],
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="In all, those of earlier runs counted.")] = 20,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Trials at the same time.")] = 1,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=CHOICES", help="depth=2..5, pooling=max,mean, plan.learning_rate=1e-4..1e-2."),
    ] = None,
    settings: Settings = None,
    plan: Plan = None,
    segments: Segments = None,
    heard: Heard = None,
    column: Column = "genre",
    copies: Copies = 0,
    seed: Seed = 0,
    epochs: Epochs = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Try settings of a network, each trial chosen by what came of those before, and list them, best first.

    Trials that fall behind are given up early. Without --vary, the network's own settings and the learning rate vary.
    """
    from dreampedal.cli.training import search as work
    from dreampedal.cli.training import wanted

    order = wanted(sounds, network, column, settings, plan, segments, heard, copies, seed, epochs, None, jobs)
    work(order, run, trials, workers, vary or [], device, as_json)
