"""The training of a student: what it plays is heard by several listeners in random rooms, and it learns from all.

Each step draws sounds and targets, lets the student find offsets, plays them as the engine would (gains on frames that
stay as loud as they were, most of them put together again and analysed afresh at another place), and asks two
listeners, each in a room of its own, how far that is from the target. What it learns must work for all sounds, rooms
and listeners, so it is no trick on one of them.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE, power_of, spectra
from dreampedal.export.nets.students.curves import Curves
from dreampedal.export.nets.students.student import Student
from dreampedal.export.train.distil import pitch, played
from dreampedal.export.train.distil.carriers import carried, carrier_spectra
from dreampedal.export.train.distil.hearing import Hearing
from dreampedal.export.train.distil.rooms import Rooms
from dreampedal.export.train.distil.saving import Kept, read, write
from dreampedal.export.train.distil.sources import Sources
from dreampedal.export.train.distil.standing import MOST_SKIPPED

DB = 20 / math.log(10)
"""Decibels in a neper."""
SETTLING = 22
"""Frames before anybody listens: the student has to hear some of the sound first."""
SAVED_EVERY = 200

Taught = TypeVar("Taught", Student, Curves)


@dataclass(frozen=True)
class Course:
    """How a student learns.

    Fields:
        steps, batch, frames: of the training, of a step, and of each sound.
        learning_rate, warm_up, clip_norm, averaging: of Adam, whose rate falls as a cosine; of the weights' mean.
        heard_by: listeners that are asked in a step; worst: weight of the one that is pleased least.
        resynthesised: share of steps whose sound is put together and analysed afresh.
        reaches_db, reach_shares: how far offsets may go.
        lags, lag_shares: frames by which offsets come late, as they do in the modes of low latency.
        mixtures: share of targets that are two at once.
        noisy: share of sounds with a noise in the room; noise_db: so far under the frame.
        smooth, near: weights of changes from frame to frame and of bends over bands, and of the offset itself, in dB².
        pitch: weight of what is lost of the pitch.
        octaves_up, breath_up: share of sounds for which the knobs of carriers are turned up.
    """

    steps: int = 12_000
    batch: int = 16
    frames: int = 96
    learning_rate: float = 2e-3
    warm_up: int = 100
    clip_norm: float = 1.0
    averaging: float = 0.998
    heard_by: int = 2
    worst: float = 0.3
    resynthesised: float = 0.6
    reaches_db: tuple[float, ...] = (12.0, 18.0, 24.0)
    reach_shares: tuple[float, ...] = (0.3, 0.5, 0.2)
    lags: tuple[int, ...] = (0, 1, 2)
    lag_shares: tuple[float, ...] = (0.6, 0.25, 0.15)
    mixtures: float = 0.15
    noisy: float = 0.35
    noise_db: tuple[float, float] = (25.0, 40.0)
    smooth: float = 0.5
    near: float = 3e-4
    pitch: float = 4.0
    octaves_up: float = 0.5
    breath_up: float = 0.9
    rooms: Rooms = field(default_factory=Rooms)


class NotFiniteError(ValueError):
    """A training whose loss is no number any more."""


def distilled(
    student: Taught,
    hearings: Sequence[Hearing],
    sources: Sources,
    course: Course,
    seed: int,
    folder: Path,
    identity: str = "",
    progress: Progress | None = None,
) -> Taught:
    """Teach a student; it is changed in place and returned in evaluation mode.

    Args:
        student: a network, or curves.
        hearings: at least as many as are asked in a step.
        sources: their classes are places among the student's targets.
        folder: of the checkpoint, which is gone on from.
        identity: what else tells this training from others.

    Raises:
        ValueError: if the checkpoint is another training's.
        NotFiniteError: if the loss is no finite number in `MOST_SKIPPED` steps in a row; the last checkpoint stays. A
            single such step changes no weight, and a warning says so.
    """
    told = json.dumps([asdict(course), seed, [hearing.name for hearing in hearings], student.targets, identity])
    optimiser = torch.optim.Adam(student.parameters(), course.learning_rate, betas=(0.8, 0.98))
    kept = read(folder / "student.safetensors", told, student, optimiser) or Kept.begun(student)
    student.train()
    skipped = 0
    for step in range(kept.steps, course.steps):
        random, torch_random = np.random.default_rng([seed, step]), Generator().manual_seed(seed * 1_000_003 + step)
        ramp = min(1.0, (step + 1) / course.warm_up)
        for group in optimiser.param_groups:
            group["lr"] = course.learning_rate * ramp * (0.51 + 0.49 * math.cos(math.pi * step / course.steps))
        loss, told_of = _loss(student, hearings, sources, course, random, torch_random)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(student.parameters(), course.clip_norm)
        if torch.isfinite(loss) and torch.isfinite(norm):
            optimiser.step()
            kept.follow(student, min(course.averaging, (step + 1) / (step + 10)), told_of)
            skipped = 0
        else:
            kept.steps += 1
            skipped += 1
            _say_skipped(step + 1, skipped)
        if progress and (step % 10 == 9 or step == course.steps - 1):
            progress("student", step + 1, course.steps)
        if (step + 1) % SAVED_EVERY == 0 or step == course.steps - 1:
            write(folder / "student.safetensors", told, student, optimiser, kept)
    student.load_state_dict(kept.mean)
    return student.eval().requires_grad_(False)


def _say_skipped(step: int, in_a_row: int) -> None:
    if in_a_row == MOST_SKIPPED:
        raise NotFiniteError(
            f"the student's loss is no finite number in {in_a_row} steps in a row, up to step {step}: "
            "remove sounds that are silent or damaged, or take another seed; the last checkpoint stays"
        )
    warnings.warn(f"the loss of step {step} is no number: it changes nothing, training goes on", stacklevel=3)


def _loss(
    student: Student | Curves,
    hearings: Sequence[Hearing],
    sources: Sources,
    course: Course,
    random: np.random.Generator,
    torch_random: Generator,
) -> tuple[Tensor, dict[str, float]]:
    samples = (course.frames - 1) * played.HOP + played.WINDOW
    sound, own = sources.drawn(course.batch, samples, random)
    target = _targets(own, len(student.targets), course.mixtures, random)
    reach = torch.from_numpy(random.choice(course.reaches_db, course.batch, p=course.reach_shares)).float() / DB
    dry = spectra(sound)
    dry = dry + _noise(dry, course, torch_random)
    power = dry.real**2 + dry.imag**2
    offset, added = student(played.features(power), target, reach)
    lag = int(random.choice(course.lags, p=course.lag_shares))
    wet = dry * played.gains(_late(played.matched(power, offset, reach), lag))
    if student.carriers:
        turned = torch.from_numpy(_knobs(student.carriers, course, random))
        made = carrier_spectra(sound, student.carriers, int(random.integers(1 << 20)))
        wet = played.as_loud(wet + carried(made, _late(added * turned[:, :, None, None], lag)), dry)
    if random.random() < course.resynthesised:
        again = played.overlap_added(wet)[:, SETTLING * played.HOP + int(random.integers(played.HOP)) :]
        hear = _Afresh(again[:, : -3 * played.HOP])
    else:
        hear = _Afresh(None, wet[:, SETTLING:])
    chosen = [hearings[i] for i in random.choice(len(hearings), course.heard_by, replace=False)]
    views = course.rooms([hear.features(one) for one in chosen], [one.layout for one in chosen], torch_random)
    missed = torch.stack([one.missed(view, target) for one, view in zip(chosen, views, strict=True)])
    named = (1 - course.worst) * missed.mean() + course.worst * missed.amax(0).mean()
    roughness = _roughness(offset, course.near)
    loss = named + course.smooth * roughness
    told_of = {"named": named.item(), "rough": roughness.item(), "db": float(offset.detach().abs().mean()) * DB}
    if course.pitch:
        every = slice(SETTLING, None, 2)
        lost = pitch.lost(power[:, every], wet[:, every].abs().square())
        loss, told_of["pitch"] = loss + course.pitch * lost, lost.item()
    return loss, told_of


class _Afresh:
    """What listeners get: sound that is analysed as each of them does, or the spectra themselves where they can."""

    def __init__(self, sound: Tensor | None, spectrum: Tensor | None = None) -> None:
        self.sound, self.spectrum = sound, spectrum
        self.powers: dict[tuple[int, int], Tensor] = {}

    def features(self, hearing: Hearing) -> Tensor:
        """In the layout of a listener; transforms are shared."""
        layout = hearing.layout
        size = layout.window, layout.hop
        if size not in self.powers:
            if self.spectrum is not None and size == (played.WINDOW, played.HOP):
                self.powers[size] = self.spectrum.real**2 + self.spectrum.imag**2
            else:
                if self.sound is None and self.spectrum is not None:
                    self.sound = played.overlap_added(self.spectrum)[:, 3 * played.HOP : -3 * played.HOP]
                assert self.sound is not None
                self.powers[size] = power_of(self.sound, *size)
        return layout.features(self.powers[size])


def _targets(own: NDArray[np.int64], count: int, mixtures: float, random: np.random.Generator) -> Tensor:
    """A target for each sound that is not what it is already, some of them two at once; weights that sum to 1."""
    target = np.zeros((len(own), count), np.float32)
    for row, known in enumerate(own):
        others = [place for place in range(count) if place != known]
        two = len(others) > 1 and random.random() < mixtures
        places = random.choice(others, 2 if two else 1, replace=False)
        share = random.uniform(0.3, 0.7) if two else 1.0
        target[row, places] = (share, 1 - share)[: len(places)]
    return torch.from_numpy(target)


def _knobs(carriers: Sequence[str], course: Course, random: np.random.Generator) -> NDArray[np.float32]:
    """How far the knob of each carrier is turned for each sound: octaves all up or all at 0, and breath."""
    octaves = random.random(course.batch) < course.octaves_up
    breath = random.random(course.batch) < course.breath_up
    return np.stack([breath if name == "breath" else octaves for name in carriers], 1).astype(np.float32)


def _noise(dry: Tensor, course: Course, random: Generator) -> Tensor:
    """A pink noise under some of the sounds, as rooms have: of each frame's power, so many dB less."""
    count, frames, bins = dry.shape
    shape = 1 / torch.arange(bins).mul(SAMPLE_RATE / played.WINDOW).clamp_min(40).sqrt()
    shape = shape / shape.square().sum().sqrt()
    power = dry.abs().square().sum(-1, keepdim=True)
    below = course.noise_db[0] + (course.noise_db[1] - course.noise_db[0]) * torch.rand(count, 1, 1, generator=random)
    some = torch.rand(count, 1, 1, generator=random) < course.noisy
    drawn = torch.randn(2, count, frames, bins, generator=random)
    return torch.complex(drawn[0], drawn[1]) * shape * (power * 10 ** (-below / 10) / 2 * some).sqrt()


def _late(offset: Tensor, frames: int) -> Tensor:
    return nn.functional.pad(offset[..., : offset.shape[-1] - frames], (frames, 0))


def _roughness(offset: Tensor, near: float) -> Tensor:
    """Changes from frame to frame, bends over bands, and size, in dB²."""
    db = offset * DB
    steps, bends = db[..., 1:] - db[..., :-1], db[:, 2:] - 2 * db[:, 1:-1] + db[:, :-2]
    return 6e-3 * steps.square().mean() + 4e-3 * bends.square().mean() + 2 * near * db.square().mean()
