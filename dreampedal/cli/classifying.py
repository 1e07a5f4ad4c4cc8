"""What `classify` and `export` show: thin shells over `engine.classifier` and `export.write`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dreampedal import library
from dreampedal.console.console import fail, one_line, print_json, say
from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.runtime.files import written_whole
from dreampedal.rendering.recordings import reading

PREFERRED = "genres", "notes"
"""Models that judge a recording where none is named: the first that is there. The one knows whole songs, the other
single instruments."""


def classify(files: Sequence[Path], model: str | None, clips: int, seed: int, top: int, as_json: bool) -> int:
    """Judge each recording; the status to exit with. One that cannot be judged does not stop the others."""
    there = library.names("model")
    chosen = model if model is not None else next((name for name in PREFERRED if name in there), PREFERRED[-1])
    classifier = Classifier.load(library.find("model", chosen))
    found = list[dict[str, Any]]()
    for file in files:
        try:
            found.append(_judged(classifier, file, clips, seed))
        except (ValueError, OSError, MemoryError) as error:
            found.append({"file": str(file), "error": one_line(error)})
            fail(one_line(error))
    if as_json:
        print_json(found)
    else:
        for row in found:
            if "error" not in row:
                _show(row, classifier.manifest.name, top)
    return 2 if any("error" in row for row in found) else 0


def export(
    checkpoint: Path, out: Path, name: str | None, kind: str, data: str | None, licence: str | None, as_json: bool
) -> None:
    """Write a checkpoint as a model and prove it."""
    if not checkpoint.is_file():
        from dreampedal.export.nets.checkpoint import absent

        raise ValueError(absent(checkpoint))
    from dreampedal.engine.model.format.manifest import ModelError
    from dreampedal.engine.model.verify import verify
    from dreampedal.export.train.model_files import export_checkpoint, name_for

    if out.suffix != ".onnx":
        raise ValueError(f"{out}: expected a name that ends in .onnx")
    with written_whole(out) as part:  # what stood there before is replaced by a model that was proved
        manifest = export_checkpoint(
            checkpoint, part, name=name_for(out) if name is None else name, kind=kind, data=data, licence=licence
        )
        try:
            proof = verify(part)
        except ModelError as error:
            raise ModelError(out, error.field, error.found, f"{error.expected}; nothing is written") from None
    if as_json:
        print_json({"file": str(out), "kind": manifest.kind, "name": manifest.name, "bytes": proof.file_bytes,
                    "golden_deviation": proof.golden_deviation})  # fmt: skip
        return
    say(f"{out}: {manifest.name}, kind {manifest.kind}, {proof.file_bytes / 1e6:.2f} MB")
    print(f"  golden takes: {proof.takes} replayed, off by {proof.golden_deviation:.1g} of the largest value at most")


def _judged(classifier: Classifier, file: Path, clips: int, seed: int) -> dict[str, Any]:
    audio, rate = _mono(file)
    try:
        shares = classifier.probabilities(audio, rate, clips, seed)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    pooled = shares.mean(0)
    order = np.argsort(-pooled, kind="stable")
    return {
        "file": str(file), "seconds": audio.size / rate, "clips": len(shares),
        "clip_seconds": classifier.seconds(rate), "model": classifier.manifest.name,
        "probabilities": {classifier.classes[place]: float(pooled[place]) for place in order},
    }  # fmt: skip


def _mono(file: Path) -> tuple[NDArray[np.float32], float]:
    """All channels of a recording mixed by their mean."""
    with reading(file) as recording:
        try:
            return np.concatenate([block.mean(0) for block in recording.blocks()]), recording.sample_rate
        except MemoryError as error:
            raise MemoryError(f"{file} is {recording.seconds:.0f} s long, and is held whole") from error


def _show(row: dict[str, Any], model: str, top: int) -> None:
    repeated = ", repeated" if row["seconds"] < row["clip_seconds"] else ""
    count = f"{row['clips']} clip{'s' if row['clips'] > 1 else ''} of {row['clip_seconds']:.3g} s{repeated}"
    table = Table("class", "probability", box=None, pad_edge=False)
    for name, share in list(row["probabilities"].items())[:top]:
        table.add_row(name, f"{share:6.1%}")
    say(f"{row['file']}: {model}, {count}")
    Console().print(table)
