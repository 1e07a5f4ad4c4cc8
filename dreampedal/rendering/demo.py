"""The demo: the shipped recording through every shipped preset, what came of it, and a picture of each.

Whatever is told here is measured on the files that were written, read and analysed afresh.
"""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pedalboard.io import AudioFile
from rich.console import Console
from rich.table import Column

from dreampedal.console.console import print_json, say
from dreampedal.console.tables import figures, print_table
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.measure import heard, loudness_db, matched, trace
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.player.changes import paths
from dreampedal.engine.model.student import StudentModel
from dreampedal.engine.runtime.files import written_whole
from dreampedal.presets.loader import read_preset, shipped_presets
from dreampedal.presets.recording import DEMO_RECORDING, demo_recording
from dreampedal.rendering.rendering import Sound, Task, render

CEILING_DB = -1.0


@dataclass(frozen=True)
class Dreamed:
    """What a preset did to the recording."""

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


def run(out: Path, as_json: bool) -> None:
    """Dream the shipped recording with every shipped preset into the folder `out`, and show what came of it."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: expected the name of a folder")
    out.mkdir(parents=True, exist_ok=True)
    with written_whole(out / f"dry{DEMO_RECORDING.suffix}") as part:
        shutil.copyfile(DEMO_RECORDING, part)
    console = Console(stderr=True)
    draw = _painter(console)
    results = []
    with console.status("dreaming") if console.is_terminal else nullcontext():
        for path in shipped_presets().values():
            results.append(_dream(path, out, draw))
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        columns = Column("preset", no_wrap=True), Column("turns up", min_width=18)
        print_table((*columns, *figures("before", "after", "loudness", "latency", "speed")), map(_row, results))
        print("Before and after: what the network hears of it; of a class that a student plays, the share that two")
        print("judges which took no part give it. Speed: times real time.")
        say(f"{len(results)} sounds{' and pictures' if draw else ''} are in {out}, beside the dry recording.")


def _dream(path: Path, out: Path, draw: Any) -> Dreamed:
    """One preset: its sound, its picture, its figures."""
    preset = read_preset(path)
    sound = Sound(str(path), ceiling_db=CEILING_DB)
    preset.board.stream(44_100, 2)  # loaded and compiled before the clock runs
    written = render(Task(DEMO_RECORDING, out / f"{path.stem}.wav"), preset.board, sound, lambda _: None)
    dry, rate = demo_recording()
    with AudioFile(written.target) as file:
        wet = file.read(file.frames)
    effect, before = _first_dream(preset.board)
    after = matched(wet, dry, rate)
    picture = out / f"{path.stem}.png" if draw else None
    if draw:
        draw(picture, preset, effect, trace(effect, before(dry, rate), rate), (dry, after), rate)
    return Dreamed(
        preset=path.stem,
        title=preset.title,
        target=effect.target,
        file=written.target,
        picture=str(picture) if picture else None,
        objective_before=_heard(effect, dry, rate),
        objective_after=_heard(effect, after, rate),
        loudness_change_db=loudness_db(wet, rate) - loudness_db(dry, rate),
        latency_milliseconds=1000 * written.latency_samples / rate,
        times_real_time=written.times_real_time,
    )


def _heard(effect: SpectralEffect, sound: Any, rate: float) -> float:
    """What the effect's network hears of the target; a student hears nothing, so what two judges make of it, 0 to 1."""
    if not isinstance(effect.loaded_model(), StudentModel):
        return heard(effect, sound, rate)
    from dreampedal.export.judge.heard.judges import Judge, shipped  # without torch

    wanted = effect.target.removeprefix("class:")
    verdicts = [(judge, judge.hear([(sound, rate)])[0].shares) for judge in map(Judge, shipped())]
    return sum(float(shares[judge.classes.index(wanted)]) for judge, shares in verdicts) / len(verdicts)


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
