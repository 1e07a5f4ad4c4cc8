"""Train the learned equaliser: one still curve a family, by the loss and the listeners that students learn from.

`python -m bench.listening.curves --soundfonts A.sf2 B.sf2` writes dB in 96 bands by family, which
`python bench/heard.py` plays beside dreams: what a tone control could do at its best. Phrases and listeners in the
cache are those of `dreampedal distil`, and are made where they are not there.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch

from dreampedal.console.progress import bar
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.judge.heard.equaliser import LEARNED, write_curves
from dreampedal.export.nets.students.curves import Curves
from dreampedal.export.train.distil.distilling import DB, Course, distilled
from dreampedal.export.train.distil.run.order import FULL, QUICK, Order, checked
from dreampedal.export.train.distil.run.running import THREADS, panel_of, schooled

REACH_DB = 18.0
STEPS = 1_200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfonts", type=Path, nargs="+", required=True, help="files, or folders of patches")
    parser.add_argument("--sounds", type=Path, nargs="*", default=[], help="folders of recordings to learn on")
    parser.add_argument("--run", type=Path, default=Path("build/curves"), help="folder of the training (%(default)s)")
    parser.add_argument("--cache", type=Path, help="folder of phrases and listeners that is shared")
    parser.add_argument("--quick", action="store_true", help="listeners of an hour's training")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the training (%(default)s)")
    parser.add_argument("--out", type=Path, default=LEARNED, help="(%(default)s)")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    schedule = QUICK if given.quick else FULL
    order = Order(
        soundfonts=tuple(given.soundfonts), recordings=tuple(given.sounds), schedule=schedule, jobs=os.cpu_count() or 1
    )
    ordered = checked(order)
    given.run.mkdir(parents=True, exist_ok=True)
    # A curve has a single number to learn in each band: it needs a larger rate than a network, and keeps no pitch.
    course = Course(
        steps=given.steps, learning_rate=0.05, smooth=0.02, pitch=0.0, reaches_db=(REACH_DB,), reach_shares=(1.0,)
    )
    with bar() as progress:
        school = schooled(ordered, given.run, given.cache, progress)
        hearings, sources = panel_of(ordered, school)
        curves = Curves(ordered.targets)
        identity = json.dumps(ordered.identity())
        distilled(curves, hearings, sources, course, order.seed, given.run, identity, progress)
    reach = torch.full((len(CLASSES),), REACH_DB / DB)
    offsets = curves(torch.zeros(len(CLASSES), curves.bands, 1), torch.eye(len(CLASSES)), reach).offset[..., 0] * DB
    write_curves(given.out, dict(zip(CLASSES, offsets.double().numpy(), strict=True)))
    print(given.out)


if __name__ == "__main__":
    main()
