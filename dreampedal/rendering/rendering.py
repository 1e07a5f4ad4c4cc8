"""Recordings through a board, from file to file: what to do, doing it in constant memory, and what came of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.ceiling import Ceiling
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.ledger import ledger
from dreampedal.engine.sound.reading import SoundFile
from dreampedal.presets.loader import read_preset
from dreampedal.rendering.recordings import (
    BITS,
    finite_blocks,
    kept_bits,
    lossless_bits,
    not_finite,
    reading,
    writing,
)

_WRITTEN_AS = {".aif": ".aiff", ".aifc": ".aiff", ".bwf": ".wav", ".wave": ".wav", ".oga": ".ogg"}
"""Endings that can be read, and what is written for them."""


@dataclass(frozen=True)
class Sound:
    """What every file of a run is played through. Plain data, so that a worker can make the board itself."""

    preset: str
    settings: tuple[str, ...] = ()
    ceiling_db: float | None = None
    bits: int | None = None
    """Bit depth of what is written; None keeps that of the input."""

    def board(self) -> Board:
        """A board of its own, its models loaded; a ValueError if the preset, a setting or the ceiling is wrong."""
        if self.ceiling_db is not None:
            Ceiling(self.ceiling_db, 48_000)
        board = read_preset(self.preset, self.settings).board
        board.latency_at(48_000)
        return board


@dataclass(frozen=True)
class Task:
    """One recording, and the file that is written."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Rendered:
    """What was written."""

    source: str
    target: str
    seconds: float
    sample_rate: float
    channels: int
    bits: int | None
    """Bit depth of the file, 32 for float; None in a lossy format."""
    latency_samples: int
    """Of the board; the file is compensated for it."""
    lookahead_samples: int
    """What the board's effects wait for, of that: later frames, for the dream or for an estimated phase."""
    peak_db: float | None
    """Highest sample peak in dBFS, before the file's format clips it; None in silence."""
    overs: int
    """Samples beyond full scale. A format of whole numbers clips them."""
    elapsed_seconds: float
    """Time it took, with all that is made ready for the first recording."""
    times_real_time: float


def plan(sources: Sequence[Path], named: str, ending: str | None) -> list[Task]:
    """Which file is written for which, checked before anything is played.

    One recording goes to the file `named`; several, or one where the name ends in a slash, go into that folder under
    their own names. The folder need not be there, if the one above it is (see `folder_of`). `ending` (like "wav")
    chooses a format, which is else that of the name. A source that is not there, or is a folder, stops no other.
    """
    if not named:
        raise ValueError("the name of what to write is empty: expected a file, or a folder")
    out = Path(named)
    if ending is not None and f".{ending.lower().lstrip('.')}" not in BITS:
        raise ValueError(f"format {ending!r}: expected one of {_formats()}")
    slash = named.endswith(tuple(filter(None, (os.sep, os.altsep))))
    into_folder = out.is_dir() or len(sources) > 1 or slash
    if into_folder and not out.is_dir():
        if out.exists() or (out.suffix.lower() in BITS and not slash):
            raise ValueError(f"{out}: expected the name of a folder: each recording keeps its own name in it")
        if not out.parent.is_dir():
            raise ValueError(f"{out.parent}: no such folder; create it first")
    tasks = [Task(source, _target(source, out, into_folder, ending)) for source in sources]
    taken: dict[Path, Path] = {}
    for task in tasks:
        if not into_folder and not task.target.parent.is_dir():
            raise ValueError(f"{task.target.parent}: no such folder; create it first")
        if into_folder and (task.source.is_dir() or not task.source.exists()):
            continue  # no sound: it is told in its turn, and the others are played
        if task.target.suffix.lower() not in BITS:
            raise ValueError(
                f"{task.target}: format {task.target.suffix!r} cannot be written: expected one of {_formats()}"
                f"{'; --format chooses one' if into_folder else ''}"
            )
        if task.target in taken:
            raise ValueError(f"{task.source} and {taken[task.target]} would both be written to {task.target}")
        taken[task.target] = task.source
        for source in sources:
            if source.exists() and task.target.exists() and source.samefile(task.target):
                raise ValueError(f"{task.target} is one of the recordings to read: choose another name or folder")
    return tasks


