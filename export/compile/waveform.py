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
from dreampedal.engine.model.format.golden import packed, places
from dreampedal.engine.model.format.inputs import Waveform
from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.clips import SEEDS, Net, forward, golden_clips, graph_outputs, take, traced
from dreampedal.export.compile.golden import objective
from dreampedal.export.compile.gradient import gradient
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, declare, write_model

__all__ = ["Training", "export_waveform"]


def export_waveform(net: Net, path: str | os.PathLike[str], **details: Unpack[Details]) -> WaveformManifest:
    """Write a network on samples as a model that dreams on them; arguments and result as `export_classifier` has them.

    Raises:
        ValueError: if the network takes anything but samples, holds weights that are no numbers or what has no adjoint
            (`dreampedal.export.compile.operators` says what has), or cannot be written.
    """
    if not isinstance(net.input, Waveform):
        raise ValueError(f"a network on {net.input.kind}: expected one on samples, which alone dreams on a waveform")
    trace, shape = traced(net)
    manifest = declare(
        WaveformManifest,
        trace.filters,
        classes=net.classes,
        input=net.input,
        seconds=net.seconds,
        shape=shape,
        **details,
    )
    graph = Graph()
    names = trace.forward(graph, "x")
    values = graph_outputs(graph, trace, names) | {"gradient": gradient(graph, trace, names)}
    golden = [_take(net, manifest, seed) for seed in SEEDS]
    return write_model(Path(path), graph, values, manifest, json.dumps(golden))


def autograd(
    net: Net, manifest: WaveformManifest, x: NDArray[np.float32], given: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits, and the gradient of the objective with respect to clips `x`, by torch; nothing here is ours."""
    clips = torch.as_tensor(x).requires_grad_()
    response = forward(net, clips)
    (found,) = torch.autograd.grad(objective(response, given, manifest), clips)
    return response[1].detach().numpy(), found.numpy()


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
