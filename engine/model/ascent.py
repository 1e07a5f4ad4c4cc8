"""Gradient ascent under way: the numbers that go in, the offset that comes out, and the state between two hops.

    ascent = model.ascent(channels=1, steps=4)
    ascent.u["conv2"][5] = 1                    # what to amplify
    ascent.features[:] = ...                    # each hop
    ascent.run()
    ... ascent.result ...
    ascent.commit()

Everything is bound to ONNX Runtime once: a run reads and writes the arrays below in place and allocates nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dreampedal.engine.model.chains import Chains
from dreampedal.engine.model.format.interface import inputs, sizes
from dreampedal.engine.model.format.manifest import OWN_CHAINS
from dreampedal.engine.model.sessions import Array, BoundSession, graph_errors, values_on
from dreampedal.engine.runtime.turns import Turn

DEFAULT_RATE = 0.1
"""Nepers that the offset moves in a step, RMS over bands and columns."""

DEFAULT_REACH = 1.4
"""Nepers that the offset may reach: 12 dB."""


class Ascent:
    """One signal's ascent on a model: bound arrays, and the states of its layers.

    Shapes, all float32: `features`, `offset` (where the ascent starts) and `result` (where it ends) are (channels,
    bands, columns); `shape` (bands, bands) is applied to each gradient; `level` (channels, bands) weighs bands by how
    loud they are, so that what only changes loudness is taken out along `mask` (bands,), and zeros leave it in;
    `rate` and `reach` (1,) are in nepers; `u[layer]`, `v[layer]` (filters,) and `classes` (classes,) say what to climb:
    the mean over columns of Σ(u·y + ½v·y²), plus classes·logits. With 0 steps, `activations[layer]` (channels,
    filters, columns) and `logits` (channels, classes) hold what the model makes of `features` + `offset`. `inputs` has
    all that goes in, by its name in the graph.

    Columns are moving ones, the oldest first. `commit` fixes the oldest as it was played; call it once a hop.
    """

    def __init__(self, chains: Chains, channels: int, steps: int, columns: int, device: str) -> None:
        manifest = chains.manifest
        self.chains, self.steps, self.device = chains, steps, device
        self.inputs: dict[str, Array] = {
            name: np.zeros(sizes(shape, channels, columns), np.float32) for name, shape in inputs(manifest).items()
        }
        self.features, self.offset = self.inputs["features"], self.inputs["offset"]
        self.shape, self.level, self.mask = self.inputs["shape"], self.inputs["level"], self.inputs["mask"]
        self.rate, self.reach = self.inputs["rate"], self.inputs["reach"]
        self.u = {layer.name: self.inputs[f"u_{layer.name}"] for layer in manifest.layers}
        self.v = {layer.name: self.inputs[f"v_{layer.name}"] for layer in manifest.layers}
        self.classes = self.inputs.get("classes", np.zeros(0, np.float32))
        self.result: Array = np.zeros_like(self.features)
        self.logits: Array = np.zeros((channels, len(manifest.classes)), np.float32)
        self.activations: dict[str, Array] = {}
        self.shape[:], self.mask[:] = np.eye(len(self.mask)), 1
        self.rate[:], self.reach[:] = DEFAULT_RATE, DEFAULT_REACH
        own_chain = f"t{columns}" if columns <= OWN_CHAINS else "tn"
        self._chain = own_chain if manifest.runs_on == "columns" else "window"
        self._runs: dict[int, BoundSession] = {}
        self._turn = Turn("an ascent")
        self._front = 0
        self._values = values_on(self.inputs, device)
        self._states = tuple(
            values_on({name: self.inputs[f"state_{name}"].copy() for name in manifest.states}, device) for _ in range(2)
        )
        self._start: Array = np.zeros_like(self.features)
        self.reset()
        for part in set(self._parts(steps)):
            self._bind(part)

    @property
    def channels(self) -> int:
        """Channels, each with states of its own."""
        return int(self.features.shape[0])

    @property
    def columns(self) -> int:
        """Moving columns, or the whole window of a model that runs on it."""
        return int(self.features.shape[2])

    def run(self, steps: int | None = None) -> None:
        """Climb `steps` steps (None: as many as at construction) and write `result`.

        A file holds a few steps unrolled (`manifest.steps`); what is beyond runs its graph again, each time from where
        the last run ended, which is the same as if more of them were unrolled. `offset` is as before when it is done.
        The first run of a number of steps prepares and warms its sessions; later ones allocate nothing.

        Raises:
            ValueError: if `steps` is below 0.
        """
        first, *more = self._parts(self.steps if steps is None else steps)
        with self._turn:
            self._climb(first)
            if not more:
                return
            self._start[:] = self.offset
            try:
                for part in more:
                    self.offset[:] = self.result
                    self._climb(part)
            finally:
                self.offset[:] = self._start

    def commit(self) -> None:
        """Fix the oldest moving column as the last run left it: the states it leads to become the current ones."""
        self._front = 1 - self._front

    def reset(self) -> None:
        """Go back to endless silence."""
        self._front = 0
        for name, silence in self.chains.silence.items():
            self._states[0][name].update_inplace(np.repeat(silence, self.channels, axis=0))

    def state(self, name: str) -> Array:
        """A copy of a layer's current state, (channels, columns, filters), the newest column last."""
        return np.array(self._states[self._front][name].numpy())

    def _parts(self, steps: int) -> list[int]:
        """So many steps as numbers of them that the graph holds unrolled."""
        if steps < 0:
            raise ValueError(f"steps = {steps}: expected 0 or more")
        most = self.chains.manifest.steps
        whole, rest = divmod(steps, most)
        return [most] * whole + [rest] * (rest > 0 or not whole)

    def _climb(self, steps: int) -> None:
        run = self._runs.get(steps) or self._bind(steps)
        for name in run.fed:
            self._values[name].update_inplace(self.inputs[name])
        run.session.run_with_iobinding(run.bindings[self._front])
        if steps == 0:
            self.result[:] = self.offset

    def _bind(self, steps: int) -> BoundSession:
        session = self.chains.session(self._chain, steps, self.device)
        bindings = self._bound(session, steps, 0), self._bound(session, steps, 1)
        fed = tuple(value.name for value in session.get_inputs() if not value.name.startswith("state_"))
        run = BoundSession(session, bindings, fed if self.device == "cuda" else ())
        with graph_errors(self.chains.path, "failing"):
            session.run_with_iobinding(bindings[self._front])
        self._runs[steps] = run
        return run

    def _bound(self, session: Any, steps: int, front: int) -> Any:
        binding = session.io_binding()
        for value in session.get_inputs():
            known = self._states[front] if value.name.startswith("state_") else self._values
            binding.bind_ortvalue_input(value.name, known[value.name.removeprefix("state_")])
        for value in session.get_outputs():
            kind, _, name = value.name.removeprefix(f"{self._chain}_").partition("_")
            if kind == "state":
                target = self._states[1 - front][name.removeprefix(f"{steps}_")]
            else:
                target = values_on({"": self._written(kind, name, value.shape)}, "cpu")[""]
            binding.bind_ortvalue_output(value.name, target)
        return binding

    def _written(self, kind: str, name: str, shape: list[int | str]) -> Array:
        """The array that an output of this kind is written to."""
        if kind == "offset":
            return self.result
        if kind == "logits":
            return self.logits
        if name not in self.activations:
            positions = shape[2] if isinstance(shape[2], int) else self.chains.positions(name, self.columns)
            self.activations[name] = np.zeros((self.channels, int(shape[1]), positions), np.float32)
        return self.activations[name]
