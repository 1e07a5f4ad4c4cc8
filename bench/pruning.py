"""Take kernels out of networks of the table, one by one, and write `results/networks_pruning.json`.

The networks are those of the rows `full_height` and `conv`, or of those named. What decides is accuracy on notes or
songs that training did not hear; what is reported is that on others. Four times, when nothing more can go, the network
is trained for one more epoch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from datetime import date
from typing import Any

import numpy as np
from networks import arguments, sources_of, write_page
from report import RESULTS, machine

from dreampedal.engine.files import written_whole
from dreampedal.export import recipe_data
from dreampedal.export.fit.fitting import fit
from dreampedal.export.fit.plan import Plan
from dreampedal.export.judge.pruning import Pruning, prune
from dreampedal.export.recipe_data import Sources
from dreampedal.export.recipe_runs import train_one
from dreampedal.export.recipes import RECIPES
from dreampedal.export.sets.clips import Clips
from dreampedal.export.sets.splits import split
from dreampedal.export.sets.store import encode
from dreampedal.export.zoo.net import Net

TUNINGS, LIMIT = 4, 0.01
ROWS = ("full_height", "conv")


def parts_of(name: str, sources: Sources) -> tuple[Clips, Clips, Clips]:
    """Clips to learn from, to decide on, and to report on."""
    recipe = RECIPES[name]
    if recipe.data == "notes":
        train, val, test = recipe_data.notes(recipe, sources, None)
        return train, val.take(np.arange(len(val)) % 2 == 0), test
    labelled = recipe_data.labelled_set(recipe, sources)
    clips = encode(labelled, recipe_data.input_of(recipe), recipe.cut)
    sides = split(labelled, 0, (0.6, 0.2, 0.2))
    train, val, test = (clips.take(np.isin(clips.groups, _places(clips, side.groups))) for side in sides)
    return train, val, test


def _places(clips: Clips, groups: Collection[str]) -> list[int]:
    wanted = set(groups)
    return [place for place, name in enumerate(clips.group_names) if name in wanted]


def pruned(name: str, sources: Sources) -> dict[str, Any]:
    """The row of a network that was trained, and then pruned."""
    recipe, began = RECIPES[name], time.monotonic()
    train, val, test = parts_of(name, sources)
    net, seconds = train_one(recipe, train, val, 0, kept=True)
    rate = min(1e-3, recipe.plan.learning_rate / 4)
    plan = Plan(epochs=1, batch=64, learning_rate=rate, rising_epochs=0.0, averaging=0.9, least_learning_rate=rate / 10)

    def tune(smaller: Net) -> Net:
        return fit(smaller, train, val, plan, normalise=False).net

    found = prune(net, train, val, test, Pruning(limit=LIMIT, tunings=TUNINGS, at_once=16), tune=tune)
    before, after = found.test_before.by_clip, found.test_after.by_clip
    print(f"{name}: validation {found.validation}, test {before.accuracy:.4f} to {after.accuracy:.4f}", flush=True)
    print(f"{found.gone:.1%} gone: {found.before.kernels} to {found.after.kernels} kernels", flush=True)
    return {
        "title": f"pruning of `{name}`: {100 * found.gone:.0f} % of {found.before.kernels} kernels gone",
        "thesis": "asked for, not tried", "bar": None,
        "clip": {"mean": after.accuracy, "interval_seeds": None, "interval_recordings": after.accuracy_interval},
        "elsewhere": {"before": before.accuracy}, "seeds": [0], "folds": 0,
        "minutes_each": seconds / 60, "minutes": (time.monotonic() - began) / 60,
        "command": f"python bench/pruning.py {name}", "report": found.to_json(),
    }  # fmt: skip


def main() -> None:
    args = arguments(__doc__, rows=True)
    file = RESULTS / "networks_pruning.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.is_file() else {}
    for name in args.rows or ROWS:
        rows[f"pruning_{name}"] = pruned(name, sources_of(args))
        written = {"machine": machine(), "date": date.today().isoformat(), "rows": rows}
        with written_whole(file) as part:
            part.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page()


if __name__ == "__main__":
    main()
