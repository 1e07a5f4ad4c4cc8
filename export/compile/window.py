"""From a network on log bands to one safe ONNX file that dreams on a whole window of them.

What strides over time or looks both ways cannot run column by column: it sees all its columns at once, and all of them
move. Any network of operators that have adjoints will do, with branches, gates and joins of its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from torch import Tensor

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import MAX_STEPS, Manifest, Normalisation, Training
from dreampedal.export.compile.chains.steps import ascend, swapped
from dreampedal.export.compile.clips import Net, forward, graph_outputs, traced
from dreampedal.export.compile.golden import window_cases
from dreampedal.export.compile.gradient import gradient
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, declare, write_model
from dreampedal.export.compile.trace import Trace

__all__ = ["Training", "export_window"]


def export_window(net: Net, path: str | os.PathLike[str], **details: Unpack[Details]) -> Manifest:
    """Write a network on log bands as an ascent model that runs on the window; arguments as `export_classifier`'s.

    Raises:
        ValueError: if the network takes anything but log bands, holds weights that are no numbers or what has no
            adjoint, or cannot be written.
    """
    if not isinstance(net.input, LogBands):
        raise ValueError(f"a network on {net.input.kind}: expected one on log bands, which the engine streams")
    trace, (bands, frames) = traced(net)
    manifest = declare(
        Manifest,
        trace.filters,
        classes=net.classes,
        runs_on="window",
        sample_rates=(44_100, 48_000),
        bands=net.input.bands,
        window=net.input.window,
        hop=net.input.hop,
        context_frames=frames,
        normalisation=_normalisation(net, bands),
        **details,
    )
    graph = Graph()
    chain = Window(trace, bands, frames)
    offsets = ascend(graph, chain, MAX_STEPS)
    values = {f"window_offset_{step}": swapped(graph, offset) for step, offset in enumerate(offsets) if step}
    outputs = graph_outputs(graph, trace, chain.forward(graph, offsets[0]))
    values |= {f"window_{name}": value for name, value in outputs.items()}
    golden = window_cases(lambda features: forward(net, features), manifest)
    return write_model(Path(path), graph, values, manifest, golden)


@dataclass(frozen=True)
class Window:
    """The whole window moves (`dreampedal.export.compile.chains.steps.Chain`)."""

    trace: Trace
    bands: int
    frames: int

    def extent(self, graph: Graph) -> str:
        return graph.constant([self.frames, self.bands])

    def forward(self, graph: Graph, offset: str) -> dict[str, str]:
        """Every value at `features` + `offset`."""
        return self.trace.forward(graph, graph.op("Add", "features", swapped(graph, offset)))

    def gradient(self, graph: Graph, offset: str) -> str:
        return swapped(graph, gradient(graph, self.trace, self.forward(graph, offset)))


def _normalisation(net: Net, bands: int) -> Normalisation:
    """What the network takes out of each band, where it says so; the graph holds it either way."""
    mean, std = getattr(net, "mean", None), getattr(net, "std", None)
    if isinstance(mean, Tensor) and isinstance(std, Tensor) and mean.numel() == std.numel() == bands:
        return Normalisation(mean=tuple(mean.flatten().tolist()), std=tuple(std.flatten().tolist()))
    return Normalisation(mean=(0.0,) * bands, std=(1.0,) * bands)
