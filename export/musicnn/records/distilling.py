"""A student of genres and tags, from songs and soundfonts to a model file.

    distil_records(published_wheel(), "shared/data/genres", fonts, "heard_songs.onnx", Path("build/records"))

Only songs of the training part of the set are heard: the others, and the published networks that taught nobody, judge.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dreampedal.export.compile.student import Training, export_student
from dreampedal.export.data.instruments.phrases import Phrases
from dreampedal.export.data.progress import Progress
from dreampedal.export.data.recordings import open_set
from dreampedal.export.musicnn.published import NOTICE, load
from dreampedal.export.musicnn.records.hearing import Published
from dreampedal.export.musicnn.records.teaching import (
    HEARD,
    LISTENERS,
    TEACHER,
    hearings,
    lessons_of,
    sources,
)  # fmt: skip
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.nets.students.student import Student
from dreampedal.export.train.distil import played
from dreampedal.export.train.distil.distilling import SETTLING, Course, distilled
from dreampedal.export.train.distil.records.naming import NamingPlan
from dreampedal.export.train.distil.records.songs import kept_records

PART = "train"
FRAMES = SETTLING + 3 + -(-HEARD // played.HOP)
"""Of each sound: what is heard of it, after it is put together again, is as long as what the teachers learned on."""
COURSE = Course(steps=4000, batch=8, frames=FRAMES, pitch=1.0)
"""Twice as long sounds as of a student of instruments, half as many of them; of a genre, pitch is a smaller part."""
TARGETS = ("electronic", "ambient", "techno", "beat", "flute", "violin", "choir")
"""What a student is taught unless told otherwise: what judges that taught nobody heard most of after an ascent
(`bench.listening.records`). Of what was tried there, metal, rock, orchestral and harpsichord were not heard more."""


def distil_records(
    wheel: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    fonts: Sequence[Phrases],
    out: str | os.PathLike[str],
    work: Path,
    *,
    targets: Sequence[str] = TARGETS,
    listeners: Sequence[Listener] = LISTENERS,
    plan: NamingPlan | None = None,
    course: Course = COURSE,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teach small listeners where that was not done, then the student, and write its model; it goes on after a kill.

    Args:
        wheel: of musicnn 0.1.0 (`wheel.published_wheel`).
        folder: the set of songs, with a table that says which part each is of.
        fonts: rendered phrases (`phrases.rendered`).
        out: the ONNX file.
        work: folder for sounds, answers, listeners and the student's state.
        targets: genres and tags (`teaching.NAMES`); the student knows them as "class:metal".
        listeners: some of `LISTENERS`; plan: of their training.
        course: of the student's training.

    Returns:
        A report: model, bytes, targets, and the content hash of each teacher.

    Raises:
        ValueError: for a target that nobody knows, and where `work` holds another training.
    """
    torch.set_num_threads(1)
    records = kept_records(open_set(folder, part=PART), cache=work / "sounds", name=f"songs_{PART}", progress=progress)
    teacher = load(wheel, TEACHER).requires_grad_(False)
    lessons = lessons_of(records, fonts, Published(teacher, halves=True), progress)
    heard_by = hearings(targets, lessons, teacher, plan or NamingPlan(), work / "listeners", listeners, progress)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        student = Student([f"class:{name}" for name in targets])
    taught_by = {one.name: _hash(one.answers) for one in heard_by}
    dreamed_on = sources(targets, records, fonts)
    student = distilled(student, heard_by, dreamed_on, course, 0, work, f"{records.path.stem} {taught_by}", progress)
    names = ", ".join(font.name for font in fonts)
    export_student(
        student,
        out,
        name=Path(out).stem,
        training=Training(
            data=f"{len(records)} clips of songs in Debian packages, of the part {PART!r} of bench/genres.csv, and "
            f"phrases of {names}; taught by {TEACHER} of musicnn 0.1.0 and listeners that it taught",
            licence=f"taught by musicnn: {NOTICE}",
            seed=0,
            notes=f"{len(heard_by)} teachers, {course.steps} steps of the student",
        ),
        teachers=taught_by,
        reach_db=(min(course.reaches_db), max(course.reaches_db)),
        accuracy={},
    )
    return {"model": os.fspath(out), "bytes": Path(out).stat().st_size, "targets": list(targets), "teachers": taught_by}


def _hash(net: nn.Module) -> str:
    """SHA-256 over a network's weights with their names."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)};".encode() + value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
