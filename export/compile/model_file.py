"""What every model file is made of: a manifest, the graph, and golden vectors, in one file that appears whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeVar

import onnx

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.interface import inputs, outputs
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, Layer, Manifest, Training
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.structure import MAX_FILE_BYTES, content_hash, metadata, read_model
from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.compile.graph.writer import Graph

Declared = TypeVar("Declared", Manifest, ClassifierManifest, WaveformManifest)
Written = TypeVar("Written", Manifest, StudentManifest, ClassifierManifest, WaveformManifest)


class Details(TypedDict):
    """What the manifest says of a network beside its structure.

    Fields:
        name: a label.
        training, accuracy: what is reported of the weights; accuracy is by name, none unless given.
        version: "1" unless given.
    """

    name: str
    training: Training
    accuracy: NotRequired[Mapping[str, float] | None]
    version: NotRequired[str]


def declare(
    kind: type[Declared],
    filters: Mapping[str, int],
    *,
    accuracy: Mapping[str, float] | None = None,
    version: str = "1",
    labels: Mapping[str, Sequence[str]] | None = None,
    **declared: Any,
) -> Declared:
    """The manifest of a network, but for the hash of its weights; filters and their labels are by layer."""
    labels = labels or {}
    return kind(
        version=version,
        layers=tuple(Layer(name=n, filters=count, labels=tuple(labels.get(n, ()))) for n, count in filters.items()),
        accuracy=dict(accuracy or {}),
        content_hash="0" * 64,
        **declared,
    )


def write_model(
    path: Path,
    graph: Graph,
    values: dict[str, str],
    manifest: Written,
    golden: str,
    most_bytes: int = MAX_FILE_BYTES,
) -> Written:
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
