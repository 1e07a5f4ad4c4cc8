"""All verbs, with their help and examples. What one needs is loaded when it runs, so that help is there at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from dreampedal.console.console import one_line
from dreampedal.console.options import AsJson, verb
from dreampedal.doctor.options import Doctor
from dreampedal.live_ui.options import Live
from dreampedal.networks.options import (
    Classify,
    Distil,
    Evaluate,
    Export,
    Judge,
    Prune,
    Search,
    TrainFolder,
    TrainNotes,
)
from dreampedal.rendering.options import Process


class Verbs(typer.core.TyperGroup):
    """All verbs. An EOFError, which typer takes for an end that was asked for, is what it is elsewhere: bad input."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise ValueError(f"a file that was read ended too early: {one_line(error)}") from error


app = typer.Typer(
    name="dreampedal",
    cls=Verbs,
    help="Play a sound through a neural network and turn up what the network hears in it.",
    epilog="Start with: dreampedal demo",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
train = typer.Typer(help="Train a network; needs the extra: pip install 'dreampedal[train]'.")
app.add_typer(train, name="train", short_help="Train a network on sounds.")


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Play a sound through a neural network and turn up what the network hears in it."""
    if version:
        from importlib import metadata  # a tenth of what help takes

        print(f"dreampedal {metadata.version('dreampedal')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(
    short_help="Play recordings through a preset.",
    epilog="\b\nExamples:\n  dreampedal process guitar.wav -o dream.wav --preset hall_of_flutes\n"
    "  dreampedal process guitar.wav -o dream.flac --preset hall_of_flutes --set amount=0.5 --ceiling -1\n"
    "  dreampedal process bass.wav -o flute.wav --preset hall_of_flutes --phase estimate --set fill=0.5\n"
    "  dreampedal process takes/*.wav -o dreamed/ --preset ./mine.toml --set 1.room_size=0.8 --jobs 4\n"
    "  dreampedal process --take takes/2026-11-21_20-15-03 -o again.wav\n"
    "  dreampedal process --take takes/2026-11-21_20-15-03 -o master.wav --set steps=8",
)
@verb
def process(options: Process) -> int:
    """Play recordings through a preset. Files of any length take the same memory, and none is left half-written.

    Or render a take of `dreampedal live` again.
    """
    if options.take is not None:
        from dreampedal.rendering.takes import process as render_take

        return render_take(options.take, options)
    from dreampedal.rendering.reports import process

    return process(options)


@app.command(
    short_help="Play an instrument live.",
    epilog="\b\nExamples:\n  dreampedal live --preset hall_of_flutes\n"
    "  dreampedal live --preset brass_edge --input Scarlett --output Scarlett --block 64 --mode instant\n"
    "  dreampedal live --preset bowed --preset organ_loft --midi nano --learn amount --record takes\n"
    "  dreampedal live --preset hall_of_flutes --seconds 10 --json",
)
@verb
def live(options: Live) -> None:
    """Play an instrument live through a preset, with meters, latency and counters on the screen.

    Keys: b bypass, p panic, r resume, n and N presets, tab and + - parameters, l MIDI learn, ? help, q quit.
    """
    from dreampedal.live_ui.session import run

    sys.exit(run(options))  # past `main`: a session that was interrupted has said how it was


@app.command(short_help="List audio and MIDI devices.", epilog="Example: dreampedal devices --json")
def devices(as_json: AsJson = False) -> int:
    """List what `live` can play through: audio devices with their channels and rates, and MIDI ports."""
    from dreampedal.doctor.devices import run

    return run(as_json)


@app.command(
    short_help="Say what this machine can do live.",
    epilog="\b\nExamples:\n  dreampedal doctor\n  dreampedal doctor --preset brass_edge --rate 44100 --mode instant\n"
    "  dreampedal doctor --loopback --input Scarlett --output Scarlett   (a cable or jack_connect)",
)
@verb
def doctor(options: Doctor) -> None:
    """Look at versions, devices and the time that a block takes, and recommend a block size for `live`."""
    from dreampedal.doctor.doctor import run

    run(options)


@app.command(short_help="List every preset.", epilog="Example: dreampedal presets --json")
def presets(as_json: AsJson = False) -> None:
    """List every preset, shipped and your own, with what it does."""
    from dreampedal.rendering.reports import presets

    presets(as_json)


@app.command(
    short_help="Dream a recording with every preset.",
    epilog="Example: dreampedal demo cello.wav voice.wav --out demo",
)
def demo(
    recordings: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings; else the shipped guitar.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the sounds and pictures; it is made.")] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Dream recordings with every shipped preset: a sound, a picture and a line of figures for each.

    Of several recordings, each has a folder of its own name.
    """
    from dreampedal.rendering.demo import run

    run(out, recordings or [], as_json)


@app.command(short_help="Prove that a model is whole and right.", epilog="Example: dreampedal verify notes")
def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by name, or the path of one.")],
    as_json: AsJson = False,
) -> None:
    """Prove a model: its structure, its manifest, its golden vectors, and that cutting a signal changes nothing."""
    from dreampedal.networks.models import verify

    verify(model, as_json)


