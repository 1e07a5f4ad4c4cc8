"""Train the shipped model `styles` on all clips of genres: `python -m bench.research.styles [FOLDER] [OUT]`.

The recipe is that of the row `styles` of the table of networks, whose cross-validated accuracy the manifest reports:
no recording is left to judge this model on.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from bench.harness.report import RESULTS
from bench.research.recipes import RECIPES
from bench.research.runs import MODELS, train_on_all
from bench.research.sounds import Sources
from dreampedal.export.compile.ascent import Training, export_ascent

SEED = 0
NOTES = "python -m bench.research.styles; begun with model notes"


def provenance(manifest: Path, classes: Collection[str]) -> tuple[str, str]:
    """Who made the music of these classes, and under which licences, from the table of the clips."""
    with open(manifest, encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["genre"] in classes]
    authors = defaultdict(set)
    for row in rows:
        authors[row["licence"]].add(f"{row['author']} ({row['package']})")
    tracks = len({row["track"] for row in rows})
    data = f"{len(rows)} clips of 5 s of {tracks} tracks in Debian packages, listed in bench/genres.csv"
    return data, "; ".join(f"{licence}: {', '.join(sorted(names))}" for licence, names in sorted(authors.items()))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/genres")
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else MODELS / "styles.onnx"
    data, licence = provenance(folder / "manifest.csv", RECIPES["styles"].classes or ())
    row = json.loads((RESULTS / "networks.json").read_text(encoding="utf-8"))["rows"]["styles"]
    net = train_on_all(RECIPES["styles"], Sources(folder), SEED)
    accuracy = {f"{of}_cross_validated": round(row[of]["mean"], 4) for of in ("clip", "recording")}
    training = Training(data=data, licence=licence, seed=SEED, notes=NOTES)
    manifest = export_ascent(net.network, out, name="styles", training=training, accuracy=accuracy)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, classes {', '.join(manifest.classes)}, {accuracy}")


if __name__ == "__main__":
    main()
