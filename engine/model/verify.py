"""The proof of a model: its structure, its golden vectors, and that it plays the same however a signal is cut.

Structure comes first (`engine.model.structure`), so that nothing of a bad file ever runs. Then the golden vectors that
the exporter recorded are replayed (`engine.model.format.golden`): inputs, and what the torch original made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.model.clip_model import ClipModel
from dreampedal.engine.model.format.golden import (
    GoldenAscent,
    GoldenClips,
    GoldenStudent,
    golden_ascents,
    golden_clips,
    golden_students,
    noise,
    places,
)
from dreampedal.engine.model.format.interface import inputs, sizes
from dreampedal.engine.model.format.kinds import AnyManifest
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, OWN_CHAINS, Bands, Manifest, ModelError
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.sessions import Array
from dreampedal.engine.model.structure import metadata, read_model
from dreampedal.engine.model.student import Student, StudentModel

TOLERANCE = 1e-3
"""Largest deviation from a golden vector, as a share of its largest value."""

ONE_SECOND = 48_000

LONGEST_BLOCKS = 10_000, 700, 40
"""Samples of the longest block in each of the ways that a signal is cut."""


class Playable(Protocol):
    """What the partition law is tried on: an effect that plays the model."""

    def process(self, input_array: Array, sample_rate: float, *, reset: bool = True) -> Array: ...

    def flush(self) -> Array: ...


@dataclass(frozen=True)
class Proof:
    """What was proved of a model; one that fails raises instead."""

    manifest: AnyManifest
    file_bytes: int
    nodes: int
    takes: int
    """Golden takes that were replayed."""
    golden_deviation: float
    """Largest deviation from the torch original, as a share of the largest value."""
    partitions: int
    """Ways of cutting a signal that gave the same samples as one call."""


def verify(path: str | Path, effect: Callable[[], Playable] | None = None, device: str = "auto") -> Proof:
    """Prove the model at `path`.

    Args:
        effect: makes an effect that plays this model, to try the partition law on samples as well.
        device: to replay on.

    Raises:
        ModelError: that names the file, the field, what was found and what was expected.
    """
    graph, manifest = read_model(path)
    golden = metadata(path, graph, GOLDEN_KEY)
    if isinstance(manifest, StudentManifest):
        runs = golden_students(path, golden, manifest)
        count, deviation = len(runs), _proved_runs(StudentModel(Path(path), graph, manifest, device), runs)
    elif isinstance(manifest, Manifest):
        ascents = golden_ascents(path, golden, manifest)
        count, deviation = len(ascents), _proved_ascents(Model(Path(path), graph, manifest, device), ascents)
    else:
        clips = golden_clips(path, golden, manifest)
        count, deviation = len(clips), _proved_clips(ClipModel(Path(path), graph, manifest, device), clips)
    return Proof(
        manifest=manifest,
        file_bytes=Path(path).stat().st_size,
        nodes=len(graph.graph.node),
        takes=count,
        golden_deviation=deviation,
        partitions=require_partition_law(path, effect()) if effect else 0,
    )


def _proved_ascents(model: Model, vectors: Sequence[GoldenAscent]) -> float:
    """The largest deviation from the golden vectors of a model that dreams on bands, all else proved."""
    deviation = max(replay(model, vector) for vector in vectors)
    ascent, rng = model.ascent(2, 2), np.random.default_rng(1)
    for values in (*ascent.u.values(), *ascent.v.values()):
        values[:] = rng.normal(size=len(values))
    require_repeatable(model.path, ascent, ascent.result, model.manifest.bands)
    if model.manifest.runs_on == "columns":
        require_agreement(model)
    return deviation


def _proved_runs(model: StudentModel, vectors: Sequence[GoldenStudent]) -> float:
    """The largest deviation from the golden vectors of a student, all else proved."""
    deviation = max(replay_student(model, vector) for vector in vectors)
    student = model.student(2)
    require_repeatable(model.path, student, student.offset, model.manifest.bands)
    return deviation


def _proved_clips(model: ClipModel, vectors: Sequence[GoldenClips]) -> float:
    """The largest deviation from the golden vectors of a model on clips, which must play them alike each time."""
    worst = 0.0
    for vector in vectors:
        again = replay_clips(model, vector)
        for name, found in replay_clips(model, vector).items():
            worst = max(worst, _deviation(model.path, f"golden {name}", found, vector.expected[name]))
            if not np.array_equal(found, again[name]) and model.device == "cpu":
                raise ModelError(model.path, name, "different from one run to the next", "the same every time")
    return worst


def replay(model: Model, take: GoldenAscent) -> float:
    """Play a take; its largest deviation. A ModelError if that is more than `TOLERANCE`."""
    ascent = model.ascent(take.sound.shape[0], take.steps, take.columns)
    for name, value in take.given.items():
        ascent.inputs[name][:] = value
    hops = take.sound.shape[2] - ascent.columns + 1
    worst = 0.0
    for hop in range(hops):
        ascent.features[:] = take.sound[:, :, hop : hop + ascent.columns]
        ascent.run()
        ascent.commit()
        if (behind := hop - hops + len(take.offsets)) >= 0:
            expected = take.offsets[behind]
            worst = max(worst, _deviation(model.path, f"golden offset of hop {hop}", ascent.result, expected))
    ascent.run(0)
    for name, value in take.analysed.items():
        found = ascent.logits if name == "logits" else ascent.activations[name.removeprefix("y_")]
        worst = max(worst, _deviation(model.path, f"golden {name}", found, value))
    return worst


def replay_clips(model: ClipModel, vector: GoldenClips) -> dict[str, Array]:
    """What the model makes of a golden vector, by the names of what is expected."""
    x = noise(model.manifest.shape, vector.seed, vector.low, vector.high)
    found = model.run(sorted(vector.expected), vector.given | {"x": x})
    if "gradient" in found:
        found["gradient"] = found["gradient"][:, 0, places(model.manifest.shape[1])]
    return found


def replay_student(model: StudentModel, take: GoldenStudent) -> float:
    """Play a take from silence on; its largest deviation. A ModelError if that is more than `TOLERANCE`."""
    student = model.student(take.sound.shape[0])
    student.target[:], student.reach[:] = take.target, take.reach
    student.reset()
    found, worst = {"offset": student.offset, "added": student.added}, 0.0
    hops = take.sound.shape[2]
    for hop in range(hops):
        student.features[:] = take.sound[:, :, hop]
        student.run()
        student.commit()
        for name, answers in take.answers.items():
            if (behind := hop - hops + len(answers)) >= 0:
                what = f"golden {name} of hop {hop}"
                worst = max(worst, _deviation(model.path, what, found[name], answers[behind]))
    return worst


def require_repeatable(path: Path, running: Ascent | Student, answer: Array, bands: Bands) -> None:
    """Refuse a model that plays differently after `reset`, or when a run is repeated before it is committed.

    `answer` is what each run writes.
    """
    floor = bands.floor_db * np.log(10) / 20
    sound = np.random.default_rng(0).uniform(floor, 0, (6, *running.features.shape)).astype(np.float32)

    def play(runs: int) -> Array:
        running.reset()
        answers = []
        for features in sound:
            running.features[:] = features
            for _ in range(runs):
                running.run()
            answers.append(answer.copy())
            running.commit()
        return np.stack(answers)

    first = play(1)
    if not np.isfinite(first).all():
        raise ModelError(path, "offset", "not finite", "finite numbers for any sound")
    if not all(np.array_equal(first, play(runs)) for runs in (1, 2)):
        raise ModelError(path, "state", "different from one playing to the next", "the same samples every time")


def require_agreement(model: Model) -> None:
    """Refuse a model whose chains for so many columns differ from the one for any number."""
    rng = np.random.default_rng(0)
    most = min(OWN_CHAINS, model.manifest.context_frames)
    shapes = inputs(model.manifest).items()
    for columns in range(1, most + 1):
        given = {name: rng.normal(size=sizes(shape, 2, columns)).astype(np.float32) for name, shape in shapes}
        given |= {"rate": np.full(1, 0.1, np.float32), "reach": np.full(1, 0.5, np.float32)}
        for steps in (0, model.manifest.steps):
            own, general = (_played(model, chain, steps, given) for chain in (f"t{columns}", "tn"))
            for name, found, expected in zip(model.chains.taps("tn", steps), own, general, strict=True):
                _deviation(model.path, f"{name} of {columns} columns", found, expected)


def _played(model: Model, chain: str, steps: int, given: Mapping[str, Array]) -> list[Array]:
    """Outputs of one chain, in the order of its taps."""
    session = model.chains.session(chain, steps, model.device)
    fed = {value.name: given[value.name] for value in session.get_inputs()}
    played: list[Array] = session.run(model.chains.taps(chain, steps), fed)
    return played


def require_partition_law(path: str | Path, effect: Playable) -> int:
    """Refuse a model with which `effect` plays a signal differently in parts; in how many ways it was cut."""
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.normal(size=(1, ONE_SECOND))).astype(np.float32)
    whole = effect.process(sound, ONE_SECOND)
    for longest in LONGEST_BLOCKS:
        start, parts = 0, []
        while start < sound.shape[1]:
            length = int(rng.integers(1, longest + 1))
            parts.append(effect.process(sound[:, start : start + length], ONE_SECOND, reset=False))
            start += length
        parts.append(effect.flush())
        if not np.array_equal(np.concatenate(parts, axis=1), whole):
            found = f"other samples in blocks of 1 to {longest}"
            raise ModelError(path, "partition law", found, "the samples of one call, however a signal is cut")
    return len(LONGEST_BLOCKS)


def _deviation(path: Path, what: str, found: Array, expected: Array) -> float:
    if found.shape != expected.shape:
        raise ModelError(path, f"shape of {what}", found.shape, expected.shape)
    scale = max(float(np.abs(expected).max(initial=0)), 1e-6)
    share = float(np.abs(found - expected).max(initial=0)) / scale
    if not share <= TOLERANCE:
        raise ModelError(path, what, f"off by {share:.2g} of its largest value", f"at most {TOLERANCE:g}")
    return share
