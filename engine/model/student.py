"""A student: a model that answers a frame with an offset at once, and what it remembers between two hops.

    student = model.student(channels=1)
    student.target[:] = targets.parse("class:flute").shares(model.manifest.targets)
    student.reset()                             # to endless silence, for that target
    student.features[:] = ...                   # each hop
    student.run()
    ... student.offset ...
    student.commit()

Everything is bound to ONNX Runtime once: a run reads and writes the arrays below in place and allocates nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreampedal.engine.model.device import chosen_device
from dreampedal.engine.model.format.interface import inputs, outputs, sizes
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.sessions import Array, BoundSession, Sessions, graph_errors, values_on
from dreampedal.engine.model.structure import read_model
from dreampedal.engine.runtime.turns import Turn

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_REACH = 1e-3
"""Nepers: the graph divides by the reach."""


class StudentModel:
    """A student as its file declares it. Sessions are made when first needed and shared by all that run it."""

    def __init__(self, path: Path, graph: ModelProto, manifest: StudentManifest, device: str) -> None:
        self.path, self.manifest = path, manifest
        self.device = chosen_device(device, much_at_once=False)
        self.sessions = Sessions(path, graph)

    def __repr__(self) -> str:
        manifest = self.manifest
        return f"StudentModel({manifest.name!r}, version={manifest.version!r}, targets={list(manifest.targets)})"

    def student(self, channels: int = 1, device: str | None = None) -> Student:
        """A new run of the model, warm, in the state of endless silence, for its first target at its most reach.

        Args:
            channels: rows of features, each with states of its own.
            device: another than the model's own.
        """
        if channels < 1:
            raise ValueError(f"channels = {channels}: expected at least 1")
        return Student(self, channels, chosen_device(device, much_at_once=False) if device else self.device)

    def silence(self, target: Array, reach: Array) -> dict[str, Array]:
        """What is remembered after endless silence, for one channel, by the names of inputs.

        A layer's input in silence is one column, repeated. It depends on the states before it only, so a pass for each
        state makes them all right.
        """
        floor = self.manifest.bands.floor_db * np.log(10) / 20
        declared = inputs(self.manifest)
        feeds = {name: np.zeros(sizes(shape, 1), np.float32) for name, shape in declared.items()}
        feeds |= {"target": target, "reach": reach}
        feeds["features"] = np.full_like(feeds["features"], floor)
        feeds["power"] = np.full_like(feeds["power"], self.manifest.bands.count * np.exp(2 * floor))
        names = {f"next_{name}": f"state_{name}" for name in self.manifest.states}
        session = self.sessions.session(list(outputs(self.manifest)), "cpu")
        for _ in names:
            for name, state in zip(names.values(), self.sessions.run(session, list(names), feeds), strict=True):
                feeds[name] = np.repeat(state[:, -1:], state.shape[1], axis=1)
        return {name: feeds[name] for name in remembered(self.manifest)}


class Student:
    """One signal's run of a student: bound arrays, and what is remembered.

    All float32: `features` (channels, bands) of the newest frame go in, with `target` (targets,), weights of 0 and more
    that sum to 1, and `reach` (1,) in nepers, above 0. Out come `offset` (channels, bands) in nepers, within the reach,
    and `added` (channels, carriers, bands), the amplitude of each carrier in each band, 0 and more.

    `commit` takes a run's states over; call it once a hop. A run that is not committed is as if it never was.
    """

    def __init__(self, model: StudentModel, channels: int, device: str) -> None:
        manifest = model.manifest
        self.model, self.device = model, device
        self.inputs: dict[str, Array] = {
            name: np.zeros(sizes(shape, channels), np.float32) for name, shape in inputs(manifest).items()
        }
        self.features, self.target, self.reach = (self.inputs[name] for name in ("features", "target", "reach"))
        self.offset: Array = np.zeros_like(self.features)
        self.added: Array = np.zeros((channels, len(manifest.carriers), manifest.bands.count), np.float32)
        self.target[0], self.reach[0] = 1, manifest.reach_db[1] * np.log(10) / 20
        self._turn = Turn("a student")
        self._front = 0
        self._values = values_on(self.inputs, device)
        self._states = tuple(
            values_on({name: self.inputs[name].copy() for name in remembered(manifest)}, device) for _ in range(2)
        )
        self.reset()
        self._run = self._bound()

    @property
    def channels(self) -> int:
        """Channels, each with states of its own."""
        return int(self.features.shape[0])

    def run(self) -> None:
        """Write `offset` and `added` for `features`, after all that was committed; allocates nothing."""
        with self._turn:
            for name in self._run.fed:
                self._values[name].update_inplace(self.inputs[name])
            self._run.session.run_with_iobinding(self._run.bindings[self._front])

    def commit(self) -> None:
        """Remember the last run: the states that it leads to become the current ones."""
        self._front = 1 - self._front

    def reset(self) -> None:
        """Go back to endless silence, with the target and the reach as they are now."""
        self._front = 0
        for name, silence in self.model.silence(self.target, self.reach).items():
            self._states[0][name].update_inplace(np.repeat(silence, self.channels, axis=0))

    def state(self, name: str) -> Array:
        """A copy of a layer's current state, (channels, columns, filters), the newest column last."""
        return np.array(self._states[self._front][f"state_{name}"].numpy())

    @property
    def power(self) -> Array:
        """A copy of the running power, (channels, 1)."""
        return np.array(self._states[self._front]["power"].numpy())

    def _bound(self) -> BoundSession:
        session = self.model.sessions.session(list(outputs(self.model.manifest)), self.device)
        bindings = self._binding(session, 0), self._binding(session, 1)
        fed = ("features", "target", "reach") if self.device == "cuda" else ()
        with graph_errors(self.model.path, "failing"):
            session.run_with_iobinding(bindings[0])
        return BoundSession(session, bindings, fed)

    def _binding(self, session: Any, front: int) -> Any:
        """The session from one set of states to the other."""
        binding, answers = session.io_binding(), values_on({"offset": self.offset, "added": self.added}, "cpu")
        for value in session.get_inputs():
            known = self._states[front] if value.name in self._states[front] else self._values
            binding.bind_ortvalue_input(value.name, known[value.name])
        follows = {f"next_{name.removeprefix('state_')}": value for name, value in self._states[1 - front].items()}
        for value in session.get_outputs():
            binding.bind_ortvalue_output(value.name, (follows | answers)[value.name])
        return binding


def remembered(manifest: StudentManifest) -> tuple[str, ...]:
    """Inputs that a student remembers from one hop to the next."""
    return "power", *(f"state_{name}" for name in manifest.states)


def dreaming_model(path: str | Path, device: str = "auto") -> Model | StudentModel:
    """The model in the file at `path` that dreams on bands, its structure proved sound before anything of it runs.

    Args:
        device: "cpu", "cuda", or "auto", which takes a GPU for models that see a whole window only.

    Raises:
        ModelError: that names the file, the field, what was found and what was expected.
        DeviceError: if "cuda" is asked for and not there.
    """
    graph, manifest = read_model(path)
    if isinstance(manifest, Manifest):
        return Model(Path(path), graph, manifest, device)
    if isinstance(manifest, StudentManifest):
        return StudentModel(Path(path), graph, manifest, device)
    raise ModelError(path, "manifest.kind", manifest.kind, "ascent or student, the kinds that dream on bands")
