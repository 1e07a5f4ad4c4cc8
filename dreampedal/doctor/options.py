"""What `doctor` is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dreampedal.console.options import AsJson, option


@dataclass(frozen=True)
class Doctor:
    """What is measured, and through what."""

    preset: Annotated[str, option("--preset NAME", "What is played, by name or path.")] = "hall_of_flutes"
    input: Annotated[str | None, option("--input DEV", "As for live.")] = None
    output: Annotated[str | None, option("--output DEV", "As for live.")] = None
    sample_rate: Annotated[float | None, option("--rate HZ", "Sample rate; else the device's own.")] = None
    block_size: Annotated[int | None, option("--block SAMPLES", "For the loopback; else as for live.")] = None
    mode: Annotated[str | None, option("--mode MODE", "As for live.")] = None
    seconds: Annotated[float, option("--seconds S", "How long each block size is played.")] = 3.0
    loopback: Annotated[
        bool, option("--loopback", "Measure the round trip: connect the output to the input first.")
    ] = False
    as_json: AsJson = False
