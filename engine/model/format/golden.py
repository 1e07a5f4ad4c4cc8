"""Golden vectors: what a model's original made of given inputs, recorded in its file by the exporter.

Those of a model that ascends on bands are ascents over the columns of a sound, those of a student its answers to the
frames of one. Those of a model on whole clips are of noise
that every machine draws alike, so that a file stays as small as its weights; what the torch original made of them is
written out: logits, and of a network that dreams its gradient by autograd at a few hundred samples of each clip.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.interface import Shape, inputs, outputs, sizes
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.runtime.blocks import MAX_CHANNELS

Array = NDArray[np.float32]

Read = TypeVar("Read")

MAX_VECTORS = 16
"""Golden vectors in a file; each is replayed, and whoever made the file may have been anybody."""

CLIPS = 2
"""Clips of a golden vector."""

LOUDEST = 1e4
"""Largest number in a golden clip."""

PLACES = 512
"""Samples of each clip at which the gradient is written out."""


@dataclass(frozen=True)
class GoldenAscent:
    """A recorded ascent: `columns` moving columns and `steps` steps a hop, over the columns of a sound from silence.

    `given` holds every other input; `offsets` (hops, channels, bands, columns) the results of the last hops; `analysed`
    activations and logits after the last hop was committed, at its own features and the offset that it started from.
    """

    columns: int
    steps: int
    sound: Array
    given: dict[str, Array]
    offsets: Array
    analysed: dict[str, Array]


@dataclass(frozen=True)
class GoldenStudent:
    """A recorded run of a student over the frames of a sound from silence on: `sound` is (channels, bands, frames).

    `target` and `reach` are those of its graph; `answers` holds, by the outputs' names, what came out in the last hops,
    (hops, channels, ...).
    """

    sound: Array
    target: Array
    reach: Array
    answers: dict[str, Array]


@dataclass(frozen=True)
class GoldenClips:
    """Noise from `low` to `high` by `seed`, what else goes in, and what comes out."""

    seed: int
    low: float
    high: float
    given: dict[str, Array]
    expected: dict[str, Array]


def noise(shape: tuple[int, int], seed: int, low: float, high: float) -> Array:
    """Clips of noise, (2, rows, columns), each row and stretch of columns at a level of its own.

    Drawn by the Mersenne Twister of NumPy's RandomState, whose numbers never change.
    """
    rng = np.random.RandomState(seed)
    drawn = rng.random_sample((CLIPS, *shape))
    stretches = rng.random_sample((CLIPS, shape[0], 8))
    level = np.repeat(stretches, -(-shape[1] // 8), axis=2)[:, :, : shape[1]]
    return (low + (high - low) * (0.5 * drawn + 0.5 * level)).astype(np.float32)


def places(samples: int) -> NDArray[np.int64]:
    """The samples of a clip at which its gradient is compared, spread over all of it."""
    return np.unique(np.linspace(0, samples - 1, PLACES).round().astype(np.int64))


def golden_ascents(path: str | Path, text: str, manifest: Manifest) -> list[GoldenAscent]:
    """Those in the metadata of a model that dreams on bands; a ModelError for one that is not whole."""
    return _vectors(path, text, lambda where, case: _ascent(path, where, case, manifest))


def golden_students(path: str | Path, text: str, manifest: StudentManifest) -> list[GoldenStudent]:
    """Those in the metadata of a student; a ModelError for one that is not whole."""
    return _vectors(path, text, lambda where, case: _student(path, where, case, manifest))


def golden_clips(path: str | Path, text: str, manifest: ClassifierManifest | WaveformManifest) -> list[GoldenClips]:
    """Those in the metadata of a model on clips; a ModelError for one that is not whole."""
    return _vectors(path, text, lambda where, case: _clips(path, where, case, manifest))


def _vectors(path: str | Path, text: str, read: Callable[[str, Any], Read]) -> list[Read]:
    """What `read` makes of each golden vector in a text; a ModelError if there are none or too many, or it fails."""
    try:
        cases = json.loads(text)
        if not isinstance(cases, list):
            raise TypeError(f"a {type(cases).__name__}")
        if not 1 <= len(cases) <= MAX_VECTORS:
            found = f"{len(cases)} takes" if cases else "none"
            raise ModelError(path, "golden vectors", found, f"at least one take and at most {MAX_VECTORS}")
        return [read(f"golden take {number}", case) for number, case in enumerate(cases)]
    except ModelError:
        raise
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        found = f"unreadable: {error!r:.120}"
        raise ModelError(path, "golden vectors", found, "takes as the exporter writes") from None


def packed(array: Array) -> dict[str, Any]:
    """An array as JSON holds it exactly: its shape and its float32 values in base64."""
    return {"shape": list(array.shape), "float32": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def unpacked(value: Mapping[str, Any]) -> Array:
    """The array that `packed` made this of."""
    flat = np.frombuffer(base64.b64decode(value["float32"], validate=True), np.float32)
    return flat.reshape([int(size) for size in value["shape"]])


def _ascent(path: str | Path, where: str, case: Mapping[str, Any], manifest: Manifest) -> GoldenAscent:
    arrays = {name: unpacked(value) for name, value in case.items() if isinstance(value, dict)}
    columns, steps = int(case["columns"]), int(case["steps"])
    sound, offsets = arrays.pop("sound"), arrays.pop("offsets")
    if not (1 <= columns <= manifest.context_frames and 0 <= steps <= manifest.steps and sound.ndim == 3):
        raise ModelError(path, where, f"{columns} columns, {steps} steps", "what the manifest allows")
    if not 1 <= sound.shape[0] <= MAX_CHANNELS:
        raise ModelError(path, where, f"{sound.shape[0]} channels", f"1 to {MAX_CHANNELS}")
    given = {}
    for name, declared in inputs(manifest).items():
        if name == "features" or name.startswith("state_"):
            continue
        expected = sizes(declared, sound.shape[0], columns)
        given[name] = arrays.pop(name)
        if given[name].shape != expected:
            raise ModelError(path, f"{where}, shape of {name}", given[name].shape, expected)
    hops = sound.shape[2] - columns + 1
    if sound.shape[1] != manifest.bands.count or hops < 1 or offsets.shape[1:] != given["offset"].shape:
        raise ModelError(path, f"{where}, shape of sound", sound.shape, "channels, bands, columns")
    return GoldenAscent(columns, steps, sound, given, offsets, arrays)


def _student(path: str | Path, where: str, case: Mapping[str, Any], manifest: StudentManifest) -> GoldenStudent:
    arrays = {name: unpacked(value) for name, value in case.items()}
    sound = arrays.pop("sound")
    if sound.ndim != 3 or not 1 <= sound.shape[0] <= MAX_CHANNELS or sound.shape[1] != manifest.bands.count:
        raise ModelError(path, f"{where}, shape of sound", sound.shape, "channels, bands, frames")
    declared = {**inputs(manifest), **outputs(manifest)}
    names = [name for name in ("offset", "added", "target", "reach") if name in declared]
    wanted = {name: sizes(declared[name], sound.shape[0]) for name in names}
    if arrays.keys() != wanted.keys():
        raise ModelError(path, where, ", ".join(("sound", *arrays)), ", ".join(("sound", *wanted)))
    hops = len(arrays["offset"])
    for name, shape in wanted.items():
        expected = shape if name in ("target", "reach") else (hops, *shape)
        if arrays[name].shape != expected or not 1 <= hops <= sound.shape[2]:
            raise ModelError(path, f"{where}, shape of {name}", arrays[name].shape, expected)
    given = {name: arrays.pop(name) for name in ("target", "reach")}
    return GoldenStudent(sound, answers=arrays, **given)


def _clips(
    path: str | Path, where: str, case: Mapping[str, Any], manifest: ClassifierManifest | WaveformManifest
) -> GoldenClips:
    given = {name: unpacked(value) for name, value in case["given"].items()}
    expected = {name: unpacked(value) for name, value in case["expected"].items()}
    declared: dict[str, Shape] = {name: shape for name, shape in inputs(manifest).items() if name != "x"}
    wanted: dict[str, Shape] = {"logits": (CLIPS, len(manifest.classes))}
    if isinstance(manifest, WaveformManifest):
        wanted["gradient"] = (CLIPS, len(places(manifest.shape[1])))
    for name, shape in (declared | wanted).items():
        array = (given if name in declared else expected).get(name)
        if array is None or array.shape != shape:
            raise ModelError(path, f"{where}, {name}", "missing or misshapen", f"shape {shape}")
    if expected.keys() != wanted.keys() or given.keys() != declared.keys():
        raise ModelError(path, where, "more than it should hold", ", ".join((*declared, *wanted)))
    seed, low, high = int(case["seed"]), float(case["low"]), float(case["high"])
    if not (0 <= seed < 1 << 32 and -LOUDEST <= low < high <= LOUDEST):
        raise ModelError(path, where, f"noise {seed} from {low} to {high}", "noise that can be drawn")
    return GoldenClips(seed, low, high, given, expected)
