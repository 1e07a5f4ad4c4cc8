"""Train and judge every row of the table of networks; write `results/networks.json` and the table in `networks.md`.

Run with `python -m bench.research.networks [ROW...]`: all rows, or those named (`recipes.py` declares them); rows that
are not run stay as they were. With `--table`, nothing is trained and only the page is written again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bench.harness.report import RESULTS, machine
from bench.research.recipes import RECIPES, Recipe
from bench.research.runs import run
from bench.research.sounds import Sources
from dreampedal.engine.runtime.files import written_whole

PAGE = Path(__file__).with_suffix(".md")
FILES = ("networks.json", "networks_musicnn.json", "networks_pruning.json")
"""Of the same form: rows that are trained here, and those of `musicnn.py` and `pruning.py`."""
BEGIN, END = "<!-- table -->", "<!-- /table -->"
HEAD = (
    "| row | network and data | thesis | ours, by clip | by recording | 95 % over seeds | 95 % over recordings "
    "| seeds × folds | minutes each (all) |"
)


def main() -> None:
    args = arguments(__doc__, rows=True)
    for name in () if args.table else args.rows or RECIPES:
        print(f"== {name}", flush=True)
        found = {"title": RECIPES[name].title, "thesis": RECIPES[name].thesis, "bar": RECIPES[name].bar}
        found |= run(RECIPES[name], sources_of(args), _Progress())
        command = {"command": f"python -m bench.research.networks {name}"}
        keep(FILES[0], {name: found | command | _declared(RECIPES[name])}, RECIPES)
        print(json.dumps({key: found[key] for key in ("clip", "recording", "minutes")}), flush=True)
    write_page()


def kept(file: str) -> dict[str, Any]:
    """The rows of a file; none where it is not there."""
    path = RESULTS / file
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else {}


def keep(file: str, rows: Mapping[str, Any], order: Iterable[str]) -> None:
    """Write rows among those that the file holds by now: another one may have come in meanwhile."""
    together = kept(file) | rows
    written = {
        "machine": machine(), "date": date.today().isoformat(),
        "rows": {name: together[name] for name in order if name in together},
    }  # fmt: skip
    with written_whole(RESULTS / file) as part:
        part.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class _Progress:
    """Says at most every 20 seconds what is going on."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self.last > 20:
            self.last = time.monotonic()
            print(f"   {what}: {done} of {total}", file=sys.stderr, flush=True)


def _declared(recipe: Recipe) -> dict[str, Any]:
    """What made the row, as far as it is data."""
    return {
        "network": recipe.network, "data": recipe.data, "classes": recipe.classes, "settings": dict(recipe.settings),
        "plan": recipe.plan.model_dump(mode="json"), "each_seed": recipe.each_seed, "levelled": recipe.levelled,
        "notes": dict(recipe.notes),
    }  # fmt: skip


def write_page() -> None:
    """The table of all rows, in the order of the recipes and then of the files."""
    found = {name: row for file in FILES for name, row in kept(file).items()}
    rows = {name: found[name] for name in (*RECIPES, *found) if name in found}
    lines = [HEAD, "|" + " --- |" * 9, *(_line(name, row) for name, row in rows.items())]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    with written_whole(PAGE) as part:
        part.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")


def _line(name: str, row: dict[str, Any]) -> str:
    """A row of the page."""
    clip, recording = row["clip"], row.get("recording") or {}
    runs = f"{len(row['seeds'])} × {row['folds'] or 1}" if row.get("each_seed") != "one" else f"{len(row['seeds'])} × 1"
    # Where each seed judges a fold of its own, the spread over seeds is one over folds too.
    both = clip.get("interval_seeds_and_folds") or (row.get("each_seed") == "one" and clip["interval_seeds"])
    seeds = f"{_span(both)} (and folds)" if both else _span(clip["interval_seeds"])
    elsewhere = "; ".join(f"{place} {_percent(value)}" for place, value in row.get("elsewhere", {}).items())
    ours = f"**{_percent(clip['mean'])}**" + (f" ({elsewhere})" if elsewhere else "")
    cells = (
        f"`{name}`", row["title"], row["thesis"], ours,
        _percent(recording.get("mean")), seeds, _span(clip["interval_recordings"]), runs,
        f"{row['minutes_each']:.1f} ({row['minutes']:.0f})",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _span(ends: list[float] | None) -> str:
    return "" if not ends else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def sources_of(args: argparse.Namespace) -> Sources:
    """Where the sounds lie, from the command line."""
    return Sources(args.genres, tuple(args.soundfont), args.other_font, args.instruments)


def arguments(about: str | None, rows: bool = False) -> argparse.Namespace:
    """The command line: where the sounds lie, and which rows are run."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    if rows:
        parser.add_argument("rows", nargs="*", choices=[*RECIPES, []], metavar="ROW", help=", ".join(RECIPES))
        parser.add_argument("--table", action="store_true", help="write the page again and train nothing")
    parser.add_argument("--genres", type=Path, default=Path("../shared/data/genres"))
    sounds = Path("/usr/share/sounds/sf2")
    fonts = [sounds / "FluidR3_GM.sf2", sounds / "MuseScore_General_Full.sf2", Path("/usr/share/midi/freepats")]
    parser.add_argument("--soundfont", type=Path, nargs="+", default=fonts)
    parser.add_argument("--other-font", type=Path, default=sounds / "TimGM6mb.sf2")
    parser.add_argument("--instruments", type=Path, default=Path("/usr/share/gcompris-qt/rcc/instruments.rcc"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
