"""One command's work: phrases, listeners side by side, a student, and its model file, each part kept as it is made.

What lies in the folder of a run:

    order.json              what is wanted; a run goes on only with the same
    phrases/                phrases of the soundfonts, their features, stretches of recordings
    listeners/              each listener that was taught, and where one is in the middle of it
    student/                where the student stands

A cache holds phrases and listeners in place of the run, so that runs on the same soundfonts share them. A kill at any
moment costs a few steps; the same command goes on, and ends with the same weights.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.engine.model.format.manifest import Training
from dreampedal.engine.model.verify import verify
from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.compile.student import export_student
from dreampedal.export.data.instruments.families import CLASSES, FAMILIES
from dreampedal.export.data.instruments.patches import open_instruments
from dreampedal.export.data.instruments.phrases import SAMPLE_RATE, Phrases, rendered
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.listeners.layouts import Layout
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.nets.students.student import Student
from dreampedal.export.train.distil.distilling import Course, distilled
from dreampedal.export.train.distil.hearing import Hearing
from dreampedal.export.train.distil.listening import VALIDATION, Schooling, accuracy, encoded, taught
from dreampedal.export.train.distil.rooms import Rooms
from dreampedal.export.train.distil.run import licences
from dreampedal.export.train.distil.run.order import Order, Ordered, checked
from dreampedal.export.train.distil.run.panel import assembled
from dreampedal.export.train.distil.run.recordings import Stretches, stretches
from dreampedal.export.train.distil.sources import UNKNOWN, Sources, of_fonts
from dreampedal.export.train.fit.checkpoints import check_same, remove_parts
from dreampedal.export.train.fit.lock import alone
from dreampedal.export.train.model_files import check_out, name_for
from dreampedal.export.train.workers.apart import side_by_side

NOISY = Rooms(noise_share=0.8, noise_db=(10.0, 60.0))
"""Rooms for a student that adds sound: listeners taught on clean soundfonts take breath for what they wait for, and
noise in the room covers it."""
THREADS = 1
"""Of torch in each process, on any machine: what is summed in another order has other bits."""


@dataclass(frozen=True)
class Font:
    """Phrases as they are sent to another process, which reads them from disk itself."""

    name: str
    path: Path
    families: NDArray[np.int64]

    def phrases(self) -> Phrases:
        """Them."""
        return Phrases(self.name, self.path, np.load(self.path, mmap_mode="r"), self.families)


@dataclass(frozen=True)
class Render:
    """A job: phrases of a soundfont."""

    font: Path
    count: int
    seed: int
    cache: Path

    def __call__(self, progress: Progress | None = None) -> None:
        self.phrases(progress)

    def phrases(self, progress: Progress | None = None) -> Phrases:
        """Them, from the cache where they are there."""
        return rendered(self.font, self.count, self.seed, self.cache, progress)


@dataclass(frozen=True)
class Encode:
    """A job: features of a soundfont's phrases."""

    font: Font
    layout: Layout

    def __call__(self, progress: Progress) -> None:
        torch.set_num_threads(THREADS)
        encoded(self.font.phrases(), self.layout, progress)


@dataclass(frozen=True)
class Teach:
    """A job: a listener."""

    listener: Listener
    fonts: tuple[Font, ...]
    schooling: Schooling
    seed: int
    folder: Path

    def __call__(self, progress: Progress | None = None) -> None:
        self.net(progress)

    def net(self, progress: Progress | None = None) -> nn.Module:
        """It, from its folder where it was taught before."""
        torch.set_num_threads(THREADS)
        fonts = [font.phrases() for font in self.fonts]
        return taught(self.listener, fonts, self.schooling, self.seed, self.folder, progress)


