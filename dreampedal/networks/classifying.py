"""`classify`: what a model hears in recordings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.console.console import fail, one_line, print_json, say
from dreampedal.console.tables import print_table
from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.model.library import library
from dreampedal.networks.options import Classify
from dreampedal.rendering.recordings import finite_blocks, reading

PREFERRED = "genres", "notes"
"""Models that judge a recording where none is named: the first that is there. The one knows whole songs, the other
single instruments."""


def classify(options: Classify) -> int:
    """Judge each recording; the status to exit with. One that cannot be judged does not stop the others."""
    there = library.names("model")
    usual = next((name for name in PREFERRED if name in there), PREFERRED[-1])
    classifier = Classifier.load(library.find("model", usual if options.model is None else options.model))
    found = list[dict[str, Any]]()
    for file in options.files:
        try:
            found.append(_judged(classifier, file, options.clips, options.seed))
        except (ValueError, OSError, MemoryError) as error:
            found.append({"file": str(file), "error": one_line(error)})
            fail(one_line(error))
    judged = [row for row in found if "error" not in row]
    if options.as_json:
        print_json(found)
    else:
        for row in judged:
            _show(row, classifier.manifest.name, options.top)
    return 0 if len(judged) == len(found) else 2


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
            return np.concatenate([block.mean(0) for block in finite_blocks(recording)]), recording.sample_rate
        except MemoryError as error:
            raise MemoryError(f"{file} is {recording.seconds:.0f} s long, and is held whole") from error


def _show(row: dict[str, Any], model: str, top: int) -> None:
    repeated = ", repeated" if row["seconds"] < row["clip_seconds"] else ""
    count = f"{row['clips']} clip{'s' if row['clips'] > 1 else ''} of {row['clip_seconds']:.3g} s{repeated}"
    say(f"{row['file']}: {model}, {count}")
    shares = islice(row["probabilities"].items(), top)
    print_table(("class", "probability"), ((name, f"{share:6.1%}") for name, share in shares))
