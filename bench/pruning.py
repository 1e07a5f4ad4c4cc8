"""Take kernels out of a network of the table, one by one, and write `results/networks_pruning.json`.

The network is that of the row `full_height`. What decides is its accuracy on half of a tenth of the keys; what is
reported is another tenth. Four times, when nothing more can go, it is trained for one more epoch.
"""

from __future__ import annotations

import json
import time
from datetime import date

import numpy as np
from networks import arguments, sources_of, write_page
from report import RESULTS, machine

from dreampedal.engine.files import written_whole
from dreampedal.export import recipe_data
from dreampedal.export.fit.fitting import fit
from dreampedal.export.judge.pruning import Pruning, prune
from dreampedal.export.recipe_runs import train_one
from dreampedal.export.recipes import RECIPES
from dreampedal.export.zoo.net import Net

ROW, TUNINGS, LIMIT = "full_height", 4, 0.01


def main() -> None:
    recipe, began = RECIPES[ROW], time.monotonic()
    train, val, test = recipe_data.notes(recipe, sources_of(arguments(__doc__)), None)
    net, seconds = train_one(recipe, train, val, 0, kept=True)
    plan = recipe.plan.changed(epochs=1, learning_rate=recipe.plan.learning_rate / 4, rising_epochs=0.0, averaging=0.9)

    def tune(smaller: Net) -> Net:
        return fit(smaller, train, val, plan, normalise=False).net

    looked_at = val.take(np.arange(len(val)) % 2 == 0)
    found = prune(net, train, looked_at, test, Pruning(limit=LIMIT, tunings=TUNINGS, at_once=16), tune=tune)
    before, after = found.test_before.by_clip, found.test_after.by_clip
    share = 100 * found.gone
    row = {
        "title": f"pruning of `{ROW}`: {share:.0f} % of {found.before.kernels} kernels gone",
        "thesis": "asked for, not tried", "bar": None,
        "clip": {"mean": after.accuracy, "interval_seeds": None, "interval_recordings": after.accuracy_interval},
        "elsewhere": {"before": before.accuracy}, "seeds": [0], "folds": 0,
        "minutes_each": seconds / 60, "minutes": (time.monotonic() - began) / 60,
        "command": "python bench/pruning.py", "report": found.to_json(),
    }  # fmt: skip
    written = {"machine": machine(), "date": date.today().isoformat(), "rows": {"pruning": row}}
    with written_whole(RESULTS / "networks_pruning.json") as part:
        part.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, size in (("before", found.before), ("after", found.after)):
        cost = f"{size.parameters} numbers, {size.multiply_adds / 1e6:.2f} M multiply-adds"
        print(f"{name}: {size.kernels} kernels, {cost}")
    print(f"validation {found.validation}, test {before.accuracy:.4f} to {after.accuracy:.4f}, gone {share:.1f} %")
    write_page()


if __name__ == "__main__":
    main()
