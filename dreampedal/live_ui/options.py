"""What `live` is told: what to play, and through what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from dreampedal.console.options import AsJson


@dataclass(frozen=True)
class Live:
    """A session; the process of the sound gets it whole."""

    presets: Annotated[
        list[str],
        typer.Option(
            "--preset", metavar="NAME", help="By name or path; the first plays, keys and MIDI reach the others."
        ),
    ] = field(default_factory=list)
    input: Annotated[str | None, typer.Option(metavar="DEV", help="Device by name, part of a name, or number.")] = None
    output: Annotated[str | None, typer.Option(metavar="DEV", help="The same; else the system's own choice.")] = None
    sample_rate: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Sample rate; else the device's own.")
    ] = None
    channels: Annotated[int | None, typer.Option(metavar="N", help="1 to 8; else 2, or 1 where there is one.")] = None
    block_size: Annotated[
        int | None,
        typer.Option("--block", metavar="SAMPLES", help="At least 32; else the JACK server's period, 128 elsewhere."),
    ] = None
    buffer_blocks: Annotated[
        int, typer.Option("--buffers", metavar="BLOCKS", help="Least blocks of reserve; each adds latency.")
    ] = 1
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="studio, live or instant; else as presets say, or live.")
    ] = None
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter: amount=0.5.")
    ] = field(default_factory=list)
    midi: Annotated[
        str | None, typer.Option(metavar="PORT", help="MIDI input by name or part of it; else the first.")
    ] = None
    midi_virtual: Annotated[bool, typer.Option("--midi-virtual", help="Make a MIDI input for others.")] = False
    learn: Annotated[
        str | None,
        typer.Option(
            metavar="PARAMETER", help="The next knob that moves (endless: both ways) is for it: amount, 1.mix."
        ),
    ] = None
    record: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep a take in a new folder inside.")] = None
    seconds: Annotated[float | None, typer.Option(metavar="S", help="End after so long; else q or Ctrl-C.")] = None
    ceiling_db: Annotated[
        float, typer.Option("--ceiling", metavar="DB", help="Sample peaks stay under this, in dBFS.")
    ] = -1.0
    as_json: AsJson = False
