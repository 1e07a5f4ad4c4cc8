"""What `process` is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from dreampedal.console.options import AsJson, UsageError, option, sound_path


@dataclass(frozen=True)
class Process:
    """Recordings or a take, what they are played through, and what is written."""

    out: Annotated[
        str, option("-o --out PATH", "A file for one recording, a folder for several: dreams/")
    ]  # a text: a path would forget the slash at its end
    recordings: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", parser=sound_path, help="Recordings: wav, flac, aiff, ogg, opus, mp3, m4a."),
    ] = field(default_factory=list)
    preset: Annotated[str | None, option("--preset NAME", "A preset by name, or the path of one.")] = None
    settings: Annotated[
        list[str], option("--set KEY=VALUE", "Change a parameter: amount=0.5, or 1.mix=0.3 for effect 1.")
    ] = field(default_factory=list)
    phase: Annotated[str | None, option("--phase PHASE", "input or estimate: whose phase what is turned up has.")] = (
        None
    )
    ceiling_db: Annotated[float | None, option("--ceiling DB", "Keep sample peaks under this, in dBFS.")] = None
    ending: Annotated[str | None, option("--format", "wav, flac, aiff, ogg or mp3; else as named.")] = None
    bits: Annotated[int | None, option("--bits", "16, 24, or 32 for float (wav); else as the recording.")] = None
    jobs: Annotated[int, option("--jobs", "Recordings played at the same time.", min=1)] = 1
    take: Annotated[Path | None, option("--take DIR", "No recordings: a take of `live`, just as it was heard.")] = None
    master: Annotated[
        bool, option("--master", "The take as it was meant, nothing late; so it is with --set or --ceiling.")
    ] = False
    as_json: AsJson = False

    def __post_init__(self) -> None:
        if self.phase not in (None, "input", "estimate"):
            raise UsageError(f"--phase {self.phase}: expected input or estimate.")
        if self.take is None:
            if self.master:
                raise UsageError("--master is for a take: --take DIR is missing.")
            if not self.recordings:
                raise UsageError("Missing argument 'IN...'.")
            if self.preset is None:
                raise UsageError("Missing option '--preset'.")
        elif self.recordings or self.preset is not None:
            given = self.recordings[0] if self.preset is None else f"--preset {self.preset}"
            raise UsageError(f"--take brings its own sound and boards: {given} cannot go with it.")
        if self.bits not in (None, 16, 24, 32):
            raise ValueError(f"bits = {self.bits}: expected 16, 24, or 32")

    @property
    def changes(self) -> tuple[str, ...]:
        """All settings of the preset, that of its phase first."""
        return *([f"phase={self.phase}"] if self.phase else []), *self.settings
