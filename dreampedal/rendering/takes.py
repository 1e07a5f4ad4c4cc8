"""`process --take`: a take of a live session rendered again, into a file, and what is said about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dreampedal.console.console import plain, print_json, say
from dreampedal.engine.dsp.processor import in_words, processor
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.take.reading import Take, read_take
from dreampedal.engine.live.take.rendering import Rendering, boards_of
from dreampedal.engine.live.take.take import installed, models_of
from dreampedal.presets.boards import parse
from dreampedal.rendering.options import Process
from dreampedal.rendering.recordings import kept_bits, writing
from dreampedal.rendering.rendering import Task, folder_of, plan
from dreampedal.rendering.reports import progress_bar


@dataclass(frozen=True)
class TakeRendered:
    """What was written."""

    take: str
    target: str
    seconds: float
    sample_rate: int
    channels: int
    bits: int | None
    """Bit depth of the file, 32 for float; None in a lossy format."""
    master: bool
    as_heard: bool | None
    """Whether the samples are, bit for bit, those that were heard; None for a master."""
    differs_at_seconds: float | None
    """Where they begin to differ, by half a second."""
    stretches: int
    """Parts of the take, each with a checksum of what was heard."""
    latency_samples: int
    """From input to output: part of what was heard, and compensated in a master."""
    changes: int
    swaps: int
    late_blocks: int
    held_hops: int
    skipped_blocks: int
    restarts: int
    cut: str
    """What is missing, if the take was cut off; else empty."""
    other_models: list[str]
    """Models that are other files now than they were then."""
    other_libraries: list[str]
    """Libraries of another version than they had then."""
    other_processor: str | None
    """On what it was played and on what it was rendered, if that is not the same; None if the take does not say."""
    compared_samples: int
    """Samples that the take kept of what was heard, and that were compared; 0 for a master."""
    differing_samples: int
    largest_difference_db: float | None
    """Among those, in dBFS; None if none differs."""
    rms_difference_db: float | None
    peak_db: float | None
    elapsed_seconds: float
    times_real_time: float


class Boards:
    """Makes the boards of a take, each with those of `settings` that it has a parameter for.

    Raises:
        ValueError: for a setting that fits none of them.
    """

    def __init__(self, take: Take, settings: Sequence[str]) -> None:
        self.where = f"a board of {take.folder}"
        texts = list(dict.fromkeys(boards_of(take)))
        self._settings = {text: self._fitting(text, settings) for text in texts if text}
        used = {setting for fitting in self._settings.values() for setting in fitting}
        for setting in settings:
            if setting not in used:
                parse(texts[0], self.where, [setting])
        self._set = {_place_and_name(setting) for setting in settings}

    def build(self, text: str) -> Board:
        """A board of its TOML."""
        return parse(text, self.where, self._settings[text]).board

    def overrides(self, path: str, name: str, item: Any) -> bool:
        """Whether a setting has the last word on a parameter: one with no place is for effects of ours."""
        return (path, name) in self._set or (isinstance(item, Effect) and ("", name) in self._set)

    def _fitting(self, text: str, settings: Sequence[str]) -> list[str]:
        parse(text, self.where)
        return list(settings) if self._fit(text, settings) else [one for one in settings if self._fit(text, [one])]

    def _fit(self, text: str, settings: Sequence[str]) -> bool:
        try:
            parse(text, self.where, settings)
        except ValueError:
            return False
        return True


def process(folder: Path, options: Process) -> int:
    """Render a take and say what came of it; the status to exit with."""
    settings, ceiling_db = options.changes, options.ceiling_db
    if ceiling_db is not None and not -60 <= ceiling_db <= 0:
        raise ValueError(f"ceiling = {ceiling_db} dBFS: expected -60 to 0")
    take = read_take(folder)
    task = Task(take.folder, plan([take.folder / f"{take.folder.name}.wav"], options.out, options.ending)[0].target)
    if task.target.exists() and any(task.target.samefile(file) for file in take.folder.iterdir()):
        raise ValueError(f"{task.target} is a file of the take: choose another name")
    if ceiling_db is not None:
        take = replace(take, header=replace(take.header, ceiling_db=ceiling_db))
    master = options.master or bool(settings) or ceiling_db is not None
    with folder_of([task]), progress_bar(1) as follow:
        result = render(take, task, settings, options.bits or 32, master, lambda done: follow(task, done))
    for line in _warnings(result):
        print(f"dreampedal: warning: {plain(line)}", file=sys.stderr)
    if options.as_json:
        print_json([asdict(result)])
    else:
        say(_line(result))
    return 0


def render(
    take: Take, task: Task, settings: Sequence[str], bits: int, master: bool, progress: Callable[[float], None]
) -> TakeRendered:
    """Render a take into its target, which is whole or as it was before; `progress` hears the fraction done."""
    began = time.perf_counter()
    header, boards = take.header, Boards(take, settings)
    rendering = Rendering(take, boards.build, master, boards.overrides)
    peak, done = 0.0, 0
    with writing(task.target, header.sample_rate, header.channels, bits) as file:
        for block in rendering:
            file.write(block)
            peak = max(peak, float(np.abs(block).max(initial=0)))
            done += block.shape[1]
            progress(done / take.samples)
    now, there = models_of(boards.build(header.board)), installed()
    elapsed = time.perf_counter() - began
    return TakeRendered(
        take=str(take.folder),
        target=str(task.target),
        seconds=round(take.seconds, 3),
        sample_rate=header.sample_rate,
        channels=header.channels,
        bits=kept_bits(task.target, bits),
        master=master,
        as_heard=None if master else rendering.as_heard,
        differs_at_seconds=rendering.differs_at,
        stretches=len(take.stretches),
        latency_samples=rendering.latency + header.buffer_blocks * header.block_size,
        **asdict(rendering.counts),
        cut=take.cut,
        other_models=[name for name, known in header.models.items() if now.get(name, known) != known],
        other_libraries=[name for name, known in header.libraries.items() if there.get(name) != known],
        other_processor=_other_processor(header.processor),
        compared_samples=rendering.distance.samples,
        differing_samples=rendering.distance.other,
        largest_difference_db=rendering.distance.largest_db,
        rms_difference_db=rendering.distance.rms_db,
        peak_db=round(20 * float(np.log10(peak)), 2) if peak else None,
        elapsed_seconds=round(elapsed, 3),
        times_real_time=round(take.seconds / elapsed, 1),
    )


def _warnings(result: TakeRendered) -> list[str]:
    """What a listener should know before trusting the file, a line each."""
    found = [result.cut] if result.cut else []
    for name in result.other_models:
        found.append(f"model {name!r} is another file now than when {result.take} was played: it may sound otherwise")
    if result.as_heard is False:
        found.append(
            f"{result.target} is not as it was heard, from {result.differs_at_seconds:.1f} s on{_why(result)}"
            f"{_how_far(result)}"
        )
    return found


def _why(result: TakeRendered) -> str:
    """Why samples are others than those that were heard."""
    reasons = [f"model {name!r}" for name in result.other_models] + result.other_libraries
    if result.other_processor and not reasons:
        why = "another processor rounds differently, and dreams grow apart from there"
        return f", because {why}: {result.other_processor}"
    if result.other_processor:
        reasons.append(f"the processor, {result.other_processor}")
    if reasons:
        return f"; what is other than it was: {', '.join(reasons)}"
    if result.other_processor is None:
        return "; was it played on another machine? The take does not say"
    return "; processor and libraries are those that it was played with: did a plugin or the take itself change?"


def _how_far(result: TakeRendered) -> str:
    """How far apart they are, as far as the take kept any."""
    if not result.compared_samples:
        return "; how far apart they are is not known, as the take kept no samples of what was heard"
    if not result.differing_samples:
        return f"; the {result.compared_samples:,} samples that the take kept of it are the same"
    return (
        f"; {result.differing_samples:,} of the {result.compared_samples:,} samples that the take kept of it differ, "
        f"by {result.largest_difference_db:.1f} dBFS at most, {result.rms_difference_db:.1f} dBFS RMS"
    )


def _other_processor(then: dict[str, str]) -> str | None:
    """What it was played on and what renders it, if that is not the same; None for a take that does not say."""
    now = processor()
    if not then:
        return None
    if now == then:
        return ""
    played, here = in_words(then), in_words(now)
    if played == here:
        played, here = (f"{words}, features {each.get('features')}" for words, each in ((played, then), (here, now)))
    return f"played on {played}, rendered on {here}"


def _line(result: TakeRendered) -> str:
    """One take in one line."""
    kind = "a master" if result.master else "as heard" if result.as_heard else "not as heard"
    depth = {None: "", 32: ", 32-bit float"}.get(result.bits, f", {result.bits}-bit")
    peak = "silence" if result.peak_db is None else f"peak {result.peak_db:+.1f} dBFS"
    happened = [_number(result.changes, "change")]
    happened += [_number(count, name) for count, name in (
        (result.late_blocks, "late block"), (result.held_hops, "held hop"), (result.skipped_blocks, "skipped block"),
        (result.restarts, "restart"),
    ) if count]  # fmt: skip
    if result.as_heard:
        agree = "agrees" if result.stretches == 1 else "agree"
        happened.append(f"{_number(result.stretches, 'checksum')} of what was heard {agree}")
    return (
        f"{result.target}: {kind}, {result.seconds:.1f} s at {result.sample_rate} Hz{depth}, {peak}, "
        f"{', '.join(happened)}, in {result.elapsed_seconds:.1f} s ({result.times_real_time:g} times real time)"
    )


def _number(count: int, name: str) -> str:
    """`3 changes`.

    >>> _number(1, "late block"), _number(2, "late block")
    ('1 late block', '2 late blocks')
    """
    return f"{count} {name}{'' if count == 1 else 's'}"


def _place_and_name(setting: str) -> tuple[str, str]:
    """The place of an effect, empty for any, and the name of its parameter.

    >>> _place_and_name("steps=8"), _place_and_name(" 1.room_size = 0.8")
    (('', 'steps'), ('1', 'room_size'))
    """
    place, _, name = setting.partition("=")[0].strip().rpartition(".")
    return place, name
