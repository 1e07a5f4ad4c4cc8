"""From a trained causal network, or several, to one safe ONNX file with the gradient written out, column by column.

    export_ascent(network, "notes.onnx", name="notes", training=Training(data=..., licence=..., seed=...))
    export_ascent([one, another], "pair.onnx", name="pair", training=...)

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
from dreampedal.export.compile.chains.columns import MovingColumns, outputs
from dreampedal.export.compile.ensemble import MovingEnsemble
from dreampedal.export.compile.fold import causal_network
from dreampedal.export.compile.golden import column_cases
from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.model_file import Details, declare, write_model
from dreampedal.export.nets.causal import Ensemble, Network

__all__ = ["Training", "export_ascent"]


def export_ascent(
    network: Network | Ensemble | Sequence[Network],
    path: str | os.PathLike[str],
    *,
    input: LogBands | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    steps: int = MAX_STEPS,
    **details: Unpack[Details],
) -> Manifest:
    """Write a causal network, or several as one, as a model that runs on columns.

    Args:
        network: trained; float32, in evaluation from here on. Several become an `Ensemble` with no equalisers.
        path: of the ONNX file, which appears whole or not at all.
        input: the features that it is trained on; else those of as many bands by default.
        labels: names of filters, by layer.
        steps: of ascent that the file holds unrolled, 1 to 8. Any number can be climbed; a file of several networks is
            smaller, and loads sooner, with fewer of them.
        details: for the manifest.

    Returns:
        The manifest in the file.

    Raises:
        ValueError: if the network holds what cannot be written, or several do not fit together.
    """
    network = (network if isinstance(network, Network | Ensemble) else Ensemble(network)).eval().cpu()
    members = {"": network} if isinstance(network, Network) else network.networks
    nets = [causal_network(member, letter and f"{letter}_") for letter, member in members.items()]
    first = next(iter(members.values()))
    input = input or LogBands(bands=Bands(count=nets[0].bands))
    mean, std = (first.get_buffer(name).double().flatten().tolist() for name in ("mean", "std"))
    manifest = declare(
        Manifest,
        {layer.name: layer.filters for net in nets for layer in net.layers},
        sample_rates=(44_100, 48_000),
        bands=input.bands,
        window=input.window,
        hop=input.hop,
        context_frames=network.context_frames,
        normalisation=Normalisation(mean=tuple(mean), std=tuple(std)),
        classes=network.classes,
        steps=steps,
        states={name: shape for net in nets for name, shape in net.states.items()},
        labels=labels,
        **details,
    )
    graph = Graph()
    values = dict[str, str]()
    for columns in (*range(1, OWN_CHAINS + 1), None):
        parts = [MovingColumns(net, columns) for net in nets]
        chain = MovingEnsemble(parts, network.worst_share) if isinstance(network, Ensemble) else parts[0]
        values.update(outputs(graph, chain, steps))
    return write_model(Path(path), graph, values, manifest, column_cases(network, manifest))