@train.command("notes", epilog="Example: dreampedal train notes --soundfont FluidR3_GM.sf2 --out notes.onnx")
@verb
def train_notes(options: TrainNotes) -> None:
    """Train the shipped network again on notes of sampled instruments: 11 families, 20 minutes on two cores."""
    from dreampedal.networks.notes import train

    train(options)


@train.command(
    "folder",
    short_help="Train a network on a folder of sounds.",
    epilog="\b\nExamples:\n  dreampedal train folder sounds --network vgg --out sounds.safetensors\n"
    "  dreampedal train folder sounds --network raw --out raw.onnx --plan epochs=40 --plan mixup=0.2\n"
    "  torchrun --nproc-per-node 4 -m dreampedal train folder sounds --network deep --out deep.safetensors",
)
@verb
def train_folder(options: TrainFolder) -> None:
    """Train a network to tell the sounds of some folders apart, and say how well it does on recordings kept aside.

    Recordings, not clips, are split: 80 % for training, 10 % to choose by, 10 % to judge on. A training that was
    interrupted is gone on with by the same command.
    """
    from dreampedal.networks.training import train_folder

    train_folder(options)


@train.command("networks", short_help="List the networks.", epilog="Example: dreampedal train networks --json")
def train_networks(as_json: AsJson = False) -> None:
    """List the networks that can be trained, what each hears, and its settings with their defaults."""
    from dreampedal.networks.training import networks

    networks(as_json)


@app.command(
    short_help="Teach a student to dream at once what others hear.",
    epilog="\b\nExamples:\n"
    "  dreampedal distil -o heard.onnx --soundfont FluidR3_GM.sf2 --soundfont MuseScore.sf2 --sounds songs --jobs 2\n"
    "  dreampedal distil -o quick.onnx --soundfont FluidR3_GM.sf2 --target class:flute --target class:brass --quick\n"
    '  dreampedal distil -o filters.onnx --sounds recordings --teacher songs --target conv3:5 --target "conv2 + conv1"',
)
@verb
def distil(options: Distil) -> None:
    """Teach a small causal network, the student, what a long dream would find: it answers in one pass a hop.

    Seventeen listeners, unlike each other, are taught on phrases of the soundfonts; the student learns offsets that all
    of them hear, through resynthesis and random rooms. A target may also be a class, a layer or a filter of a model of
    your own (--teacher, as `dreampedal export` writes it). The same command goes on with a run that was interrupted, to
    the same bits.
    """
    from dreampedal.networks.distilling import distil

    distil(options)


