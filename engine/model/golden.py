"""Golden vectors of models that hear whole clips, replayed.

The clips themselves are noise that every machine draws alike, so that a file stays as small as its weights; what the
torch original made of them is written out: logits, and of a network that dreams its gradient by autograd at a few
hundred samples of each clip.
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

from dreampedal.engine.model.clip_model import ClipModel
from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.interface import inputs
from dreampedal.engine.model.format.manifest import ModelError

Array = NDArray[np.float32]

Read = TypeVar("Read")

MAX_TAKES = 16
"""Golden takes in a file; each is replayed, and whoever made the file may have been anybody."""

CLIPS = 2
"""Clips of a golden take."""

LOUDEST = 1e4
"""Largest number in a golden clip."""

PLACES = 512
"""Samples of each clip at which the gradient is written out."""


@dataclass(frozen=True)
class ClipTake:
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


def clip_takes(path: str | Path, text: str, manifest: ClassifierManifest | WaveformManifest) -> list[ClipTake]:
    """The takes in a file's metadata; a ModelError for one that is not whole."""
    return takes_in(path, text, lambda number, case: _take(path, number, case, manifest))


def takes_in(path: str | Path, text: str, read: Callable[[int, Any], Read]) -> list[Read]:
    """The golden takes in a file's metadata, as `read` makes them of their number and what stands there.

    Raises:
        ModelError: if there are none or too many, or `read` fails on one.
    """
    try:
        cases = json.loads(text)
        if not isinstance(cases, list):
            raise TypeError(f"a {type(cases).__name__}")
        if not 1 <= len(cases) <= MAX_TAKES:
            found = f"{len(cases)} takes" if cases else "none"
            raise ModelError(path, "golden vectors", found, f"at least one take and at most {MAX_TAKES}")
        return [read(number, case) for number, case in enumerate(cases)]
    except ModelError:
        raise
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        found = f"unreadable: {error!r:.120}"
        raise ModelError(path, "golden vectors", found, "takes as the exporter writes") from None


def replayed(model: ClipModel, take: ClipTake) -> dict[str, Array]:
    """What the model makes of a take, by the names of what is expected."""
    x = noise(model.manifest.shape, take.seed, take.low, take.high)
    found = model.run(sorted(take.expected), take.given | {"x": x})
    if "gradient" in found:
        found["gradient"] = found["gradient"][:, 0, places(model.manifest.shape[1])]
    return found


def packed(array: Array) -> dict[str, Any]:
    """An array as JSON holds it exactly: its shape and its float32 values in base64."""
    return {"shape": list(array.shape), "float32": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def unpacked(value: Mapping[str, Any]) -> Array:
    """The array that `packed` made this of."""
    flat = np.frombuffer(base64.b64decode(value["float32"], validate=True), np.float32)
    return flat.reshape([int(size) for size in value["shape"]])


def _take(
    path: str | Path, number: int, case: Mapping[str, Any], manifest: ClassifierManifest | WaveformManifest
) -> ClipTake:
    given = {name: unpacked(value) for name, value in case["given"].items()}
    expected = {name: unpacked(value) for name, value in case["expected"].items()}
    sizes = {name: shape for name, shape in inputs(manifest).items() if name != "x"}
    for name, shape in sizes.items():
        if name not in given or given[name].shape != shape:
            raise ModelError(path, f"golden take {number}, {name}", "missing or misshapen", f"shape {shape}")
    dreams = isinstance(manifest, WaveformManifest)
    wanted = {"logits": (CLIPS, len(manifest.classes))}
    if dreams:
        wanted["gradient"] = (CLIPS, len(places(manifest.shape[1])))
    for name, shape in wanted.items():
        if name not in expected or expected[name].shape != shape:
            raise ModelError(path, f"golden take {number}, {name}", "missing or misshapen", f"shape {shape}")
    if expected.keys() != wanted.keys() or given.keys() != sizes.keys():
        raise ModelError(path, f"golden take {number}", "more than it should hold", ", ".join((*sizes, *wanted)))
    seed, low, high = int(case["seed"]), float(case["low"]), float(case["high"])
    if not (0 <= seed < 1 << 32 and -LOUDEST <= low < high <= LOUDEST):
        raise ModelError(path, f"golden take {number}", f"noise {seed} from {low} to {high}", "noise that can be drawn")
    return ClipTake(seed, low, high, given, expected)