def distil(
    order: Order, out: Path, run: Path, cache: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Distil a student, and write it as a model file that was verified.

    Args:
        out: the model file (.onnx).
        run: folder of the run, which is made; one that is there is gone on with.
        cache: folder for phrases and listeners that several runs share; else in the run.

    Returns:
        A report: model, bytes, run, targets, teachers (name and hash), listeners (accuracy on phrases kept aside),
        recordings (used, and passed over), schedule, and seconds.

    Raises:
        ValueError: where something in the order, the run or the sounds does not fit, before anything is trained.
        OSError: if a disk is full; what was made is kept.
    """
    check_out(out, ".onnx")
    began, ordered = time.monotonic(), checked(order)
    if run.exists() and not run.is_dir():
        raise ValueError(f"{run} is a file: expected a folder for the run")
    run.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    try:
        with alone(run, "distillation"), torch.random.fork_rng():
            torch.set_num_threads(THREADS)
            _begin(ordered, run)
            told = _distilled(ordered, out, run, cache, progress)
    finally:
        torch.set_num_threads(threads)
    return {"model": str(out), "run": str(run), **told, "seconds": round(time.monotonic() - began, 1)}


def _begin(ordered: Ordered, run: Path) -> None:
    """Say in the folder what is wanted, or make sure that it is the same as before."""
    told, here = run / "order.json", ordered.identity()
    remove_parts(run)
    if told.exists():
        try:
            found = json.loads(told.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{told} tells of no distillation: give another folder") from None
        check_same(told, found, here)
        return
    if any(run.glob("listeners/*")) or any(run.glob("student/*")):
        raise ValueError(f"{run}: holds a training that does not say of what: expected an empty folder")
    _require_notes(ordered)
    with written_whole(told) as part:
        part.write_text(json.dumps(here, indent=2), encoding="utf-8")


def _require_notes(ordered: Ordered) -> None:
    """A ValueError for a family that is asked for, and has no note in any soundfont: before hours of work."""
    programs: set[int] = set()
    for font in ordered.order.soundfonts:
        programs |= {program for _, program in open_instruments(font, SAMPLE_RATE).presets()}
    there = {family.name for family in FAMILIES if programs & set(family.programs)}
    if missing := [name for name in ordered.families if name not in there]:
        fonts = ", ".join(font.name for font in ordered.order.soundfonts)
        raise ValueError(
            f"{fonts}: no notes of {', '.join(missing)}: expected some of each class; add a soundfont that has them, "
            "or name the others with --target"
        )


@dataclass(frozen=True)
class School:
    """What a student is taught with.

    Fields:
        fonts: phrases of each soundfont; recordings: stretches of them.
        nets: each listener, by its recipe.
    """

    fonts: list[Phrases]
    recordings: Stretches
    nets: dict[Listener, nn.Module]


def schooled(ordered: Ordered, run: Path, shared: Path | None, progress: Progress | None = None) -> School:
    """Phrases, stretches of recordings and listeners of an order, made where they are not there.

    Args:
        run: the folder of a run; shared: a cache that takes its place for phrases and listeners.
    """
    order, schedule, cache = ordered.order, ordered.order.schedule, shared or run / "phrases"
    renders = [
        Render(font, max(1, schedule.phrases // (2 if font.is_dir() else 1)), order.seed + 1 + place, cache)
        for place, font in enumerate(order.soundfonts)
    ]
    side_by_side(renders, order.jobs, progress)
    fonts = [render.phrases() for render in renders]
    recordings = stretches(order.recordings, cache, order.seed, progress)
    folder = run / "listeners" if shared is None else shared / f"listeners-{_taught_on(ordered, fonts)}"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, "school"):
        jobs = _listeners(ordered, fonts, folder, progress)
    return School(fonts, recordings, {job.listener: job.net() for job in jobs})


def panel_of(ordered: Ordered, school: School) -> tuple[list[Hearing], Sources]:
    """Who teaches the targets of an order, and the sounds to dream on."""
    places = np.array([_place(name, ordered.targets) for name in CLASSES])
    fonts = [replace(font, families=places[font.families]) for font in school.fonts]
    sources = of_fonts(fonts, school.recordings.sounds)
    return assembled(ordered.targets, school.nets, ordered.teachers, sources, ordered.order.seed), sources


def _distilled(
    ordered: Ordered, out: Path, run: Path, shared: Path | None, progress: Progress | None
) -> dict[str, Any]:
    school = schooled(ordered, run, shared, progress)
    nets, recordings = school.nets, school.recordings
    student = _student(ordered, school, run / "student", progress)
    right = {listener.name: _accuracy(listener, net, school.fonts) for listener, net in nets.items()}
    teachers = {f"listener_{listener.name}": _hash(net) for listener, net in nets.items()}
    teachers |= {teacher.name: teacher.content_hash for teacher in ordered.teachers}
    course = Course()
    export_student(
        student, out, name=name_for(out), training=_record(ordered, recordings), teachers=teachers,
        reach_db=(min(course.reaches_db), max(course.reaches_db)),
        accuracy={f"listener_{name}": round(share, 4) for name, share in right.items()},
    )  # fmt: skip
    verify(out)
    return {
        "bytes": out.stat().st_size, "targets": list(ordered.targets), "teachers": teachers, "listeners": right,
        "recordings": recordings.recordings, "passed": vars(recordings.passed), "passed_over": str(recordings.passed),
        "schedule": vars(ordered.order.schedule),
    }  # fmt: skip


def _listeners(ordered: Ordered, fonts: Sequence[Phrases], folder: Path, progress: Progress | None) -> list[Teach]:
    """Every listener, taught; their features are made first, so that no two make the same."""
    order = ordered.order
    sent = tuple(Font(font.name, font.path, font.families) for font in fonts)
    schooling = Schooling(steps=order.schedule.listener_steps)
    teach = [Teach(listener, sent, schooling, order.seed, folder) for listener in ordered.listeners]
    layouts = dict.fromkeys(listener.layout for listener in ordered.listeners)
    side_by_side([Encode(font, layout) for layout in layouts for font in sent], order.jobs, progress)
    side_by_side(teach, order.jobs, progress)
    return teach


def _student(ordered: Ordered, school: School, folder: Path, progress: Progress | None) -> Student:
    order, targets = ordered.order, ordered.targets
    panel, sources = panel_of(ordered, school)
    course = Course(steps=order.schedule.student_steps, rooms=NOISY if order.carriers else Rooms())
    course = replace(course, heard_by=min(course.heard_by, len(panel)))
    torch.manual_seed(order.seed)
    identity = ordered.identity() | {"listeners": {one.name: _hash(net) for one, net in school.nets.items()}}
    return distilled(
        Student(targets, carriers=order.carriers),
        panel,
        sources,
        course,
        order.seed,
        folder,
        json.dumps(identity),
        progress,
    )


def _taught_on(ordered: Ordered, fonts: Sequence[Phrases]) -> str:
    """What tells listeners of one school from others of the same names."""
    told = [[font.path.stem for font in fonts], ordered.order.schedule.listener_steps, ordered.order.seed]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _place(name: str, targets: Sequence[str]) -> int:
    """Of a family among the targets; a student of one target is asked for it whatever it hears."""
    target = f"class:{name}"
    return targets.index(target) if target in targets and len(targets) > 1 else UNKNOWN


def _accuracy(listener: Listener, net: nn.Module, fonts: Sequence[Phrases]) -> float:
    """Share of the phrases kept aside, of the soundfonts that it heard, that a listener names right."""
    heard = [fonts[place] for place in listener.fonts if place < len(fonts)] or list(fonts)
    counts = [len(range(0, len(font), VALIDATION)) for font in heard]
    right = [accuracy(net, font, listener.layout, VALIDATION) for font in heard]
    return float(np.average(right, weights=counts))


def _record(ordered: Ordered, recordings: Stretches) -> Training:
    order, steps = ordered.order, ordered.order.schedule
    parts = [f"phrases of {', '.join(font.name for font in order.soundfonts)}"] if order.soundfonts else []
    if order.recordings:
        parts.append(f"{recordings.recordings} recordings in {', '.join(one.name for one in order.recordings)}")
    notes = (
        f"{len(ordered.listeners)} listeners of {steps.listener_steps} steps, {steps.student_steps} steps of the "
        f"student; dreampedal distil"
    )
    return Training(
        data=" and ".join(parts),
        licence=licences.line(order.soundfonts, order.recordings),
        seed=order.seed,
        notes=notes,
    )


def _hash(net: nn.Module) -> str:
    """SHA-256 over a network's weights with their names."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode() + array.tobytes())
    return digest.hexdigest()
