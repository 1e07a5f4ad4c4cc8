"""What is wanted of a distillation: targets, who teaches them, sounds to dream on, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.engine.runtime.names import suggestion
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.nets.listeners.table import LISTENERS, Listener
from dreampedal.export.train.distil.run.teachers import Teacher, asked, read_teacher, unknown

FAMILIES = tuple(f"class:{name}" for name in CLASSES)
MOST_HOURS = 100.0


@dataclass(frozen=True)
class Schedule:
    """Fixed numbers, so that no clock decides what is learned.

    Fields:
        phrases: of each soundfont; a folder of patches, with one sound a program, gives half as many.
        listener_steps, student_steps: of each training.
    """

    phrases: int
    listener_steps: int
    student_steps: int


QUICK = Schedule(2_200, 1_200, 5_000)
"""About an hour on two cores."""
FULL = Schedule(6_600, 4_000, 24_000)
"""Within eight, for gain alone and for all carriers one after the other: by the time of their steps, three and five."""
QUICK_HOURS, FULL_HOURS = 1.0, 8.0


def schedule(hours: float) -> Schedule:
    """The numbers that take about so long on two cores; beyond eight hours only the student learns longer.

    >>> schedule(8) == FULL, schedule(1) == QUICK, schedule(16).student_steps
    (True, True, 48000)
    """
    if not 0 < hours <= MOST_HOURS:
        raise ValueError(f"hours = {hours:g}: expected more than 0, at most {MOST_HOURS:g}")

    def number(quick: int, full: int) -> int:
        return max(1, round(float(np.interp(hours, (0, QUICK_HOURS, FULL_HOURS), (0, quick, full)))))

    return Schedule(
        max(len(CLASSES), number(QUICK.phrases, FULL.phrases)),
        number(QUICK.listener_steps, FULL.listener_steps),
        round(number(QUICK.student_steps, FULL.student_steps) * max(1.0, hours / FULL_HOURS)),
    )


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Fields:
        targets: expressions; what stands in them is what the student can be asked for. The families unless given.
        soundfonts: .sf2 or .sf3 files, or folders of Gravis patches: listeners are taught on them, and they are sounds
            to dream on.
        recordings: folders of sounds to dream on.
        teachers: model files of the kind `ascent`, whose classes, layers and filters can be targets.
        listeners: names in `LISTENERS`; all unless given.
        carriers: what the student adds to the sound, names in `CARRIERS`; gain alone unless given.
        seed: of all that is random; jobs: processes at a time.
    """

    targets: tuple[str, ...] = FAMILIES
    soundfonts: tuple[Path, ...] = ()
    recordings: tuple[Path, ...] = ()
    teachers: tuple[Path, ...] = ()
    listeners: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    schedule: Schedule = FULL
    seed: int = 0
    jobs: int = 1


@dataclass(frozen=True)
class Ordered:
    """An order that was checked.

    Fields:
        targets: the student's, each once; teachers: those who know one of them, read from their files.
        listeners: none where no target is a family's.
    """

    order: Order
    targets: tuple[str, ...]
    teachers: tuple[Teacher, ...]
    listeners: tuple[Listener, ...] = field(repr=False)

    @property
    def families(self) -> tuple[str, ...]:
        """Families among the targets, that listeners teach."""
        names = tuple(target.removeprefix("class:") for target in self.targets if target in FAMILIES)
        return names if self.listeners else ()

    def identity(self) -> dict[str, Any]:
        """What tells this training from another, in plain values."""
        order = self.order
        return {
            "targets": list(self.targets),
            "teachers": {teacher.name: teacher.content_hash for teacher in self.teachers},
            "listeners": [listener.name for listener in self.listeners],
            "soundfonts": {font.name: _size(font) for font in order.soundfonts},
            "recordings": [folder.resolve().name for folder in order.recordings],
            "carriers": list(order.carriers),
            "schedule": vars(order.schedule),
            "seed": order.seed,
        }


def checked(order: Order) -> Ordered:
    """An order as it can be carried out.

    Raises:
        ValueError: for a target that nobody knows (it names those there are), a listener or a file that is not there,
            and where there is no sound to dream on.
    """
    if not order.soundfonts and not order.recordings:
        raise ValueError("no sounds to dream on: give --soundfont FILE, or --sounds FOLDER, or both")
    for font in order.soundfonts:
        if not font.exists():
            raise ValueError(f"{font}: no such soundfont")
    for names, what in (
        ([font.name for font in order.soundfonts], "soundfonts"),
        ([folder.resolve().name for folder in order.recordings], "folders of sounds"),
    ):
        if len(set(names)) < len(names):
            raise ValueError(f"{what} {', '.join(names)}: expected names that differ")
    for name in order.carriers:
        if name not in CARRIERS or order.carriers.count(name) > 1:
            raise ValueError(f"carriers {', '.join(order.carriers)}: expected each once, of {', '.join(CARRIERS)}")
    teachers = tuple(read_teacher(path) for path in order.teachers)
    if len({teacher.name for teacher in teachers}) < len(teachers):
        raise ValueError(f"teachers {', '.join(one.name for one in teachers)}: expected names that differ")
    targets = asked(order.targets or FAMILIES)
    taught = FAMILIES if order.soundfonts else ()
    for target in targets:
        if target not in taught and not any(teacher.knows(target) for teacher in teachers):
            if target in FAMILIES:
                raise ValueError(f"target '{target}': listeners learn it from soundfonts: give --soundfont FILE")
            raise unknown(target, teachers, CLASSES if order.soundfonts else ())
    listeners = _chosen(order.listeners) if any(target in taught for target in targets) else ()
    teachers = tuple(teacher for teacher in teachers if any(map(teacher.knows, targets)))
    return Ordered(order, targets, teachers, listeners)


def _chosen(names: Sequence[str]) -> tuple[Listener, ...]:
    known = {listener.name: listener for listener in LISTENERS}
    for name in names:
        if name not in known:
            raise ValueError(f"no listener named '{name}'{suggestion(name, known)}; there are: {', '.join(known)}")
    return tuple(listener for listener in LISTENERS if not names or listener.name in names)


def _size(font: Path) -> int:
    files = font.rglob("*.pat") if font.is_dir() else [font]
    return sum(file.stat().st_size for file in files)
