"""What the verbs about networks are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from dreampedal.console.options import AsJson, option, sound_path

Texts = list[str]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder of sounds for each class, or with a manifest.csv.")
]
Network = Annotated[str, option("--network NAME", "See `dreampedal train networks`.")]
Settings = Annotated[Texts, option("--set KEY=VALUE", "A setting of the network: depth=4.")]
PlanTexts = Annotated[Texts, option("--plan KEY=VALUE", "How to train: learning_rate=0.01, mixup=0.2.")]
Segments = Annotated[Texts, option("--segment KEY=VALUE", "How sounds are cut: seconds=3, trim_db=60.")]
Input = Annotated[Texts, option("--input KEY=VALUE", "What is heard of a sound: kind=mel, bands=64.")]
Column = Annotated[str, option("--column NAME", "Of a manifest.csv: the column with the classes.")]
Copies = Annotated[int, option("--copies N", "Changed copies of each training clip.", min=0)]
Seed = Annotated[int, option("--seed", "Of all that is random; the same seed trains the same network.", min=0)]
Epochs = Annotated[int | None, option("--epochs N", "At most so many; else as the plan says.")]
Jobs = Annotated[int, option("--jobs", "Recordings encoded at the same time.", min=1)]
Device = Annotated[str, option("--device DEV", "auto, cpu or cuda.")]
ColumnAsTrained = Annotated[
    str | None, option("--column NAME", "Of a manifest.csv: the column with the classes; else as trained.")
]
SeedAsTrained = Annotated[int | None, option("--seed", "Of the split into parts; else as trained.", min=0)]
SegmentsAsTrained = Annotated[Texts, option("--segment KEY=VALUE", "How sounds are cut, if not as trained.")]
Pictures = Annotated[Path | None, option("--pictures DIR", "A folder to draw into; it is made.")]


@dataclass(frozen=True)
class Classify:
    """Recordings, and the model that names them."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", parser=sound_path, help="Recordings: wav, flac, aiff, ogg, opus, mp3, m4a."),
    ]
    model: Annotated[
        str | None, option("--model NAME", "A model by name, or the path of one; else genres, or notes.")
    ] = None
    clips: Annotated[int, option("--clips", "Clips drawn at random from each recording.", min=1, max=1000)] = 12
    seed: Annotated[int, option("--seed", "Of the draw; the same gives the same clips.", min=0)] = 0
    top: Annotated[int, option("--top", "Classes to show, the likeliest first.", min=1)] = 5
    as_json: AsJson = False


@dataclass(frozen=True)
class Export:
    """A checkpoint, and the model that it becomes."""

    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="What training saved (.safetensors).")]
    out: Annotated[Path, option("-o --out FILE", "The model to write (.onnx).")]
    name: Annotated[str | None, option("--name", "Of the model; else that of the file, as a label.")] = None
    kind: Annotated[str, option("--kind", "auto, ascent, classifier or waveform.")] = "auto"
    data: Annotated[str | None, option("--data", "What it was trained on, for the manifest.")] = None
    licence: Annotated[str | None, option("--licence", "Of what it was trained on.")] = None
    as_json: AsJson = False