@contextmanager
def folder_of(tasks: Sequence[Task]) -> Iterator[None]:
    """The folder that all targets go into, made if it is not there; it is gone again where nothing was written."""
    folder = tasks[0].target.parent
    made = not folder.is_dir()
    if made:
        folder.mkdir()
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # something is in it
                folder.rmdir()


def render(task: Task, board: Board, sound: Sound, progress: Callable[[float], None]) -> Rendered:
    """Play one recording through a board into its target. `progress` hears the fraction done.

    Raises:
        ValueError: for a recording that cannot be read or played to its end; the message names it. The target is then
            as it was before.
        OSError: for a target that cannot be written.
    """
    began = time.perf_counter()
    with reading(task.source) as recording:
        rate, channels = recording.sample_rate, recording.channels
        bits = sound.bits or lossless_bits(recording)
        ceiling = Ceiling(sound.ceiling_db, rate) if sound.ceiling_db is not None else None
        peak, overs, done = 0.0, 0, 0
        board.reset()
        try:
            latency = board.latency_at(rate)
            with writing(task.target, rate, channels, bits) as file:
                for block in _played(recording, board):
                    kept = ceiling.process(block) if ceiling else block
                    _require_finite(kept, done, rate)
                    file.write(kept)
                    peak = max(peak, float(np.abs(kept).max(initial=0)))
                    overs += int(np.count_nonzero(np.abs(kept) > 1))
                    done += block.shape[1]
                    progress(done / recording.samples)
        except ValueError as error:
            if str(error).startswith((str(task.source), str(task.target))):
                raise
            raise ValueError(f"{task.source}: {error}") from error
        except MemoryError as error:
            raise MemoryError(f"{task.source}: {error}") from error
        finally:
            board.reset()
        elapsed = time.perf_counter() - began
        return Rendered(
            source=str(task.source),
            target=str(task.target),
            seconds=round(recording.seconds, 3),
            sample_rate=rate,
            channels=channels,
            bits=kept_bits(task.target, bits),
            latency_samples=latency,
            lookahead_samples=_waited(board, rate),
            peak_db=round(20 * float(np.log10(peak)), 2) if peak else None,
            overs=overs,
            elapsed_seconds=round(elapsed, 3),
            times_real_time=round(recording.seconds / elapsed, 1),
        )


def _played(recording: SoundFile, board: Board) -> Iterator[NDArray[np.float32]]:
    """Blocks of a recording through a board, and the rest of it."""
    for block in finite_blocks(recording):
        yield board(block, recording.sample_rate, reset=False)
    yield board.flush()


def _waited(board: Board, rate: float) -> int:
    """Samples of look-ahead, of the dream and of an estimated phase, on the way through a board."""
    rows = ledger(board, board.latency_at(rate), rate, 0, 0, (0.0, 0.0)).rows
    return sum(row.samples for row in rows if row.name in ("look-ahead", "phase"))


def _require_finite(block: NDArray[np.float32], done: int, rate: float) -> None:
    """A ValueError for what no file can hold; a native plugin that is set beyond its means plays such a thing."""
    if found := not_finite(block):
        _, at, value = found
        raise ValueError(
            f"{value} comes out of the preset at {(done + at) / rate:.3f} s: expected finite samples; "
            "set what a plugin of it has too high or too low"
        )


def _target(source: Path, out: Path, into_folder: bool, ending: str | None) -> Path:
    """Where `source` goes."""
    if not into_folder:
        return out if ending is None or out.suffix else out.with_name(f"{out.name}.{ending}")
    suffix = f".{ending.lower().lstrip('.')}" if ending else _WRITTEN_AS.get(source.suffix.lower(), source.suffix)
    return out / f"{source.stem}{suffix}"


def _formats() -> str:
    return ", ".join(ending.removeprefix(".") for ending in BITS)
