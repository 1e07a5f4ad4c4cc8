"""The graph of a model's file, run in parts: an ONNX Runtime session for each set of outputs and device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.device import make_session, opening, told
from dreampedal.engine.model.format.manifest import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

Array = NDArray[np.float32]


@dataclass
class BoundSession:
    """A session bound both ways round: states are read from one set of arrays and written to the other."""

    session: Any
    bindings: tuple[Any, Any]
    fed: tuple[str, ...]
    """Inputs to hand over again before each run, where the session does not read our memory (CUDA)."""


class Sessions:
    """Sessions of one graph, made when first needed and shared by all that run it."""

    def __init__(self, path: Path, model: ModelProto) -> None:
        self.path = path
        self._model = model
        self._made: dict[tuple[tuple[str, ...], str], Any] = {}

    def session(self, outputs: Sequence[str], device: str) -> Any:
        """The session that computes these outputs; a ModelError if ONNX Runtime refuses the graph."""
        key = tuple(outputs), device
        with opening:
            if key not in self._made:
                with graph_errors(self.path, "refused"):
                    self._made[key] = make_session(self.part(outputs), device)
            return self._made[key]

    def run(self, session: Any, outputs: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
        """What a session computes; a ModelError if it fails."""
        with graph_errors(self.path, "failing"):
            found: list[Array] = session.run(list(outputs), given)
        return found

    def part(self, outputs: Sequence[str]) -> bytes:
        """The ONNX model of these outputs, with nothing in it that they do not need."""
        from onnx import ModelProto

        whole = self._model.graph
        producers = {name: node for node in whole.node for name in node.output}
        needed, waiting = set[str](), list(outputs)
        while waiting:
            name = waiting.pop()
            if name and name not in needed:
                needed.add(name)
                if name in producers:
                    waiting.extend(producers[name].input)
        part = ModelProto()
        part.ir_version = self._model.ir_version
        part.opset_import.extend(self._model.opset_import)
        graph = part.graph
        graph.name = whole.name
        graph.node.extend(node for node in whole.node if needed.intersection(node.output))
        graph.initializer.extend(tensor for tensor in whole.initializer if tensor.name in needed)
        graph.input.extend(value for value in whole.input if value.name in needed)
        graph.output.extend(value for value in whole.output if value.name in outputs)
        return bytes(part.SerializeToString())


@contextmanager
def graph_errors(path: Path, how: str) -> Iterator[None]:
    """A ModelError for whatever ONNX Runtime raises."""
    try:
        yield
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise ModelError(path, "graph", f"{how} {told(error)}", "one that runs") from error


def values_on(arrays: Mapping[str, Array], device: str) -> dict[str, Any]:
    """Arrays as ONNX Runtime takes them: on the CPU the same memory, else a copy on the device."""
    from onnxruntime import OrtValue

    return {name: OrtValue.ortvalue_from_numpy(array, device, 0) for name, array in arrays.items()}
