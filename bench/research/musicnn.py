"""The rows of musicnn in the table of networks: frozen published networks and a head of ours.

Run with `python -m bench.research.musicnn [--genres FOLDER]`; writes `results/networks_musicnn.json` and the page
again. pip fetches the published package.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.research.networks import arguments, keep, write_page
from bench.research.runs import student_95
from dreampedal.export.musicnn.genres import SEEDS, train_genres
from dreampedal.export.musicnn.wheel import published_wheel

FOUR = ("electronic", "metal", "orchestral", "rock")
ROWS: dict[str, tuple[str, tuple[str, ...] | None, float]] = {
    "musicnn_7": ("musicnn and a head of ours, 7 genres, 5 s", None, 0.68),
    "musicnn_4": (f"the same, {', '.join(FOUR)}", FOUR, 0.85),
}
"""Title, classes and the bar by clip of each row."""


def figure(found: dict[str, Any]) -> dict[str, Any]:
    """Accuracy of a report in the form of the table."""
    mean, spread = found["accuracy"], found["spread_over_seeds"]
    reach = student_95(SEEDS) * spread / (SEEDS - 1) ** 0.5
    return {
        "mean": mean, "interval_seeds": [mean - reach, min(1.0, mean + reach)],
        "interval_recordings": found["interval"],
    }  # fmt: skip


def main() -> None:
    folder, rows = arguments(__doc__).genres, {}
    for name, (title, classes, bar) in ROWS.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            found = train_genres(published_wheel(), folder, Path(place) / "genres.onnx", classes=classes)
        minutes = (time.monotonic() - began) / 60
        rows[name] = {
            "title": title, "thesis": "", "bar": bar, "clip": figure(found["clips"]),
            "recording": figure(found["recordings"]), "recall": found["clips"]["recall"],
            "clips": found["count_clips"], "recordings": found["count_recordings"], "seeds": list(range(SEEDS)),
            "folds": 5, "minutes_each": minutes, "minutes": minutes, "command": "python -m bench.research.musicnn",
        }  # fmt: skip
        print(name, json.dumps({by: rows[name][by] for by in ("clip", "recording")}), flush=True)
    keep("networks_musicnn.json", rows, ROWS)
    write_page()


if __name__ == "__main__":
    main()
