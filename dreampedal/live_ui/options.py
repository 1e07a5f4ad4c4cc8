"""What `live` is told: what to play, and through what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from dreampedal.console.options import AsJson, option


@dataclass(frozen=True)
class Live:
    """A session; the process of the sound gets it whole."""

    presets: Annotated[
        list[str], option("--preset NAME", "By name or path; the first plays, keys and MIDI reach the others.")
    ] = field(default_factory=list)
    input: Annotated[str | None, option("--input DEV", "Device by name, part of a name, or number.")] = None
    output: Annotated[str | None, option("--output DEV", "The same; else the system's own choice.")] = None
    sample_rate: Annotated[float | None, option("--rate HZ", "Sample rate; else the device's own.")] = None
    channels: Annotated[int | None, option("--channels N", "1 to 8; else 2, or 1 where there is one.")] = None
    block_size: Annotated[
        int | None, option("--block SAMPLES", "At least 32; else the JACK server's period, 128 elsewhere.")
    ] = None
    buffer_blocks: Annotated[int, option("--buffers BLOCKS", "Least blocks of reserve; each adds latency.")] = 1
    mode: Annotated[str | None, option("--mode MODE", "studio, live or instant; else as presets say, or live.")] = None
    settings: Annotated[list[str], option("--set KEY=VALUE", "Change a parameter: amount=0.5.")] = field(
        default_factory=list
    )
    midi: Annotated[str | None, option("--midi PORT", "MIDI input by name or part of it; else the first.")] = None
    midi_virtual: Annotated[bool, option("--midi-virtual", "Make a MIDI input for others.")] = False
    learn: Annotated[
        str | None,
        option("--learn PARAMETER", "The next knob that moves (endless: both ways) is for it: amount, 1.mix."),
    ] = None
    record: Annotated[Path | None, option("--record DIR", "Keep a take in a new folder inside.")] = None
    seconds: Annotated[float | None, option("--seconds S", "End after so long; else q or Ctrl-C.")] = None
    ceiling_db: Annotated[float, option("--ceiling DB", "Sample peaks stay under this, in dBFS.")] = -1.0
    as_json: AsJson = False