@dataclass(frozen=True)
class Evaluate:
    """A model, and the set, the soundfonts or the recordings that it is judged on."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by name, or the path of one or a checkpoint.")]
    sounds: Annotated[Path | None, option("--set FOLDER", "A folder for each class, or with a manifest.csv.")] = None
    part: Annotated[
        str | None, option("--part PART", "all, training, validation, test, or as in the manifest's column split.")
    ] = None
    column: ColumnAsTrained = None
    seed: SeedAsTrained = None
    segments: SegmentsAsTrained = field(default_factory=list)
    pictures: Pictures = None
    jobs: Jobs = 1
    soundfonts: Annotated[list[Path], option("--soundfont FILE", "No set: notes of this soundfont, by family.")] = (
        field(default_factory=list)
    )
    folder: Annotated[Path | None, option("--folder DIR", "No set: recordings named by instrument, by family.")] = None
    picture: Annotated[Path | None, option("--picture FILE", "Of the soundfont: who is taken for whom (png).")] = None
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.sounds is None and self.pictures is not None:
            raise ValueError("--pictures is for a set: --set FOLDER is missing")
        if self.sounds is not None and (self.soundfonts or self.folder is not None or self.picture is not None):
            raise ValueError("--set goes without --soundfont, --folder and --picture")


@dataclass(frozen=True)
class Judge:
    """Recordings, the dream that is made of them or was, and who judges it."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", parser=sound_path, help="Recordings to dream of; with --dry, dreams."),
    ]
    target: Annotated[str | None, option("--target TARGET", "class:NAME, a family; else that of the preset.")] = None
    preset: Annotated[str | None, option("--preset NAME", "A preset by name, or the path of one; else Dream.")] = None
    model: Annotated[str | None, option("--model NAME", "A model by name, or the path of one; else the effect's.")] = (
        None
    )
    mode: Annotated[str | None, option("--mode MODE", "studio, live or instant.")] = None
    settings: Annotated[
        list[str], option("--set KEY=VALUE", "Change a parameter: reach_db=12, or 1.mix=0.3 for effect 1.")
    ] = field(default_factory=list)
    dry: Annotated[
        list[Path], option("--dry FILE", "The recording before, where FILE is the dream; once for each.")
    ] = field(default_factory=list)
    judges: Annotated[list[str], option("--judge NAME", "A classifier that judges, in place of those that ship.")] = (
        field(default_factory=list)
    )
    pictures: Pictures = None
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.dry:
            if self.preset or self.model or self.mode or self.settings:
                raise ValueError("--dry is for a dream that was made: it goes without --preset, --model, --mode, --set")
            if len(self.dry) != len(self.files):
                raise ValueError(f"{len(self.files)} dreams and {len(self.dry)} --dry: expected one for each, in order")
        if self.preset is not None and self.model is not None:
            raise ValueError("--preset brings its own model: expected --preset or --model; --set model=NAME changes it")
        if self.preset is None and self.target is None:
            raise ValueError("--target is missing: class:flute, or a --preset that dreams of a family")


@dataclass(frozen=True)
class Prune:
    """A checkpoint, how much smaller it is made, and the set that says what that costs."""

    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A trained network (.safetensors).")]
    sounds: Annotated[Path, option("--set FOLDER", "The set that it was trained on.")]
    out: Annotated[Path, option("-o --out FILE", "What to write: .safetensors or .onnx.")]
    limit: Annotated[
        float, option("--limit POINTS", "What accuracy on validation may lose, of 100.", min=0, max=100)
    ] = 1.0
    tune: Annotated[
        int, option("--tune N", "Times to take a quarter of the kernels out and train a little.", min=0)
    ] = 0
    epochs: Annotated[int, option("--epochs N", "Of each of these.", min=1)] = 5
    enough: Annotated[
        float, option("--enough PERCENT", "Of the kernels that are to go, at which it ends.", min=1, max=100)
    ] = 100
    at_once: Annotated[int, option("--at-once N", "Kernels a step: faster, rougher.", min=1)] = 1
    column: ColumnAsTrained = None
    seed: SeedAsTrained = None
    segments: SegmentsAsTrained = field(default_factory=list)
    pictures: Pictures = None
    jobs: Jobs = 1
    as_json: AsJson = False


@dataclass(frozen=True)
class TrainNotes:
    """Soundfonts, and the shipped network trained on them again."""

    soundfonts: Annotated[list[Path], option("--soundfont FILE", "A General MIDI soundfont.")]
    out: Annotated[Path, option("--out", "The model to write.")] = Path("notes.onnx")
    seed: Annotated[int, option("--seed", "Of all that is random; the same seed trains the same model.")] = 0
    minutes: Annotated[float | None, option("--minutes", "Stop early, after this long.")] = None
    as_json: AsJson = False


