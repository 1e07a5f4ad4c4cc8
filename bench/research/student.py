"""A hop of a student against eight steps of ascent on `notes`, one thread, in turn.

    python -m bench.research.student [STUDENT.onnx]

The ascent moves one column, and the five that `Dream` moves unless told otherwise. With no file a student of the size
that ships is written with weights drawn at random: what it costs does not depend on them. A second table plays `Dream`
in `live` with one and the other, and says what a hop of each kernel costs.

Hops are counted in processor time of the thread, one hop at a time. On a machine that does other things the longer of
two works is interrupted more often, and wall time makes a student seem ten times cheaper than it is.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.harness.report import median_seconds, report
from dreampedal.effects.dream import Dream
from dreampedal.effects.spectral.network_stream import NetworkStream
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.student import StudentModel, dreaming_model
from dreampedal.export.compile.student import Training, export_student
from dreampedal.export.nets.students.student import Student

SHIPPED = Path(__file__).parents[2] / "presets" / "models" / "notes.onnx"
STEPS, COLUMNS = 8, (1, 5)
HOPS, WARM_UP = 400, 20
RATE, HOP = 48_000, 512
KERNELS = "analyse", "hear", "prepare", "follow", "match_loudness", "run"
"""Of streams, that are timed one by one; what a stream does not have is left out."""


def drawn(path: Path) -> StudentModel:
    """A student of eleven classes and three carriers, as large as one that ships."""
    torch.manual_seed(0)
    student = Student([f"class:c{index}" for index in range(11)], carriers=("below", "above", "breath"))
    training = Training(data="random weights", licence="CC0-1.0", seed=0)
    export_student(student, path, name="random", training=training, reach_db=(6, 24))
    return loaded(path)


def loaded(path: Path) -> StudentModel:
    model = dreaming_model(path, "cpu")
    if not isinstance(model, StudentModel):
        raise SystemExit(f"{path}: a {model.manifest.kind} model: expected a student")
    return model


def processor_seconds(*works: Callable[[], object]) -> list[float]:
    """Median seconds of this thread's processor time for each work, taken in turn."""
    return median_seconds(*works, runs=HOPS, warmup=WARM_UP, clock=time.thread_time)


def compared(model: StudentModel, notes: Model) -> list[dict[str, Any]]:
    """A row for each number of columns that the ascent moves."""
    rng, rows = np.random.default_rng(0), []
    student = model.student()
    student.features[:] = rng.normal(-6, 2, student.features.shape)
    for columns in COLUMNS:
        ascent = notes.ascent(1, STEPS, columns)
        ascent.features[:] = rng.normal(-6, 2, ascent.features.shape)
        ascent.classes[0] = 1
        ours, theirs = processor_seconds(student.run, ascent.run)
        rows.append({"columns": columns, "student ms": 1e3 * ours, "ascent ms": 1e3 * theirs, "share": ours / theirs})
    return rows


def parts(effect: Dream, seconds: float = 2.0) -> dict[str, Any]:
    """Median microseconds of processor time of a hop in `live`, whole and by kernel."""
    stream = effect.stream(RATE, 1, HOP)
    assert isinstance(stream, NetworkStream)
    sound = (0.1 * np.random.default_rng(0).normal(size=(1, round(seconds * RATE)))).astype(np.float32)
    blocks = [np.ascontiguousarray(sound[:, at : at + HOP]) for at in range(0, sound.shape[1] - HOP + 1, HOP)]
    whole = timed(lambda block: stream.process(block), blocks)
    spent: dict[str, list[float]] = {}

    def watched(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            begin = time.thread_time()
            result = kernel(*arguments)
            spent.setdefault(name, []).append(time.thread_time() - begin)
            return result

        return call

    runner = next(getattr(stream, name) for name in ("student", "ascent") if hasattr(stream, name))
    for name in KERNELS:
        owner: Any = runner if name == "run" else stream
        if hasattr(owner, name):
            setattr(owner, name, watched(name, getattr(owner, name)))
    timed(lambda block: stream.process(block), blocks)
    row: dict[str, Any] = {"model": Path(effect.model).stem, "whole hop us": 1e6 * float(np.median(whole))}
    return row | {f"{name} us": 1e6 * float(np.median(spent[name])) if name in spent else 0.0 for name in KERNELS}


def timed(play: Callable[[Any], object], blocks: list[Any]) -> list[float]:
    found = []
    for block in blocks:
        begin = time.thread_time()
        play(block)
        found.append(time.thread_time() - begin)
    return found


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = loaded(Path(sys.argv[1])) if len(sys.argv) > 1 else drawn(Path(folder) / "random.onnx")
        report("student", compared(model, Model.load(SHIPPED, device="cpu")), steps=STEPS, threads=1)
        dreams = [Dream(model=str(model.path), target=model.manifest.targets[0], mode="live"),
                  Dream(model=str(SHIPPED), target="class:flute", mode="live", steps=STEPS)]  # fmt: skip
        report("student_parts", [parts(effect) for effect in dreams], mode="live", threads=1)


if __name__ == "__main__":
    main()
