"""A model: one ONNX file, read safely, and the sessions that play it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.model.device import chosen_device, make_session, opening, told

if TYPE_CHECKING:
    from onnx import ModelProto

    from dreampedal.engine.model.format.manifest import Manifest


class Model:
    """A model as its file declares it. Sessions are made when first needed and shared by all that run it."""

    def __init__(self, path: Path, graph: ModelProto, manifest: Manifest, device: str) -> None:
        self.path, self.manifest = path, manifest
        self.device = chosen_device(device, manifest.runs_on == "window")
        self._graph = graph
        self._sessions: dict[tuple[str, int, str], Any] = {}

    def __repr__(self) -> str:
        manifest = self.manifest
        return f"Model({manifest.name!r}, version={manifest.version!r}, layers={[x.name for x in manifest.layers]})"

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Model:
        """The model in the file at `path`, its structure proved sound before anything of it runs.

        Args:
            device: "cpu", "cuda", or "auto": the GPU, where there is one, for models that see a whole window, and the
                CPU for models that move one column, which are done before a GPU has begun.

        Raises:
            ModelError: that names the file, the field, what was found and what was expected.
            DeviceError: if "cuda" is asked for and not there.
        """
        from dreampedal.engine.model.structure import read_ascent_model

        return cls(Path(path), *read_ascent_model(path), device)

    def ascent(self, channels: int = 1, steps: int = 4, columns: int = 1, device: str | None = None) -> Ascent:
        """A new ascent, warm, in the state of endless silence.

        Args:
            channels: rows of features, each with its own states.
            steps: steps of a run, 0 (only listen) to `manifest.steps`; `Ascent.run` takes others too.
            columns: moving columns, 1 + `lookahead_frames`, up to `manifest.context_frames`. A model that runs on the
                window moves all of it.
            device: another than the model's own.
        """
        manifest = self.manifest
        if manifest.runs_on == "window":
            columns = manifest.context_frames
        if not 1 <= columns <= manifest.context_frames:
            raise ValueError(f"columns = {columns}: {manifest.name} takes 1 to {manifest.context_frames}")
        if channels < 1:
            raise ValueError(f"channels = {channels}: expected at least 1")
        chosen = chosen_device(device, manifest.runs_on == "window") if device else self.device
        return Ascent(self, channels, steps, columns, chosen)

    @cached_property
    def silence(self) -> dict[str, NDArray[np.float32]]:
        """State of each layer after endless silence, one channel: (1, columns, filters).

        A layer's input in silence is one column, repeated. It depends on the states before it only, so a pass for each
        state makes them all right.
        """
        if not self.manifest.states:
            return {}
        floor = self.manifest.bands.floor_db * np.log(10) / 20
        feeds: dict[str, NDArray[np.float32]] = {
            f"state_{name}": np.zeros((1, *shape), np.float32) for name, shape in self.manifest.states.items()
        }
        feeds["features"] = np.full((1, self.manifest.bands.count, 1), floor, np.float32)
        feeds["offset"] = np.zeros_like(feeds["features"])
        names = {f"t1_state_0_{name}": f"state_{name}" for name in self.manifest.states}
        session = self.session("t1", 0, "cpu")
        needed = {value.name for value in session.get_inputs()}
        for _ in names:
            fed = {name: value for name, value in feeds.items() if name in needed}
            for name, state in zip(names.values(), self._run(session, list(names), fed), strict=True):
                feeds[name] = np.repeat(state[:, -1:], state.shape[1], axis=1)
        return {name: feeds[f"state_{name}"] for name in self.manifest.states}

    def session(self, chain: str, steps: int, device: str) -> Any:
        """The ONNX Runtime session that ends at a number of steps."""
        key = chain, steps, device
        with opening:
            if key not in self._sessions:
                self._sessions[key] = self._made(chain, steps, device)
            return self._sessions[key]

    def _made(self, chain: str, steps: int, device: str) -> Any:
        from dreampedal.engine.model.format.manifest import ModelError

        try:
            return make_session(self.part(chain, steps), device)
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            raise ModelError(self.path, "graph", f"refused {told(error)}", "one that it can run") from error

    def _run(self, session: Any, names: list[str], fed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """What a session computes; a ModelError if it fails."""
        from dreampedal.engine.model.format.manifest import ModelError

        try:
            found: list[NDArray[np.float32]] = session.run(names, fed)
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            raise ModelError(self.path, "graph", f"failing {told(error)}", "one that runs") from error
        return found

    def part(self, chain: str, steps: int) -> bytes:
        """The ONNX model that ends at a number of steps, with nothing in it that these do not need."""
        return pruned(self._graph, self.taps(chain, steps))

    def taps(self, chain: str, steps: int) -> list[str]:
        """Outputs to compute: what is heard (0 steps) or the offset, and the states that it leads to."""
        if steps == 0:
            heard = [f"{chain}_y_{layer.name}" for layer in self.manifest.layers]
            taps = heard + ([f"{chain}_logits"] if self.manifest.classes else [])
        else:
            taps = [f"{chain}_offset_{steps}"]
        return taps + [f"{chain}_state_{steps}_{name}" for name in self.manifest.states]

    def positions(self, layer: str, columns: int) -> int:
        """Positions of a layer's output on `columns` columns."""
        if self.manifest.runs_on == "columns":
            return columns
        bands = self.manifest.bands.count
        features = np.zeros((1, bands, columns), np.float32)
        session = self.session("window", 0, "cpu")
        given = {"features": features, "offset": features}
        return int(self._run(session, [f"window_y_{layer}"], given)[0].shape[2])


def pruned(model: ModelProto, outputs: list[str]) -> bytes:
    """The part of a model that `outputs` need, as the bytes of a model."""
    from onnx import ModelProto

    producers = {name: node for node in model.graph.node for name in node.output}
    needed, waiting = set[str](), list(outputs)
    while waiting:
        name = waiting.pop()
        if name and name not in needed:
            needed.add(name)
            if name in producers:
                waiting.extend(producers[name].input)
    part = ModelProto()
    part.ir_version = model.ir_version
    part.opset_import.extend(model.opset_import)
    graph, whole = part.graph, model.graph
    graph.name = whole.name
    graph.node.extend(node for node in whole.node if needed.intersection(node.output))
    graph.initializer.extend(tensor for tensor in whole.initializer if tensor.name in needed)
    graph.input.extend(value for value in whole.input if value.name in needed)
    graph.output.extend(value for value in whole.output if value.name in outputs)
    return bytes(part.SerializeToString())
