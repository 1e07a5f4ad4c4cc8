"""The command line. Verbs are thin: what they need is loaded when they run, so that help is there at once."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from dreampedal import __version__
from dreampedal.cli import file_verbs as cli_files
from dreampedal.cli import judge_verbs as cli_judge
from dreampedal.cli import train_verbs as cli_train
from dreampedal.console.console import fail, lacks_memory, one_line, quiet_libraries


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

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]
Soundfonts = Annotated[list[Path], typer.Option("--soundfont", metavar="FILE", help="A General MIDI soundfont.")]

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""What typer raises for every wrong use; it has no public name for it."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 when all went well, 2 with one line on stderr when not, 130 on Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name of a file that the terminal's encoding lacks is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with quiet_libraries():
            status = typer.main.get_command(app).main(arguments, prog_name="dreampedal", standalone_mode=False)
    except UsageError as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        status = fail(f"{one_line(ValueError(error.format_message()))}{hint}")
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except BrokenPipeError:
        # Whoever read the output has gone; what is left in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except (ValueError, OSError) as error:
        status = fail(one_line(error))
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        status = fail(one_line(error))
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "dreampedal":
            raise
        if isinstance(error, ModuleNotFoundError):
            status = fail(f"{error.name} is not installed: pip install 'dreampedal[train]' brings what this needs")
        else:  # it is there and cannot be loaded, for want of memory or of a library of the system's
            status = fail(f"a library cannot be loaded: {one_line(error)}")
    if status == 130:  # from here, or from typer, which says nothing
        fail("interrupted; no file was left half-written")
    sys.exit(status or 0)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Play a sound through a neural network and turn up what the network hears in it."""
    if version:
        print(f"dreampedal {__version__}")
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
def process(
    context: typer.Context,
    out: Annotated[  # a text: a path would forget the slash at its end
        str, typer.Option("-o", "--out", metavar="PATH", help="A file for one recording, a folder for several: dreams/")
    ],
    recordings: Annotated[
        list[Path] | None, typer.Argument(metavar="IN...", help="Recordings: wav, flac, aiff, ogg, opus, mp3, m4a.")
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="A preset by name, or the path of one.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter: amount=0.5, or 1.mix=0.3 for effect 1."),
    ] = None,
    phase: Annotated[
        str | None, typer.Option(metavar="PHASE", help="input or estimate: whose phase what is turned up has.")
    ] = None,
    ceiling: Annotated[float | None, typer.Option(metavar="DB", help="Keep sample peaks under this, in dBFS.")] = None,
    ending: Annotated[str | None, typer.Option("--format", help="wav, flac, aiff, ogg or mp3; else as named.")] = None,
    bits: Annotated[int | None, typer.Option(help="16, 24, or 32 for float (wav); else as the recording.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Recordings played at the same time.")] = 1,
    take: Annotated[
        Path | None, typer.Option(metavar="DIR", help="No recordings: a take of `live`, just as it was heard.")
    ] = None,
    master: Annotated[
        bool, typer.Option("--master", help="The take as it was meant, nothing late; so it is with --set or --ceiling.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play recordings through a preset. Files of any length take the same memory, and none is left half-written.

    Or render a take of `dreampedal live` again.
    """
    if phase not in (None, "input", "estimate"):
        raise UsageError(f"--phase {phase}: expected input or estimate.", context)
    settings = [*([f"phase={phase}"] if phase else []), *(settings or [])]
    if take is not None:
        if recordings or preset is not None:
            given = f"--preset {preset}" if preset is not None else str((recordings or [""])[0])
            raise UsageError(f"--take brings its own sound and boards: {given} cannot go with it.", context)
        from dreampedal.rendering.takes import process as render_take

        raise typer.Exit(render_take(take, out, settings, ceiling, ending, bits, master, as_json))
    if master:
        raise UsageError("--master is for a take: --take DIR is missing.", context)
    if not recordings:
        raise UsageError("Missing argument 'IN...'.", context)
    if preset is None:
        raise UsageError("Missing option '--preset'.", context)
    from dreampedal.rendering.reports import process as run

    raise typer.Exit(run(recordings, out, preset, settings, ceiling, ending, bits, jobs, as_json))


@app.command(
    short_help="Play an instrument live.",
    epilog="\b\nExamples:\n  dreampedal live --preset hall_of_flutes\n"
    "  dreampedal live --preset ghost_choir --input Scarlett --output Scarlett --block 64 --mode instant\n"
    "  dreampedal live --preset bowed --preset organ_loft --midi nano --learn amount --record takes\n"
    "  dreampedal live --preset hall_of_flutes --seconds 10 --json",
)
def live(
    preset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="By name or path; the first plays, keys and MIDI reach the others."),
    ] = None,
    input_device: Annotated[
        str | None, typer.Option("--input", metavar="DEV", help="Device by name, part of a name, or number.")
    ] = None,
    output_device: Annotated[
        str | None, typer.Option("--output", metavar="DEV", help="The same; else the system's own choice.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="HZ", help="Sample rate; else the device's own.")] = None,
    channels: Annotated[int | None, typer.Option(metavar="N", help="1 to 8; else 2, or 1 where there is one.")] = None,
    block: Annotated[
        int | None, typer.Option(metavar="SAMPLES", help="At least 32; else the JACK server's period, 128 elsewhere.")
    ] = None,
    buffers: Annotated[int, typer.Option(metavar="BLOCKS", help="Least blocks of reserve; each adds latency.")] = 1,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="studio, live or instant; else as presets say, or live.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter: amount=0.5.")
    ] = None,
    midi: Annotated[
        str | None, typer.Option(metavar="PORT", help="MIDI input by name or part of it; else the first.")
    ] = None,
    midi_virtual: Annotated[bool, typer.Option("--midi-virtual", help="Make a MIDI input for others.")] = False,
    learn: Annotated[
        str | None,
        typer.Option(
            metavar="PARAMETER", help="The next knob that moves (endless: both ways) is for it: amount, 1.mix."
        ),
    ] = None,
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep a take in a new folder inside.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="End after so long; else q or Ctrl-C.")] = None,
    ceiling: Annotated[float, typer.Option(metavar="DB", help="Sample peaks stay under this, in dBFS.")] = -1.0,
    as_json: AsJson = False,
) -> None:
    """Play an instrument live through a preset, with meters, latency and counters on the screen.

    Keys: b bypass, p panic, r resume, n and N presets, tab and + - parameters, l MIDI learn, ? help, q quit.
    """
    from dreampedal.live_ui.session import run
    from dreampedal.live_ui.talk import Opening

    opening = Opening(
        tuple(preset or ()), tuple(settings or ()), mode, input_device, output_device, rate, channels, block, buffers,
        ceiling, midi, midi_virtual, learn, str(record) if record else None,
    )  # fmt: skip
    sys.exit(run(opening, seconds, as_json))  # past `main`: a session that was interrupted has said how it was


@app.command(short_help="List audio and MIDI devices.", epilog="Example: dreampedal devices --json")
def devices(as_json: AsJson = False) -> None:
    """List what `live` can play through: audio devices with their channels and rates, and MIDI ports."""
    from dreampedal.doctor.devices import run

    raise typer.Exit(run(as_json))


@app.command(
    short_help="Say what this machine can do live.",
    epilog="\b\nExamples:\n  dreampedal doctor\n  dreampedal doctor --preset ghost_choir --rate 44100 --mode instant\n"
    "  dreampedal doctor --loopback --input Scarlett --output Scarlett   (a cable or jack_connect)",
)
def doctor(
    preset: Annotated[str, typer.Option(metavar="NAME", help="What is played, by name or path.")] = "hall_of_flutes",
    input_device: Annotated[str | None, typer.Option("--input", metavar="DEV", help="As for live.")] = None,
    output_device: Annotated[str | None, typer.Option("--output", metavar="DEV", help="As for live.")] = None,
    rate: Annotated[float | None, typer.Option(metavar="HZ", help="Sample rate; else the device's own.")] = None,
    block: Annotated[int | None, typer.Option(metavar="SAMPLES", help="For the loopback; else as for live.")] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="As for live.")] = None,
    seconds: Annotated[float, typer.Option(metavar="S", help="How long each block size is played.")] = 3.0,
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Measure the round trip: connect the output to the input first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at versions, devices and the time that a block takes, and recommend a block size for `live`."""
    from dreampedal.doctor.doctor import run

    raise typer.Exit(run(preset, input_device, output_device, rate, block, mode, seconds, loopback, as_json))


@app.command(short_help="List every preset.", epilog="Example: dreampedal presets --json")
def presets(as_json: AsJson = False) -> None:
    """List every preset, shipped and your own, with what it does."""
    from dreampedal.rendering.reports import presets as run

    run(as_json)


@app.command(short_help="Dream the shipped recording with every preset.", epilog="Example: dreampedal demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the sounds and pictures; it is made.")] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Dream the shipped recording with every shipped preset: a sound, a picture and a line of figures for each."""
    from dreampedal.rendering.demo import run

    run(out, as_json)


@app.command(short_help="Prove that a model is whole and right.", epilog="Example: dreampedal verify notes")
def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model by name, or the path of one.")],
    as_json: AsJson = False,
) -> None:
    """Prove a model: its structure, its manifest, its golden vectors, and that cutting a signal changes nothing."""
    from dreampedal.cli.models import verify as run

    run(model, as_json)


@train.command("notes", epilog="Example: dreampedal train notes --soundfont FluidR3_GM.sf2 --out notes.onnx")
def train_notes(
    soundfont: Soundfonts,
    out: Annotated[Path, typer.Option(help="The model to write.")] = Path("notes.onnx"),
    seed: Annotated[int, typer.Option(help="Of all that is random; the same seed trains the same model.")] = 0,
    minutes: Annotated[float | None, typer.Option(help="Stop early, after this long.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train the shipped network again on notes of sampled instruments: 11 families, 20 minutes on two cores."""
    from dreampedal.cli.models import train_notes as run

    run(soundfont, out, seed, minutes, as_json)


cli_train.register(app, train)
cli_judge.register(app)
cli_files.register(app)
