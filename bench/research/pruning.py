"""Take kernels out of networks of the table, and write `results/networks_pruning.json`.

A quarter of the kernels goes, the network is trained a little more, and so on: until half of them are gone, and for
`full_height` once more as far as eight trainings take it. What decides is accuracy on the notes or songs that chose the
network when it was trained; what is reported is that on others, which nothing was chosen by. The whole network after as
many more epochs stands beside it, since some of what the smaller one gains is the training.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.research import sounds
from bench.research.networks import arguments, keep, sources_of, write_page
from bench.research.recipes import RECIPES
from bench.research.runs import train_one
from bench.research.sounds import Sources
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.splits import split
from dreampedal.export.data.store import encode
from dreampedal.export.judge.prune.pruning import prune
from dreampedal.export.judge.prune.settings import Pruning, rewound
from dreampedal.export.metrics.scores import score_net
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.fitting import fit

LIMIT = 0.01
"""What accuracy on validation may lose: a point."""

BAR = 0.5
"""Share of the kernels that is to go for it."""


@dataclass(frozen=True)
class Row:
    """A network of the table, and how it is pruned.

    Fields:
        enough, at_once, tunings: of `Pruning`.
        epochs: of each training in between; where clips are few, as many as the network itself had, since those that
            decide are few too, and it was the best of all its epochs on them.
    """

    recipe: str
    enough: float
    at_once: int
    tunings: int
    epochs: int


ROWS = {
    "pruning_full_height": Row("full_height", 0.5, 16, 8, 6),
    "pruning_full_height_limit": Row("full_height", 1.0, 16, 8, 6),
    "pruning_conv": Row("conv", 0.5, 4, 8, 60),
}


def parts_of(name: str, sources: Sources) -> tuple[Clips, Clips, Clips]:
    """Clips to learn from, to decide on, and to report on."""
    recipe = RECIPES[name]
    if recipe.data == "notes":
        return sounds.notes(recipe, sources, None)
    labelled = sounds.labelled_set(recipe, sources)
    clips = encode(labelled, sounds.input_of(recipe), recipe.cut)
    sides = split(labelled, 0, (0.6, 0.2, 0.2))
    train, val, test = (clips.take(np.isin(clips.groups, _places(clips, side.groups))) for side in sides)
    return train, val, test


def _places(clips: Clips, groups: Collection[str]) -> list[int]:
    wanted = set(groups)
    return [place for place, name in enumerate(clips.group_names) if name in wanted]


def pruned(row: Row, sources: Sources) -> dict[str, Any]:
    """The row of a network that was trained, and then pruned."""
    recipe = RECIPES[row.recipe]
    train, val, test = parts_of(row.recipe, sources)
    net, seconds = train_one(recipe, train, val, 0, kept=True)

    def tune(smaller: Net, spells: int = 1) -> Net:
        plan = rewound(recipe.plan, len(train), spells * row.epochs)
        return fit(smaller, train, val, plan, normalise=False).net

    settings = Pruning(limit=LIMIT, enough=row.enough, at_once=row.at_once, tunings=row.tunings)
    began = time.monotonic()
    found = prune(net, train, val, test, settings, tune=tune)
    spent = time.monotonic() - began
    before, after = found.test_before.by_clip, found.test_after.by_clip
    beside = {"before": before.accuracy}
    if found.tuned:
        whole = tune(copy.deepcopy(net), len(found.tuned))
        right = score_net(whole, test).by_clip.accuracy
        beside["whole, trained as long"] = right
    how_far = "" if row.enough < 1 else f", as far as {row.tunings} trainings take it"
    return {
        "title": f"pruning of `{row.recipe}`{how_far}: {100 * found.gone:.0f} % of {found.before.kernels} kernels gone",
        "thesis": "asked for, not tried", "gone": found.gone, "bar_gone": BAR,
        "clip": {"mean": after.accuracy, "interval_seeds": None, "interval_recordings": after.accuracy_interval},
        "elsewhere": beside, "seeds": [0], "folds": 0,
        "minutes_each": seconds / 60, "minutes": (seconds + spent) / 60,
        "command": f"python -m bench.research.pruning {row.recipe}", "report": found.to_json(),
    }  # fmt: skip


def main() -> None:
    args = arguments(__doc__, rows=True)
    for name, row in ROWS.items():
        if args.table or (args.rows and row.recipe not in args.rows):
            continue
        found = pruned(row, sources_of(args))
        right = found["clip"]["mean"]
        print(f"{name}: {found['title']}", flush=True)
        print(f"validation {found['report']['validation']}, test {right:.4f}, {found['elsewhere']}", flush=True)
        keep("networks_pruning.json", {name: found}, ROWS)
    write_page()


if __name__ == "__main__":
    main()
