"""What `doctor` is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from dreampedal.console.options import AsJson


@dataclass(frozen=True)
class Doctor:
    """What is measured, and through what."""

    preset: Annotated[str, typer.Option(metavar="NAME", help="What is played, by name or path.")] = "hall_of_flutes"
    input: Annotated[str | None, typer.Option(metavar="DEV", help="As for live.")] = None
    output: Annotated[str | None, typer.Option(metavar="DEV", help="As for live.")] = None
    sample_rate: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Sample rate; else the device's own.")
    ] = None
    block_size: Annotated[
        int | None, typer.Option("--block", metavar="SAMPLES", help="For the loopback; else as for live.")
    ] = None
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="As for live.")] = None
    seconds: Annotated[float, typer.Option(metavar="S", help="How long each block size is played.")] = 3.0
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Measure the round trip: connect the output to the input first.")
    ] = False
    as_json: AsJson = False
