"""From a network on samples to one safe ONNX file that dreams: the gradient of any target with respect to the samples.

    export_waveform(net, "raw.onnx", name="raw", training=Training(data=..., licence=..., seed=...))

The gradient is written out as operators, so that ONNX Runtime needs no autograd. What to climb comes in as for every
dream: `u + v·y` at each layer's output and weights of the classes; the objective is the mean over a layer's positions
of Σ(u·y + ½v·y²), plus classes·logits, for each clip. A network with a rate of its own dreams at that rate: only what
the dream adds is resampled to the host's rate, never the dry sound, and the manifest says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.engine.model.format.clip_manifest import WaveformManifest
from dreampedal.engine.model.format.inputs import Waveform
from dreampedal.engine.model.format.manifest import Training
from dreampedal.engine.model.golden import packed, places
from dreampedal.export.compile.ascent import write_model
from dreampedal.export.compile.backward import gradient
from dreampedal.export.compile.classifier import tapped
from dreampedal.export.compile.clips import SEEDS, Net, Told, followed, golden_clips, hearing, manifest_of, take
from dreampedal.export.compile.golden import objective
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.traced import Traced
from dreampedal.export.compile.window import injection

__all__ = ["Training", "export_waveform"]


def export_waveform(net: Net, path: str | os.PathLike[str], **told: Unpack[Told]) -> WaveformManifest:
    """Write a network on samples as a model that dreams on them; arguments and result as `export_classifier` has them.

    Raises:
        ValueError: if the network hears anything but samples, holds weights that are no numbers or what has no adjoint
            (`dreampedal.export.compile.rules` says what has), or cannot be written.
    """
    if not isinstance(net.input, Waveform):
        raise ValueError(f"a network on {net.input.kind}: expected one on samples, which alone dreams on a waveform")
    trace, shape = followed(net)
    manifest = manifest_of(WaveformManifest, net, trace, input=net.input, seconds=net.seconds, shape=shape, **told)
    graph = Graph()
    names = trace.forward(graph, "x", climbs=True)
    values = tapped(graph, trace, names)
    values["gradient"] = gradient(graph, trace, names, seeds(graph, trace, names))
    golden = [_take(net, manifest, seed) for seed in SEEDS]
    return write_model(Path(path), graph, values, manifest, json.dumps(golden))


def seeds(graph: Graph, trace: Traced, names: Mapping[str, str]) -> dict[str, str]:
    """Write the gradient of the objective at every value that counts by itself: layers and logits."""
    found = dict[str, str]()
    for layer, value in trace.layers.items():
        share = injection(graph, names[value], layer, trace.filters[layer], trace.positions(layer))
        found[value] = graph.op("Add", found[value], share) if value in found else share
    if trace.shapes[trace.logits][0]:
        wide = graph.op("Expand", graph.reshape("classes", [1, -1]), graph.op("Shape", names[trace.logits]))
        found[trace.logits] = graph.op("Add", found[trace.logits], wide) if trace.logits in found else wide
    return found


def autograd(
    net: Net, manifest: WaveformManifest, x: NDArray[np.float32], given: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits, and the gradient of the objective with respect to clips `x`, by torch; nothing here is ours."""
    clips = torch.as_tensor(x).requires_grad_()
    heard = hearing(net, clips)
    (found,) = torch.autograd.grad(objective(heard, given, manifest), clips)
    return heard[1].detach().numpy(), found.numpy()


def random_injections(manifest: WaveformManifest, seed: int) -> dict[str, NDArray[np.float32]]:
    """Something of everything to climb."""
    rng = np.random.default_rng(seed)
    sizes = {f"{kind}_{layer.name}": layer.filters for layer in manifest.layers for kind in "uv"}
    return {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()} | {
        "classes": rng.normal(size=len(manifest.classes)).astype(np.float32)
    }


def _take(net: Net, manifest: WaveformManifest, seed: int) -> dict[str, object]:
    assert isinstance(net, nn.Module)
    given = random_injections(manifest, seed)
    logits, found = autograd(net, manifest, golden_clips(net.input, manifest.shape, seed), given)
    expected = {"logits": packed(logits), "gradient": packed(found[:, 0, places(manifest.shape[1])])}
    return take(net.input, seed, {name: packed(value) for name, value in given.items()}, expected)
