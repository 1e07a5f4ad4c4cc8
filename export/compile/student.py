"""From a trained student to one safe ONNX file: its graph for one hop.

    export_student(student, "heard.onnx", name="heard", training=Training(...), reach_db=(6, 24), teachers={...})

A convolution over time becomes one product with the columns that it remembers. What is asked for steers each layer by a
scale and a shift for each filter, and shifts the answer; all of them are one product with the weights of the targets
and the reach. Biases, the scale of what is seen and the mean over three bands are folded into the products around them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.engine.model.format.golden import packed
from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import Bands, Training
from dreampedal.engine.model.format.student_manifest import StudentManifest, Teacher
from dreampedal.export.compile.fold import doubles
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, write_model
from dreampedal.export.nets.students import student as nets

__all__ = ["Training", "export_student"]

MOST_BYTES = 2_000_000
"""Of the file of a student."""

GOLDEN_HOPS = 8
"""Of each golden take, at its end, whose answers are written out."""

Array = NDArray[np.floating]


def export_student(
    student: nets.Student,
    path: str | os.PathLike[str],
    *,
    reach_db: tuple[float, float],
    teachers: Mapping[str, str] | None = None,
    input: LogBands | None = None,
    **details: Unpack[Details],
) -> StudentManifest:
    """Write a student as a model that answers a hop at a time.

    Args:
        student: trained; float32, in evaluation from here on.
        path: of the ONNX file, which appears whole or not at all.
        reach_db: the least and the most reach that it was trained with.
        teachers: content hash of each listener that it was distilled from, by name.
        input: the features that it is trained on; else those of as many bands by default.
        details: for the manifest.

    Returns:
        The manifest in the file.

    Raises:
        ValueError: if its weights are no finite numbers, or the file would be larger than 2 MB.
    """
    student = student.eval().cpu()
    if unfit := [name for name, values in student.state_dict().items() if not values.isfinite().all()]:
        raise ValueError(f"weights '{unfit[0]}' of the student hold NaN or infinity: expected finite numbers")
    input = input or LogBands(bands=Bands(count=student.bands))
    manifest = StudentManifest(
        name=details["name"],
        version=details.get("version", "1"),
        sample_rates=(44_100, 48_000),
        bands=input.bands,
        window=input.window,
        hop=input.hop,
        targets=student.targets,
        carriers=student.carriers,
        reach_db=reach_db,
        states=states_of(student),
        teachers=tuple(Teacher(name=name, content_hash=found) for name, found in (teachers or {}).items()),
        training=details["training"],
        accuracy=dict(details.get("accuracy") or {}),
        content_hash="0" * 64,
    )
    graph = Graph()
    values = outputs(graph, student)
    return write_model(Path(path), graph, values, manifest, golden_takes(student, manifest), MOST_BYTES)


def states_of(student: nets.Student) -> dict[str, tuple[int, int]]:
    """What each layer remembers of its input, (columns, filters) by the names of layers."""
    filters = student.first.out_channels
    columns = [(nets.KERNEL - 1) * dilation for dilation in (1, *student.dilations)]
    widths = [student.bands, *(filters for _ in student.dilations)]
    return {f"layer{place}": shape for place, shape in enumerate(zip(columns, widths, strict=True))}


def outputs(graph: Graph, student: nets.Student) -> dict[str, str]:
    """Write one hop of a student; the value behind each output of the model."""
    steering = iter(_steering(graph, student))
    values = dict[str, str]()
    x = graph.reshape(_seen(graph, student, values), (-1, 1, student.bands))
    for place, (name, (_, width)) in enumerate(states_of(student).items()):
        dilation = (1, *student.dilations)[place]
        line = graph.op("Concat", f"state_{name}", x, axis=1)
        values[f"next_{name}"] = graph.slice(line, 1, 1)
        taps = graph.slice(line, 1, 0, stride=dilation) if dilation > 1 else line
        heard = graph.op("MatMul", graph.reshape(taps, (-1, 1, nets.KERNEL * width)), _taps(graph, student, place))
        steered = graph.op("Add", graph.op("Mul", heard, next(steering)), next(steering))
        bent = graph.op("Mul", steered, graph.op("Sigmoid", steered))
        x = graph.op("Add", x, bent) if place else bent
    answer = graph.op("Add", graph.op("MatMul", x, graph.weight("answer", _answer(student)[0])), next(steering))
    if student.carriers:
        sizes = graph.constant([student.bands, len(student.carriers) * student.bands])
        answer = graph.op("Split", answer, sizes, outputs=2, axis=2)
        loud = graph.op("Mul", graph.op("Sigmoid", f"{answer}_1"), graph.constant(np.float32(nets.MOST_ADDED)))
        values["added"] = graph.reshape(loud, (-1, len(student.carriers), student.bands))
    within = graph.op("Mul", graph.op("Tanh", graph.op("Div", answer, "reach")), "reach")
    values["offset"] = graph.reshape(within, (-1, student.bands))
    return values


def _seen(graph: Graph, student: nets.Student, values: dict[str, str]) -> str:
    """Twice the bands against the running loudness, and no lower under it than a student sees; not yet scaled."""
    doubled = graph.op("Add", "features", "features")
    powers = graph.op("Concat", graph.op("Exp", doubled), "power", axis=1)
    # Two ways on from a running power, of which the greater is taken: to follow, and to jump to a share of the frame's.
    follow = np.append(np.full(student.bands, 1 - nets.KEPT), nets.KEPT)
    jump = np.append(np.full(student.bands, nets.LEAST_SHARE), 0)
    ways = graph.op("MatMul", powers, graph.weight("running", np.stack([follow, jump], 1)))
    values["next_power"] = graph.op("ReduceMax", ways, graph.constant([1]))
    loudness = graph.op("Log", graph.op("Add", values["next_power"], graph.constant(np.float32(nets.SILENCE))))
    return graph.op("Clip", graph.op("Sub", doubled, loudness), graph.constant(np.float32(2 * nets.LOWEST)))


def _taps(graph: Graph, student: nets.Student, place: int) -> str:
    """A layer's weights, (taps · inputs, filters), the oldest tap first; the first layer's scale what it hears."""
    weight = doubles(_layers(student)[place].weight).transpose(2, 1, 0)
    weight = weight / 4 if place == 0 else weight
    return graph.weight(f"weight{place}", weight.reshape(-1, weight.shape[2]))


def _steering(graph: Graph, student: nets.Student) -> list[str]:
    """Scale and shift of each layer, and the shift of the answer, from the target and the reach."""
    weights, biases = list[Array](), list[Array]()
    for place, (layer, steer) in enumerate(zip(_layers(student), student.steering, strict=True)):
        assert isinstance(steer, nn.Linear)
        scale, shift = np.split(doubles(steer.weight).T, 2, axis=1)
        scale_rest, shift_rest = np.split(doubles(steer.bias), 2)
        bias = _bias(layer) + (2 * doubles(layer.weight).sum((1, 2)) if place == 0 else 0)
        weights += [scale, scale * bias + shift]
        biases += [1 + scale_rest, (1 + scale_rest) * bias + shift_rest]
    _, curves, rest = _answer(student)
    weights.append(np.pad(curves, ((0, 1), (0, 0))))
    biases.append(rest)
    # The last input of a steering layer is the reach against the full one. The bias is one more, which is always 1.
    joined = np.concatenate([np.concatenate(weights, 1), np.concatenate(biases)[np.newaxis]])
    joined[-2] /= nets.FULL_REACH
    asked = graph.op("Concat", "target", "reach", graph.constant(np.ones(1, np.float32)), axis=0)
    steered = graph.op("MatMul", asked, graph.weight("steering", joined))
    sizes = graph.constant([part.size for part in biases])
    first = graph.op("Split", steered, sizes, outputs=len(biases), axis=0)
    return [first, *(f"{first}_{index}" for index in range(1, len(biases)))]


def _answer(student: nets.Student) -> tuple[Array, Array, Array]:
    """From filters to the answer, (filters, answers); from targets to it, (targets, answers); and what stays of it.

    The answer is the offset, in nepers before its limit, and then the logits of what is added.
    """
    bands, mean = student.bands, np.zeros((student.bands, student.bands))
    for band in range(bands):
        for near in (band - 1, band, band + 1):
            mean[min(max(near, 0), bands - 1), band] += nets.GAIN / 3
    head, rest = doubles(student.head.weight)[:, :, 0].T @ mean, _bias(student.head) @ mean
    curves = doubles(student.curves.weight).T @ mean
    if not student.carriers:
        return head, curves, rest
    adding, adding_curves = student.adding, student.adding_curves
    return (
        np.concatenate([head, doubles(adding.weight)[:, :, 0].T], 1),
        np.concatenate([curves, doubles(adding_curves.weight).T], 1),
        np.concatenate([rest, _bias(adding) + doubles(adding_curves.bias)]),
    )


def _bias(layer: nn.Conv1d) -> Array:
    assert layer.bias is not None
    return doubles(layer.bias)


def _layers(student: nets.Student) -> list[nn.Conv1d]:
    return [student.first, *(layer for layer in student.layers if isinstance(layer, nn.Conv1d))]


def golden_takes(student: nets.Student, manifest: StudentManifest, seed: int = 1) -> str:
    """What the torch original makes of sounds from silence on, as JSON: one target, mixtures, both ends of the reach.

    Each is of two channels and longer than the student's history, with jumps of level that outlast it, so that the
    running power counts.
    """
    rng = np.random.default_rng(seed)
    targets = len(manifest.targets)
    cases = list[dict[str, Any]]()
    for weights in (np.eye(targets)[0], np.full(targets, 1 / targets), rng.dirichlet(np.ones(targets))):
        sound = _random_sound(rng, manifest, student.history_frames + 2 * GOLDEN_HOPS)
        target = weights.astype(np.float32)
        reach_db = manifest.reach_db[len(cases) % 2]
        reach = np.full(1, reach_db * math.log(10) / 20, np.float32)
        with torch.no_grad():
            asked = torch.as_tensor(np.stack([target, target])), torch.as_tensor(np.repeat(reach, 2))
            answered = student(torch.as_tensor(sound), *asked)
        case = {"sound": sound, "target": target, "reach": reach, "offset": _last_hops(answered.offset)}
        if manifest.carriers:
            case["added"] = _last_hops(answered.added)
        cases.append({name: packed(array) for name, array in case.items()})
    return json.dumps(cases)


def _last_hops(answers: torch.Tensor) -> NDArray[np.float32]:
    """The last golden hops of answers (channels, ..., frames), (hops, channels, ...)."""
    return np.ascontiguousarray(np.moveaxis(answers.numpy()[..., -GOLDEN_HOPS:], -1, 0), np.float32)


def _random_sound(rng: np.random.Generator, manifest: StudentManifest, frames: int) -> NDArray[np.float32]:
    """Features (2, bands, frames) of something like sound: spectra that move, and a level that jumps."""
    bands = manifest.bands
    spectrum = rng.normal(-5, 2, (2, bands.count, 1)) + rng.normal(0, 0.3, (2, bands.count, frames)).cumsum(2)
    level = np.repeat(rng.uniform(-4, 1, (2, 1, -(-frames // 12))), 12, axis=2)[:, :, :frames]
    return np.asarray(np.clip(spectrum + level, bands.floor_db * math.log(10) / 20, 1), np.float32)
