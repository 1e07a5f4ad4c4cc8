"""From a trained causal network to one safe ONNX file with its gradient written out, column by column.

    export_ascent(network, "notes.onnx", name="notes", training=Training(data=..., licence=..., seed=...))

The file holds the network both ways, forward and adjoint, with the steps of ascent unrolled; a manifest; and golden
vectors of the torch original, which `dreampedal verify` replays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import MAX_STEPS, OWN_CHAINS, Bands, Manifest, Normalisation, Training
from dreampedal.export.compile.columns import MovingColumns, outputs
from dreampedal.export.compile.fold import causal_network
from dreampedal.export.compile.golden import column_cases
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, declare, write_model
from dreampedal.export.nets.causal import Network

__all__ = ["Training", "export_ascent"]


def export_ascent(
    network: Network,
    path: str | os.PathLike[str],
    *,
    input: LogBands | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    **details: Unpack[Details],
) -> Manifest:
    """Write a causal network as a model that runs on columns.

    Args:
        network: trained; float32, in evaluation from here on.
        path: of the ONNX file, which appears whole or not at all.
        input: the features that it is trained on; else those of as many bands by default.
        labels: names of filters, by layer.
        details: for the manifest.

    Returns:
        The manifest in the file.

    Raises:
        ValueError: if the network holds what cannot be written.
    """
    network = network.eval().cpu()
    net = causal_network(network)
    input = input or LogBands(bands=Bands(count=net.bands))
    mean, std = (network.get_buffer(name).double().flatten().tolist() for name in ("mean", "std"))
    manifest = declare(
        Manifest,
        {layer.name: layer.filters for layer in net.layers},
        sample_rates=(44_100, 48_000),
        bands=input.bands,
        window=input.window,
        hop=input.hop,
        context_frames=net.context_frames,
        normalisation=Normalisation(mean=tuple(mean), std=tuple(std)),
        classes=network.classes,
        states=net.states,
        labels=labels,
        **details,
    )
    graph = Graph()
    values = dict[str, str]()
    for columns in (*range(1, OWN_CHAINS + 1), None):
        values.update(outputs(graph, MovingColumns(net, columns), MAX_STEPS))
    return write_model(Path(path), graph, values, manifest, column_cases(network, manifest))