@app.command(
    short_help="Search for the best settings of a network.",
    epilog="\b\nExamples:\n  dreampedal search sounds --network vgg --trials 20 --run search\n"
    "  dreampedal search sounds --network vgg --run search --workers 2 --vary depth=2..5 --vary pooling=max,mean "
    "--vary plan.learning_rate=1e-4..1e-2",
)
@verb
def search(options: Search) -> None:
    """Try settings of a network, each trial chosen by what came of those before, and list them, best first.

    Trials that fall behind are given up early. Without --vary, the network's own settings and the learning rate vary.
    """
    from dreampedal.networks.training import search

    search(options)


@app.command(
    short_help="Judge a model on sounds it never saw.",
    epilog="\b\nExamples:\n  dreampedal evaluate styles.safetensors --set sounds --pictures judged\n"
    "  dreampedal evaluate styles.onnx --set other_sounds --json\n"
    "  dreampedal evaluate notes --soundfont TimGM6mb.sf2",
)
@verb
def evaluate(options: Evaluate) -> None:
    """Judge what a model hears in sounds that it was not trained on, and what it takes for what.

    On a set, by clip and by recording: accuracy with an interval, precision, recall, F1 and calibration. Unless told
    which part, a network is judged on what its own training left aside of this set, and on all of any other.
    """
    if options.sounds is None:
        from dreampedal.networks.notes import evaluate as evaluate_on_notes

        evaluate_on_notes(options)
    else:
        from dreampedal.networks.judging import evaluate

        evaluate(options)


@app.command(
    short_help="Say what others hear in a dream.",
    epilog="\b\nExamples:\n  dreampedal judge guitar.wav --preset hall_of_flutes\n"
    "  dreampedal judge guitar.wav --target class:flute --set reach_db=12 --mode live --pictures heard\n"
    "  dreampedal judge wet.wav --dry guitar.wav --target class:flute --json",
)
@verb
def judge(options: Judge) -> int:
    """Have networks that took no part say what they hear before and after a dream, and what it costs the sound.

    Beside it stands what a plain equaliser reaches. Pitch kept: frames within 20 cents. Onsets: F measure within 50 ms.
    Loudness: the second in which it differs most. Pumping: envelope modulation from 4 to 16 Hz, after over before.
    """
    from dreampedal.networks.heard import judge

    return judge(options)


@app.command(
    short_help="Make a trained network smaller.",
    epilog="\b\nExamples:\n  dreampedal prune styles.safetensors --set sounds -o small.safetensors\n"
    "  dreampedal prune styles.safetensors --set sounds -o small.safetensors --tune 6 --at-once 8 --pictures out",
)
@verb
def prune(options: Prune) -> None:
    """Take kernels out, the most alike and the least useful first, while the network hears as well.

    It ends when accuracy on the validation part would fall by more than the limit, when enough are gone, or when it was
    trained as often as --tune says; and it reports what that costs on the test part. Networks: raw, vgg, conv, deep,
    columns.
    """
    from dreampedal.networks.judging import prune

    prune(options)


@app.command(
    short_help="Say what is heard in recordings.",
    epilog="\b\nExamples:\n  dreampedal classify guitar.wav\n"
    "  dreampedal classify songs/*.mp3 --model genres.onnx --clips 15 --json",
)
@verb
def classify(options: Classify) -> int:
    """Draw random clips from each recording, and pool what a model hears in them.

    A recording that is shorter than a clip is repeated until it fills one.
    """
    from dreampedal.networks.classifying import classify

    return classify(options)


@app.command(
    short_help="Write a trained network as one model file.",
    epilog="Example: dreampedal export runs/styles/best.safetensors -o styles.onnx --name styles",
)
@verb
def export(options: Export) -> None:
    """Write a network as one safe ONNX file with a manifest, and prove it against the original.

    By itself it becomes what it can dream as: ascent on bands, waveform on samples, and else a classifier.
    """
    from dreampedal.networks.models import export

    export(options)
