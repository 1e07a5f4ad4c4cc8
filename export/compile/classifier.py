"""From a network that names to one safe ONNX file.

    export_classifier(net, "styles.onnx", name="styles", training=Training(data=..., licence=..., seed=...))

The file holds the network forward, to the logits and to every layer that it names; probabilities are made of the logits
where it runs. Its batch norms are folded, and the same network gives the same bytes. Recurrent networks (LSTM) are
written this way only: none of them dreams, so no gradient of an LSTM is written out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Unpack

import torch

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest
from dreampedal.engine.model.format.golden import packed
from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.clips import SEEDS, Net, golden_clips, graph_outputs, take, traced
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, declare, write_model

__all__ = ["Training", "export_classifier"]


def export_classifier(net: Net, path: str | os.PathLike[str], **details: Unpack[Details]) -> ClassifierManifest:
    """Write a network as a model that names what it hears in a clip.

    Args:
        net: trained; float32, in evaluation from here on. Its attribute `probabilities`, if it has one, says what makes
            probabilities of its logits: "softmax" (else assumed), or "sigmoid" for tags that do not exclude each other.
        path: of the ONNX file, which appears whole or not at all.
        details: for the manifest.

    Returns:
        The manifest in the file.

    Raises:
        ValueError: for weights that are no numbers, and for a network that cannot be written.
    """
    trace, shape = traced(net)
    manifest = declare(
        ClassifierManifest,
        trace.filters,
        classes=net.classes,
        input=net.input,
        seconds=net.seconds,
        shape=shape,
        probabilities=getattr(net, "probabilities", "softmax"),
        **details,
    )
    golden = []
    for seed in SEEDS:
        with torch.no_grad():
            logits = net(torch.as_tensor(golden_clips(net.input, shape, seed)))
        golden.append(take(net.input, seed, {}, {"logits": packed(logits.numpy())}))
    graph = Graph()
    values = graph_outputs(graph, trace, trace.forward(graph, "x"))
    return write_model(Path(path), graph, values, manifest, json.dumps(golden))
