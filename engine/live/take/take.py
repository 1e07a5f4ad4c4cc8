"""A take: what was played live, so that the same samples can be made of it again.

A folder with three kinds of files:

    header.json       what it was played through: rates, blocks, the board as TOML, the models, the libraries
    input-0001.wav    the input as the engine heard it, float32, and more of them when it is long
    changes.jsonl     what happened, one JSON object a line, each at its sample

Every half second a line of the kind `whole` closes what came before it: how many samples there are by now, and
checksums of the input, of what was heard, and of the lines themselves. A take that was cut off at any moment is whole
up to the last such line; whatever comes after is left out. Damage before it is told, never played. The checksums are
those of one kind of processor; a few samples beside them tell how far another one is from what was heard.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Annotated, Any

from pydantic import Field

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.player.changes import Bypass, Change, Panic, Resume, Set, Swap, paths
from dreampedal.engine.runtime.blocks import MAX_CHANNELS

FORMAT = "dreampedal take"
VERSION = 1
HEADER, LOG = "header.json", "changes.jsonl"

LIBRARIES = ("dreampedal", "numba", "numpy", "onnxruntime", "onnxruntime-gpu", "pedalboard")
"""Those whose version may change a sample."""

Index = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Changed:
    """A change, at the sample of the input where the player cuts; panic and resume, at that of the output."""

    at: int
    change: Change


@dataclass(frozen=True)
class Held:
    """Inference missed this hop of one spectral stream."""

    program: Index
    """The board: 0 for the first, then the number of its `Swap`."""
    stream: Index
    """Place among the spectral streams of that board."""
    hop: Index


@dataclass(frozen=True)
class LateBlock:
    """The worker missed this block of the output: the dry sound was played."""

    block: Index


@dataclass(frozen=True)
class Skipped:
    """Blocks of the input that the worker left out to catch up, both ends included."""

    first: Index
    last: Index


@dataclass(frozen=True)
class Restarted:
    """The device was gone; here it came back."""

    at: Index


Entry = Changed | Held | LateBlock | Skipped | Restarted


@dataclass(frozen=True)
class FileStart:
    """Another file of sound begins with this sample."""

    file: Annotated[str, Field(pattern=r"^input-\d{4,9}\.wav$")]
    at: Index


@dataclass(frozen=True)
class Stretch:
    """The samples from `first` up to `end`, whole and checked."""

    first: Index
    end: Index
    input: Index
    """CRC-32 of the input, channels side by side, float32."""
    heard: Index
    """CRC-32 of the output."""
    last: bool = False
    """Whether the take ended here, as it should."""
    samples: str = ""
    """A few samples of the output (see `take_samples`); empty in takes that were recorded without."""


CHANGES: dict[str, type[Any]] = {"set": Set, "swap": Swap, "bypass": Bypass, "panic": Panic, "resume": Resume}
KINDS: dict[str, type[Any]] = {
    "held": Held, "late": LateBlock, "skipped": Skipped, "restarted": Restarted, "file": FileStart, "whole": Stretch,
}  # fmt: skip
MOST_LATENCY_SECONDS = 60
"""No take that can be right has more, and no damaged one shall take all memory."""

_KIND_OF = {cls: kind for kind, cls in (CHANGES | KINDS).items()}


@dataclass(frozen=True)
class Header:
    """What a take was played through."""

    sample_rate: Annotated[int, Field(ge=8_000, le=384_000)]
    channels: Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
    block_size: Annotated[int, Field(ge=1)]
    buffer_blocks: Annotated[int, Field(ge=0)]
    latency: Index
    """Of the board, in samples; `buffer_blocks` blocks come on top."""
    ceiling_db: Annotated[float, Field(ge=-60, le=0)]
    board: str
    """The board as TOML; empty if it cannot be described."""
    preset: str = ""
    models: dict[str, str] = field(default_factory=dict)
    """Content hash of each model, by the name that the board gives it."""
    libraries: dict[str, str] = field(default_factory=dict)
    processor: dict[str, str] = field(default_factory=dict)
    """What it was played on (see `processor`); empty in takes that do not say."""
    began: str = ""
    """Date and time, ISO 8601."""
    format: str = FORMAT
    version: int = VERSION

    @property
    def total_latency(self) -> int:
        """From input blocks to output blocks, in samples."""
        return self.latency + self.buffer_blocks * self.block_size


def line_of(entry: Entry | FileStart) -> str:
    """An entry as its line in the log.

    >>> line_of(Changed(48_000, Set("1", "amount", 0.5)))
    '{"kind": "set", "at": 48000, "path": "1", "name": "amount", "value": 0.5}'
    """
    if isinstance(entry, Changed):
        table = {"kind": _KIND_OF[type(entry.change)], "at": entry.at} | asdict(entry.change)
        if isinstance(entry.change, Set) and not isinstance(entry.change.value, float | int | str):
            table["value"] = entry.change.value.name  # a choice of a native plugin
    else:
        table = {"kind": _KIND_OF[type(entry)]} | asdict(entry)
    return json.dumps(table, allow_nan=False)


def closing_line(stretch: Stretch, lines: str) -> str:
    """The line that closes a stretch, with a checksum of `lines`, those since the last such line, and of itself."""
    said = json.dumps({"kind": "whole"} | asdict(stretch))
    return f'{said[:-1]}, "lines": {zlib.crc32((lines + said).encode())}}}'


def installed() -> dict[str, str]:
    """Versions of the libraries that make the sound, as far as they are there."""
    there = {found.metadata["Name"]: found.version for name in LIBRARIES for found in metadata.distributions(name=name)}
    return dict(sorted(there.items()))


def models_of(board: Rack) -> dict[str, str]:
    """Content hash of each model on a board, by the name that the board gives it."""
    played = [item.models() for _, item in paths(board) if isinstance(item, Effect)]
    return {name: content_hash for models in played for name, content_hash in models.items()}
