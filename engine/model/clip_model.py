"""A clip-level model, a network on whole clips: one ONNX file, read safely, and the sessions that play it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreampedal.engine.model import targets
from dreampedal.engine.model.device import chosen_device
from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.sessions import Array, Sessions
from dreampedal.engine.model.structure import read_model

if TYPE_CHECKING:
    from onnx import ModelProto

BATCH_VALUES = 1 << 17
"""Numbers in the clips that one run takes, unless a single clip has more: what a network makes of them on its way is
hundreds of times as much (of each clip of 5 s in `genres`, 60 MB), and more at a time is no faster.
"""


class ClipModel:
    """A network on clips of `manifest.shape`. Sessions are made when first needed and shared by all that run it."""

    def __init__(
        self, path: Path, graph: ModelProto, manifest: ClassifierManifest | WaveformManifest, device: str
    ) -> None:
        self.path, self.manifest = path, manifest
        self.device = chosen_device(device, much_at_once=True)
        self.sessions = Sessions(path, graph)

    def __repr__(self) -> str:
        return f"ClipModel({self.manifest.name!r}, kind={self.manifest.kind!r}, seconds={self.manifest.seconds:g})"

    def logits(self, x: Array) -> Array:
        """Logits of clips, (n, rows, frames) to (n, classes)."""
        return self.run(["logits"], {"x": x})["logits"]

    def activations(self, x: Array) -> dict[str, Array]:
        """Output of each layer, (n, filters, positions) by name."""
        names = [f"y_{layer.name}" for layer in self.manifest.layers]
        return {name.removeprefix("y_"): y for name, y in self.run(names, {"x": x}).items()} if names else {}

    def gradient(self, x: Array, target: str | targets.Target, energy: bool = False) -> Array:
        """The gradient of a target with respect to the samples of each clip, shape as `x` (n, 1, samples).

        Raises:
            ValueError: if the model only names, or has no such layer, filter or class.
        """
        manifest = self.manifest
        if not isinstance(manifest, WaveformManifest):
            raise ModelError(self.path, "manifest.kind", manifest.kind, "waveform, the kind that dreams on samples")
        wanted = targets.parse(target) if isinstance(target, str) else target
        u, v, classes = wanted.injections(manifest.layers, manifest.classes, energy)
        given = {f"u_{name}": value for name, value in u.items()} | {f"v_{name}": value for name, value in v.items()}
        return self.run(["gradient"], {"x": x, "classes": classes, **given})["gradient"]

    def run(self, outputs: Sequence[str], given: Mapping[str, Array]) -> dict[str, Array]:
        """The named outputs of the graph, a batch of clips at a time; `given` is what else goes in, by name.

        Raises:
            ValueError: if the clips have another shape.
            ModelError: if ONNX Runtime refuses the graph or fails in it.
        """
        x = np.asarray(given["x"], np.float32)
        if x.ndim != 3 or x.shape[1:] != self.manifest.shape or not len(x):
            raise ValueError(f"clips of shape {x.shape}: expected (n, {', '.join(map(str, self.manifest.shape))})")
        session, batch = self.sessions.session(outputs, self.device), max(1, BATCH_VALUES // x[0].size)
        needed = [value.name for value in session.get_inputs()]
        if missing := set(needed) - set(given):
            wanted, there = (", ".join(sorted(names)) for names in (missing, given))
            raise ModelError(self.path, f"graph of {', '.join(outputs)}", f"hearing {wanted}", f"only {there}")
        found: list[list[Array]] = []
        for at in range(0, len(x), batch):
            fed = {name: x[at : at + batch] if name == "x" else given[name] for name in needed}
            found.append(self.sessions.run(session, outputs, fed))
        return {name: np.concatenate(parts) for name, parts in zip(outputs, zip(*found, strict=True), strict=True)}


def open_model(path: str | Path, device: str = "auto") -> Model | ClipModel:
    """The model in the file at `path` that hears what a sound is, proved sound before anything of it runs.

    Students do not: they only answer (`engine.model.student`).

    Args:
        device: "cpu", "cuda", or "auto".

    Raises:
        ModelError: that names the file, the field, what was found and what was expected.
        DeviceError: if "cuda" is asked for and not there.
    """
    graph, manifest = read_model(path)
    if isinstance(manifest, Manifest):
        return Model(Path(path), graph, manifest, device)
    if isinstance(manifest, StudentManifest):
        raise ModelError(path, "manifest.kind", manifest.kind, "ascent, classifier or waveform, the kinds that hear")
    return ClipModel(Path(path), graph, manifest, device)
