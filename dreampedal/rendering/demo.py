"""The demo: recordings through every shipped preset, what came of it, and a picture of each.

Whatever is told here is measured on the files that were written, read and analysed afresh.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile
from rich.console import Console
from rich.markup import escape
from rich.table import Column

from dreampedal.console.console import print_json, say
from dreampedal.console.progress import bar
from dreampedal.console.tables import figures, print_table
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.measure import heard, loudness_db, matched, trace
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.player.changes import paths
from dreampedal.engine.model.student import StudentModel
from dreampedal.engine.runtime.files import written_whole
from dreampedal.engine.sound.reading import open_sound
from dreampedal.export.judge.heard.judges import Judge, levelled, shipped
from dreampedal.presets.loader import read_preset, shipped_presets
from dreampedal.presets.recording import DEMO_RECORDING
from dreampedal.rendering.rendering import Sound, Task, render

CEILING_DB = -1.0


@dataclass(frozen=True)
class Dry:
    """A recording before anything is done to it.

    Fields:
        file: it; folder: where what is made of it goes.
        audio: (channels, samples); rate: in Hz.
    """

    file: Path
    folder: Path
    audio: NDArray[np.float32]
    rate: float


@dataclass(frozen=True)
class Dreamed:
    """What a preset did to a recording."""

    recording: str
    preset: str
    title: str
    target: str
    file: str
    picture: str | None
    objective_before: float
    """What the network hears of the target in the recording: the mean over its frames."""
    objective_after: float
    """The same in the file that was written, at the loudness of the recording."""
    loudness_change_db: float
    latency_milliseconds: float
    times_real_time: float


def run(out: Path, recordings: Sequence[Path], as_json: bool) -> None:
    """Dream recordings with every shipped preset into the folder `out`, and show what came of it.

    Args:
        out: made if it is not there; of several recordings, each has a folder in it, of its own name.
        recordings: files; the shipped one if there are none.

    Raises:
        ValueError: for a recording that cannot be read, is silent or too short, before anything is written.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: expected the name of a folder")
    sources = [_read(path, out, len(recordings) > 1) for path in recordings or [DEMO_RECORDING]]
    if len({dry.folder for dry in sources}) < len(sources):
        raise ValueError("two recordings have one name: expected different ones, since each has a folder of its name")
    console = Console(stderr=True)
    draw = _painter(console)
    results = []
    for dry in sources:
        dry.folder.mkdir(parents=True, exist_ok=True)
        with written_whole(dry.folder / f"dry{dry.file.suffix}") as part:
            shutil.copyfile(dry.file, part)
    paths = list(shipped_presets().values())
    with bar() as progress:
        for number, (dry, path) in enumerate(product(sources, paths)):
            progress("dreaming", number, len(sources) * len(paths))
            results.append(_dream(path, dry, draw))
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for dry in sources:
            names = Column("preset", no_wrap=True), Column("turns up", min_width=18)
            columns = (*names, *figures("before", "after", "loudness", "latency", "speed"))
            title = escape(str(dry.file)) if len(sources) > 1 else None
            rows = [_row(result) for result in results if result.recording == str(dry.file)]
            print_table(columns, rows, title)
        print("Before and after: what the network hears of it; of a class that a student plays, the share that two")
        print("judges which took no part give it. Speed: times real time.")
        say(f"{len(results)} sounds{' and pictures' if draw else ''} are in {out}, beside the dry recording.")


def _read(path: Path, out: Path, several: bool) -> Dry:
    with open_sound(path) as sound:
        audio, rate = sound.read(), sound.sample_rate
    try:
        levelled(audio, rate)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Dry(path, out / path.stem if several else out, audio, rate)


def _dream(path: Path, dry: Dry, draw: Any) -> Dreamed:
    """One preset: its sound, its picture, its figures."""
    preset, rate = read_preset(path), dry.rate
    sound = Sound(str(path), ceiling_db=CEILING_DB)
    preset.board.stream(rate, len(dry.audio))  # loaded and compiled before the clock runs
    written = render(Task(dry.file, dry.folder / f"{path.stem}.wav"), preset.board, sound, lambda _: None)
    with AudioFile(written.target) as file:
        wet = file.read(file.frames)
    effect, before = _first_dream(preset.board)
    after = matched(wet, dry.audio, rate)
    picture = dry.folder / f"{path.stem}.png" if draw else None
    if draw:
        draw(picture, preset, effect, trace(effect, before(dry.audio, rate), rate), (dry.audio, after), rate)
    return Dreamed(
        recording=str(dry.file),
        preset=path.stem,
        title=preset.title,
        target=effect.target,
        file=written.target,
        picture=str(picture) if picture else None,
        objective_before=_heard(effect, dry.audio, rate),
        objective_after=_heard(effect, after, rate),
        loudness_change_db=loudness_db(wet, rate) - loudness_db(dry.audio, rate),
        latency_milliseconds=1000 * written.latency_samples / rate,
        times_real_time=written.times_real_time,
    )


def _heard(effect: SpectralEffect, sound: Any, rate: float) -> float:
    """What the effect's network hears of the target; a student hears nothing, so what two judges make of it, 0 to 1."""
    if not isinstance(effect.loaded_model(), StudentModel):
        return heard(effect, sound, rate)
    wanted = effect.target.removeprefix("class:")
    verdicts = [(judge, judge.hear([(sound, rate)])[0].shares) for judge in _judges()]
    return sum(float(shares[judge.classes.index(wanted)]) for judge, shares in verdicts) / len(verdicts)


@cache
def _judges() -> tuple[Judge, ...]:
    return tuple(map(Judge, shipped()))


def _first_dream(board: Board) -> tuple[SpectralEffect, Board]:
    """The first dreaming effect of a board, and the board before it; within a rack, it gets the rack's input."""
    for path, item in paths(board):
        if isinstance(item, SpectralEffect):
            return item, Board(board.plugins[: int(path.partition(".")[0])])
    raise ValueError(f"{board!r} has no effect that dreams")


def _painter(console: Console) -> Any:
    """The function that draws, or None where matplotlib is not installed."""
    try:
        from dreampedal.rendering.pictures import draw
    except ImportError:
        console.print("No pictures: they need matplotlib (pip install 'dreampedal\\[pictures]').")
        return None
    return draw


def _row(result: Dreamed) -> tuple[str, ...]:
    """One preset in the table."""
    return (
        result.preset, result.target, f"{result.objective_before:.3g}", f"{result.objective_after:.3g}",
        f"{result.loudness_change_db:+.1f} dB", f"{result.latency_milliseconds:.0f} ms",
        f"{result.times_real_time:.0f}x",
    )  # fmt: skip
