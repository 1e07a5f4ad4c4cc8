"""From a trained torch network to one safe ONNX file with its gradient written out.

    export_ascent(network, "notes.onnx", name="notes", training=Training(data=..., licence=..., seed=...))

The file holds the network both ways, forward and adjoint, with the steps of ascent unrolled; a manifest; and golden
vectors of the torch original, which `dreampedal verify` replays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from dreampedal.engine.files import written_whole
from dreampedal.engine.manifest import (
    GOLDEN_KEY,
    MAX_STEPS,
    METADATA_KEY,
    Bands,
    Layer,
    Manifest,
    Normalisation,
    Training,
)
from dreampedal.engine.structure import content_hash, inputs, outputs, read_model

from .ascent_columns import Columns, OneColumn, taps
from .ascent_fold import causal_network, doubles
from .ascent_graph import Graph
from .golden import column_cases
from .networks import Network

__all__ = ["Training", "export_ascent"]


def export_ascent(
    network: Network,
    path: str | os.PathLike[str],
    *,
    name: str,
    training: Training,
    version: str = "1",
    sample_rates: Sequence[int] = (44_100, 48_000),
    bands: Bands | None = None,
    window: int = 2048,
    hop: int = 512,
    labels: Mapping[str, Sequence[str]] | None = None,
    accuracy: Mapping[str, float] | None = None,
) -> Manifest:
    """Write a causal network as a model that runs on columns.

    Args:
        network: trained; float32, in evaluation from here on.
        path: of the ONNX file, which appears whole or not at all.
        training, accuracy: what the manifest reports of the weights.
        window, hop: of the analysis, in samples at 44.1 and 48 kHz.
        labels: names of filters, by layer.

    Returns:
        The manifest in the file.

    Raises:
        ValueError: if the network holds what cannot be written.
    """
    network = network.eval().cpu()
    net = causal_network(network)
    bands = bands or Bands(count=net.bands)
    if bands.count != net.bands:
        raise ValueError(f"a layout of {bands.count} bands for a network of {net.bands}")
    manifest = Manifest(
        name=name,
        version=version,
        sample_rates=tuple(sample_rates),
        bands=bands,
        window=window,
        hop=hop,
        context_frames=net.context_frames,
        normalisation=Normalisation(
            mean=tuple(doubles(network.mean).ravel().tolist()), std=tuple(doubles(network.std).ravel().tolist())
        ),
        layers=tuple(
            Layer(name=layer.name, filters=len(layer.weight), labels=tuple((labels or {}).get(layer.name, ())))
            for layer in net.layers
        ),
        classes=tuple(network.classes),
        states=net.states,
        training=training,
        accuracy=dict(accuracy or {}),
        content_hash="0" * 64,
    )
    graph = Graph()
    values = {tap: value for chain in (OneColumn(net), Columns(net)) for tap, value in taps(graph, chain, MAX_STEPS)}
    golden = column_cases(network, manifest)
    return write_model(Path(path), graph, values, manifest, golden)


def write_model(path: Path, graph: Graph, values: dict[str, str], manifest: Manifest, golden: str) -> Manifest:
    """Put graph, manifest and golden vectors into one file; the manifest with the hash of the weights."""
    model = graph.model(inputs(manifest), outputs(manifest), values)
    manifest = manifest.model_copy(update={"content_hash": content_hash(model)})
    onnx.helper.set_model_props(model, {METADATA_KEY: manifest.model_dump_json(), GOLDEN_KEY: golden})
    onnx.checker.check_model(model)
    with written_whole(path) as part:
        part.write_bytes(model.SerializeToString())
        read_model(part)
    return manifest
