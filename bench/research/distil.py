"""Train the shipped model `songs`, a student of musicnn that dreams live.

Run with `python -m bench.research.distil [FOLDER] [OUT]`. FOLDER holds the clips of genres; phrases are played on
FluidR3 and MuseScore General, where Debian puts them. It takes 15 minutes of one core, and pip fetches the wheel of
musicnn 0.1.0 the first time. How far the student follows, tag by tag, goes to `results/distil.json`; `songs.py` says
what its dreams do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.harness.report import RESULTS
from bench.research.runs import MODELS
from dreampedal.export.musicnn.songs import train_songs
from dreampedal.export.musicnn.wheel import published_wheel

SOUNDFONTS = tuple(Path("/usr/share/sounds/sf2") / f"{name}.sf2" for name in ("FluidR3_GM", "MuseScore_General_Full"))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/genres")
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else MODELS / "songs.onnx"
    found = train_songs(published_wheel(), folder, SOUNDFONTS, out)
    found["model"] = out.name
    (RESULTS / "distil.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, classes {', '.join(found['classes'])}")
    for tag in sorted(found["tags"], key=lambda tag: -found["tags"][tag]["changes"]):
        print(f"{tag:14s} answers {found['tags'][tag]['answers']:.2f}, changes {found['tags'][tag]['changes']:.2f}")


if __name__ == "__main__":
    main()
