"""From a trained torch network to one safe ONNX file with its gradient written out.

    export_ascent(network, "notes.onnx", name="notes", training=Training(data=..., licence=..., seed=...))

The file holds the network both ways, forward and adjoint, with the steps of ascent unrolled; a manifest; and golden
vectors of the torch original, which `dreampedal verify` replays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import onnx
from torch import Tensor, nn

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.interface import inputs, outputs
from dreampedal.engine.model.format.manifest import (
    GOLDEN_KEY,
    MAX_STEPS,
    METADATA_KEY,
    OWN_CHAINS,
    Bands,
    Layer,
    Manifest,
    Normalisation,
    Training,
)
from dreampedal.engine.model.structure import MAX_FILE_BYTES, content_hash, metadata, read_model
from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.compile.columns import MovingColumns, taps
from dreampedal.export.compile.fold import causal_network, doubles
from dreampedal.export.compile.golden import column_cases, window_case, window_hearing
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.window import layer_outputs, window_network
from dreampedal.export.compile.window import taps as window_taps
from dreampedal.export.nets.causal import Network

__all__ = ["Training", "export_ascent", "export_window"]


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
    manifest = _manifest(
        name=name,
        version=version,
        sample_rates=sample_rates,
        bands=bands or Bands(count=net.bands),
        window=window,
        hop=hop,
        context_frames=net.context_frames,
        mean=network.get_buffer("mean"),
        std=network.get_buffer("std"),
        filters={layer.name: len(layer.weight) for layer in net.layers},
        labels=labels,
        classes=network.classes,
        states=net.states,
        training=training,
        accuracy=accuracy,
    )
    graph = Graph()
    values = dict[str, str]()
    for columns in (*range(1, OWN_CHAINS + 1), None):
        values.update(taps(graph, MovingColumns(net, columns), MAX_STEPS))
    return write_model(Path(path), graph, values, manifest, column_cases(network, manifest))


def export_window(
    network: nn.Sequential,
    path: str | os.PathLike[str],
    *,
    name: str,
    training: Training,
    frames: int,
    mean: Tensor,
    std: Tensor,
    classes: Sequence[str] = (),
    version: str = "1",
    sample_rates: Sequence[int] = (44_100, 48_000),
    bands: Bands | None = None,
    window: int = 2048,
    hop: int = 512,
    labels: Mapping[str, Sequence[str]] | None = None,
    accuracy: Mapping[str, float] | None = None,
) -> Manifest:
    """Write a network that sees `frames` columns at once as a model that runs on the window.

    Args:
        network: a row of layers on normalised features (`ascent_window.window_network` says which).
        mean, std: of each band, (bands,): the network sees (features - mean) / std.
        classes: labels of the network's outputs, if it ends in a linear layer.

    The other arguments, the result and the errors are those of `export_ascent`.
    """
    network = network.eval().cpu()
    net = window_network(network, len(mean), frames, mean, std)
    if len(classes) != net.classes:
        raise ValueError(f"{len(classes)} classes for a network of {net.classes} outputs")
    manifest = _manifest(
        name=name,
        version=version,
        runs_on="window",
        sample_rates=sample_rates,
        bands=bands or Bands(count=net.bands),
        window=window,
        hop=hop,
        context_frames=frames,
        mean=mean,
        std=std,
        filters=net.layers,
        labels=labels,
        classes=classes,
        training=training,
        accuracy=accuracy,
    )
    graph = Graph()
    values = dict(window_taps(graph, net, MAX_STEPS))
    as_image = any(isinstance(module, nn.Conv2d) for module in network.modules())
    hear = window_hearing(network, layer_outputs(network), mean, std, as_image)
    return write_model(Path(path), graph, values, manifest, window_case(hear, manifest))


def _manifest(
    *,
    mean: Tensor,
    std: Tensor,
    filters: Mapping[str, int],
    labels: Mapping[str, Sequence[str]] | None,
    accuracy: Mapping[str, float] | None,
    **declared: Any,
) -> Manifest:
    """The manifest, but for the hash of the weights."""
    return Manifest(
        **declared,
        normalisation=Normalisation(mean=tuple(doubles(mean).ravel()), std=tuple(doubles(std).ravel())),
        layers=tuple(
            Layer(name=name, filters=count, labels=tuple((labels or {}).get(name, ())))
            for name, count in filters.items()
        ),
        accuracy=dict(accuracy or {}),
        content_hash="0" * 64,
    )


Declared = TypeVar("Declared", Manifest, ClassifierManifest, WaveformManifest)


def write_model(
    path: Path,
    graph: Graph,
    values: dict[str, str],
    manifest: Declared,
    golden: str,
    most_bytes: int = MAX_FILE_BYTES,
) -> Declared:
    """Put graph, manifest and golden vectors into one file; the manifest with the hash of the weights.

    Raises:
        ValueError: if the file would be larger than `most_bytes`, before any of it is written.
    """
    weights = {name: values.nbytes for name, values in graph.weights.items()}
    require_room(path, weights | {"golden vectors": len(golden)}, most_bytes)
    model = graph.model(inputs(manifest), outputs(manifest), values)
    manifest = manifest.model_copy(update={"content_hash": content_hash(model)})
    onnx.helper.set_model_props(model, {METADATA_KEY: manifest.model_dump_json(), GOLDEN_KEY: golden})
    onnx.checker.check_model(model)
    with written_whole(path) as part:
        part.write_bytes(model.SerializeToString())
        model, _ = read_model(part)
        metadata(part, model, GOLDEN_KEY)
    return manifest


def require_room(what: Path, parts: Mapping[str, int], most_bytes: int = MAX_FILE_BYTES) -> None:
    """A ValueError where parts, bytes by name, make a model file larger than the engine opens; it says what to do.

    >>> require_room(Path("a.onnx"), {"dense": 4_000_000, "conv": 1000}, most_bytes=10**6)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: a.onnx: a model of 4.0 MB: expected at most 1.0 MB; the largest part, dense, has 4.0 MB: train a ...
    """
    if (found := sum(parts.values())) > most_bytes:
        name = max(parts, key=lambda name: parts[name])
        raise ValueError(
            f"{what}: a model of {found / 1e6:.1f} MB: expected at most {most_bytes / 1e6:.1f} MB; the largest part, "
            f"{name}, has {parts[name] / 1e6:.1f} MB: train a smaller network (`dreampedal train networks` lists the "
            f"settings), or stay with its checkpoint"
        )