@dataclass(frozen=True)
class TrainFolder:
    """A folder of sounds, and the network that is trained on it."""

    sounds: Folder
    network: Network
    out: Annotated[Path, option("--out FILE", "What to write: .safetensors or .onnx.")]
    run: Annotated[Path | None, option("--run DIR", "For logs and checkpoints; one that is there is gone on with.")] = (
        None
    )
    settings: Settings = field(default_factory=list)
    plan: PlanTexts = field(default_factory=list)
    segments: Segments = field(default_factory=list)
    input: Input = field(default_factory=list)
    column: Column = "genre"
    copies: Copies = 0
    weights: Annotated[
        Path | None, option("--weights FILE", "Published weights to begin with (vgg19, inception_v3).")
    ] = None
    seed: Seed = 0
    epochs: Epochs = None
    minutes: Annotated[float | None, option("--minutes M", "Stop after so long.")] = None
    jobs: Jobs = 1
    device: Device = "auto"
    as_json: AsJson = False


@dataclass(frozen=True)
class Search:
    """A folder of sounds, a network, and what is varied of it."""

    sounds: Folder
    network: Network
    run: Annotated[Path, option("--run DIR", "For the study; one that is there is gone on with.")]
    trials: Annotated[int, option("--trials N", "In all, those of earlier runs counted.", min=1)] = 20
    workers: Annotated[int, option("--workers N", "Trials at the same time.", min=1)] = 1
    vary: Annotated[
        list[str], option("--vary KEY=CHOICES", "depth=2..5, pooling=max,mean, plan.learning_rate=1e-4..1e-2.")
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


@dataclass(frozen=True)
class Distil:
    """Sounds, those who teach, and the student that they make."""

    out: Annotated[Path, option("-o --out FILE", "The model to write (.onnx).")]
    soundfonts: Annotated[
        list[Path],
        option("--soundfont FILE", "Its phrases teach listeners, and are dreamt on; .sf2, .sf3, a folder of patches."),
    ] = field(default_factory=list)
    sounds: Annotated[list[Path], option("--sounds FOLDER", "Recordings to dream on too; no labels are needed.")] = (
        field(default_factory=list)
    )
    targets: Annotated[
        Texts,
        option("--target EXPR", "What it can be asked for: class:flute, conv3:5, a mixture; else the eleven families."),
    ] = field(default_factory=list)
    teachers: Annotated[
        Texts,
        option(
            "--teacher MODEL",
            "An ascent model whose classes, layers, filters are taught; else notes, with all listeners.",
        ),
    ] = field(default_factory=list)
    listeners: Annotated[
        Texts, option("--listener NAME", "Of those taught on the soundfonts; else all seventeen, which is best.")
    ] = field(default_factory=list)
    carriers: Annotated[
        Texts,
        option(
            "--carrier NAME", "What it adds to the sound: below, deep, above, breath, or all; else it is gain alone."
        ),
    ] = field(default_factory=list)
    hours: Annotated[
        float, option("--hours H", "How long at most, on two cores: a fixed number of steps, whatever the clock says.")
    ] = 8.0
    quick: Annotated[bool, option("--quick", "An hour's version, the same as --hours 1.")] = False
    run: Annotated[Path | None, option("--run DIR", "For all parts; one that is there is gone on with.")] = None
    cache: Annotated[
        Path | None, option("--cache DIR", "For phrases and listeners that runs share; else in the run.")
    ] = None
    seed: Annotated[int, option("--seed", "Of all that is random; the same seed makes the same student.", min=0)] = 0
    jobs: Annotated[int, option("--jobs N", "Listeners taught side by side; changes no bit of the student.", min=1)] = 1
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.quick and self.hours != 8.0:
            raise ValueError(f"--quick is --hours 1: expected it without --hours {self.hours:g}")
