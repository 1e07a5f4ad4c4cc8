"""From a network on log bands to one ONNX file that dreams on a whole window of them.

Any network that can be followed and answered (`traced`, `backward`) will do, with branches, gates and joins of its own;
`dreampedal.export.compile.ascent.export_window` is for a plain row of layers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import MAX_STEPS, Manifest, Normalisation, Training
from dreampedal.engine.model.golden import packed
from dreampedal.export.compile.ascent import write_model
from dreampedal.export.compile.backward import gradient
from dreampedal.export.compile.classifier import tapped
from dreampedal.export.compile.clips import Net, Told, followed, hearing, manifest_of
from dreampedal.export.compile.golden import climb, random_features, random_inputs
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.steps import ascend, turned
from dreampedal.export.compile.traced import Traced
from dreampedal.export.compile.waveform import seeds

__all__ = ["Training", "export_window_net"]


def export_window_net(net: Net, path: str | os.PathLike[str], **told: Unpack[Told]) -> Manifest:
    """Write a network on log bands as an ascent model that runs on the window; arguments as `export_classifier`'s.

    Raises:
        ValueError: if the network hears anything but log bands, holds weights that are no numbers or what has no
            adjoint, or cannot be written.
    """
    if not isinstance(net.input, LogBands):
        raise ValueError(f"a network on {net.input.kind}: expected one on log bands, which the engine streams")
    trace, (bands, frames) = followed(net)
    manifest = manifest_of(
        Manifest,
        net,
        trace,
        runs_on="window",
        sample_rates=(44_100, 48_000),
        bands=net.input.bands,
        window=net.input.window,
        hop=net.input.hop,
        context_frames=frames,
        normalisation=_normalisation(net, bands),
        **told,
    )
    graph = Graph()
    chain = Window(trace, bands, frames)
    offsets = ascend(graph, chain, MAX_STEPS)
    values = {f"window_offset_{step}": turned(graph, offset) for step, offset in enumerate(offsets) if step}
    heard = tapped(graph, trace, chain.forward(graph, offsets[0]))
    values |= {f"window_{name}": value for name, value in heard.items()}
    return write_model(Path(path), graph, values, manifest, _golden(net, manifest))


@dataclass(frozen=True)
class Window:
    """The whole window moves (`dreampedal.export.compile.steps.Chain`)."""

    trace: Traced
    bands: int
    frames: int

    def extent(self, graph: Graph) -> str:
        return graph.constant([self.frames, self.bands])

    def forward(self, graph: Graph, offset: str) -> dict[str, str]:
        """Every value at `features` + `offset`."""
        return self.trace.forward(graph, graph.op("Add", "features", turned(graph, offset)), climbs=True)

    def gradient(self, graph: Graph, offset: str) -> str:
        names = self.forward(graph, offset)
        return turned(graph, gradient(graph, self.trace, names, seeds(graph, self.trace, names)))


def _normalisation(net: Net, bands: int) -> Normalisation:
    """What the network takes out of each band, where it says so; the graph holds it either way."""
    mean, std = getattr(net, "mean", None), getattr(net, "std", None)
    if isinstance(mean, Tensor) and isinstance(std, Tensor) and mean.numel() == std.numel() == bands:
        return Normalisation(mean=tuple(mean.flatten().tolist()), std=tuple(std.flatten().tolist()))
    return Normalisation(mean=(0.0,) * bands, std=(1.0,) * bands)


def _golden(net: Net, manifest: Manifest) -> str:
    """One take of two steps, and the logits after it; activations of a deep network would outweigh it."""
    assert isinstance(net, nn.Module)
    rng = np.random.default_rng(1)
    sound = random_features(rng, manifest, manifest.context_frames)
    given = random_inputs(rng, manifest, manifest.context_frames)
    offset = climb(lambda x: hearing(net, x), {"features": sound} | given, manifest, 2)
    with torch.no_grad():
        logits = net(torch.as_tensor(sound + given["offset"])).numpy()
    case = {"sound": sound, "offsets": offset[np.newaxis], **given, "logits": logits}
    take = {"columns": manifest.context_frames, "steps": 2} | {name: packed(array) for name, array in case.items()}
    return json.dumps([take])
