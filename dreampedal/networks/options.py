"""What the verbs about networks are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from dreampedal.console.options import AsJson, sound_path

Texts = list[str]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder of sounds for each class, or with a manifest.csv.")
]
Network = Annotated[str, typer.Option(metavar="NAME", help="See `dreampedal train networks`.")]
Settings = Annotated[Texts, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the network: depth=4.")]
PlanTexts = Annotated[
    Texts, typer.Option("--plan", metavar="KEY=VALUE", help="How to train: learning_rate=0.01, mixup=0.2.")
]
Segments = Annotated[
    Texts, typer.Option("--segment", metavar="KEY=VALUE", help="How sounds are cut: seconds=3, trim_db=60.")
]
Input = Annotated[
    Texts, typer.Option("--input", metavar="KEY=VALUE", help="What is heard of a sound: kind=mel, bands=64.")
]
Column = Annotated[str, typer.Option(metavar="NAME", help="Of a manifest.csv: the column with the classes.")]
Copies = Annotated[int, typer.Option(metavar="N", min=0, help="Changed copies of each training clip.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is random; the same seed trains the same network.")]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="At most so many; else as the plan says.")]
Jobs = Annotated[int, typer.Option(min=1, help="Recordings encoded at the same time.")]
Device = Annotated[str, typer.Option(metavar="DEV", help="auto, cpu or cuda.")]
ColumnAsTrained = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a manifest.csv: the column with the classes; else as trained.")
]
SeedAsTrained = Annotated[int | None, typer.Option(min=0, help="Of the split into parts; else as trained.")]
SegmentsAsTrained = Annotated[
    Texts, typer.Option("--segment", metavar="KEY=VALUE", help="How sounds are cut, if not as trained.")
]
Pictures = Annotated[Path | None, typer.Option(metavar="DIR", help="A folder to draw into; it is made.")]


@dataclass(frozen=True)
class Classify:
    """Recordings, and the model that names them."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", parser=sound_path, help="Recordings: wav, flac, aiff, ogg, opus, mp3, m4a."),
    ]
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="A model by name, or the path of one; else genres, or notes.")
    ] = None
    clips: Annotated[int, typer.Option(min=1, max=1000, help="Clips drawn at random from each recording.")] = 12
    seed: Annotated[int, typer.Option(min=0, help="Of the draw; the same gives the same clips.")] = 0
    top: Annotated[int, typer.Option(min=1, help="Classes to show, the likeliest first.")] = 5
    as_json: AsJson = False


@dataclass(frozen=True)
class Export:
    """A checkpoint, and the model that it becomes."""

    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="What training saved (.safetensors).")]
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The model to write (.onnx).")]
    name: Annotated[str | None, typer.Option(help="Of the model; else that of the file, as a label.")] = None
    kind: Annotated[str, typer.Option(help="auto, ascent, classifier or waveform.")] = "auto"
    data: Annotated[str | None, typer.Option(help="What it was trained on, for the manifest.")] = None
    licence: Annotated[str | None, typer.Option(help="Of what it was trained on.")] = None
    as_json: AsJson = False


@dataclass(frozen=True)
class Evaluate:
    """A model, and the set, the soundfonts or the recordings that it is judged on."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by name, or the path of one or a checkpoint.")]
    sounds: Annotated[
        Path | None, typer.Option("--set", metavar="FOLDER", help="A folder for each class, or with a manifest.csv.")
    ] = None
    part: Annotated[
        str | None,
        typer.Option(metavar="PART", help="all, training, validation, test, or as in the manifest's column split."),
    ] = None
    column: ColumnAsTrained = None
    seed: SeedAsTrained = None
    segments: SegmentsAsTrained = field(default_factory=list)
    pictures: Pictures = None
    jobs: Jobs = 1
    soundfonts: Annotated[
        list[Path], typer.Option("--soundfont", metavar="FILE", help="No set: notes of this soundfont, by family.")
    ] = field(default_factory=list)
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="No set: recordings named by instrument, by family.")
    ] = None
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of the soundfont: who is taken for whom (png).")
    ] = None
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.sounds is None and self.pictures is not None:
            raise ValueError("--pictures is for a set: --set FOLDER is missing")
        if self.sounds is not None and (self.soundfonts or self.folder is not None or self.picture is not None):
            raise ValueError("--set goes without --soundfont, --folder and --picture")


@dataclass(frozen=True)
class Prune:
    """A checkpoint, how much smaller it is made, and the set that says what that costs."""

    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A trained network (.safetensors).")]
    sounds: Annotated[Path, typer.Option("--set", metavar="FOLDER", help="The set that it was trained on.")]
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="What to write: .safetensors or .onnx.")]
    limit: Annotated[
        float, typer.Option(metavar="POINTS", min=0, max=100, help="What accuracy on validation may lose, of 100.")
    ] = 1.0
    tune: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Times to take a quarter of the kernels out and train a little."),
    ] = 0
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Of each of these.")] = 5
    enough: Annotated[
        float, typer.Option(metavar="PERCENT", min=1, max=100, help="Of the kernels that are to go, at which it ends.")
    ] = 100
    at_once: Annotated[int, typer.Option("--at-once", metavar="N", min=1, help="Kernels a step: faster, rougher.")] = 1
    column: ColumnAsTrained = None
    seed: SeedAsTrained = None
    segments: SegmentsAsTrained = field(default_factory=list)
    pictures: Pictures = None
    jobs: Jobs = 1
    as_json: AsJson = False


@dataclass(frozen=True)
class TrainNotes:
    """Soundfonts, and the shipped network trained on them again."""

    soundfonts: Annotated[list[Path], typer.Option("--soundfont", metavar="FILE", help="A General MIDI soundfont.")]
    out: Annotated[Path, typer.Option(help="The model to write.")] = Path("notes.onnx")
    seed: Annotated[int, typer.Option(help="Of all that is random; the same seed trains the same model.")] = 0
    minutes: Annotated[float | None, typer.Option(help="Stop early, after this long.")] = None
    as_json: AsJson = False


@dataclass(frozen=True)
class TrainFolder:
    """A folder of sounds, and the network that is trained on it."""

    sounds: Folder
    network: Network
    out: Annotated[Path, typer.Option(metavar="FILE", help="What to write: .safetensors or .onnx.")]
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For logs and checkpoints; one that is there is gone on with.")
    ] = None
    settings: Settings = field(default_factory=list)
    plan: PlanTexts = field(default_factory=list)
    segments: Segments = field(default_factory=list)
    input: Input = field(default_factory=list)
    column: Column = "genre"
    copies: Copies = 0
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Published weights to begin with (vgg19, inception_v3).")
    ] = None
    seed: Seed = 0
    epochs: Epochs = None
    minutes: Annotated[float | None, typer.Option(metavar="M", help="Stop after so long.")] = None
    jobs: Jobs = 1
    device: Device = "auto"
    as_json: AsJson = False


@dataclass(frozen=True)
class Search:
    """A folder of sounds, a network, and what is varied of it."""

    sounds: Folder
    network: Network
    run: Annotated[Path, typer.Option(metavar="DIR", help="For the study; one that is there is gone on with.")]
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="In all, those of earlier runs counted.")] = 20
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Trials at the same time.")] = 1
    vary: Annotated[
        list[str],
        typer.Option(metavar="KEY=CHOICES", help="depth=2..5, pooling=max,mean, plan.learning_rate=1e-4..1e-2."),
    ] = field(default_factory=list)
    settings: Settings = field(default_factory=list)
    plan: PlanTexts = field(default_factory=list)
    segments: Segments = field(default_factory=list)
    input: Input = field(default_factory=list)
    column: Column = "genre"
    copies: Copies = 0
    seed: Seed = 0
    epochs: Epochs = None
    jobs: Jobs = 1
    device: Device = "auto"
    as_json: AsJson = False
