"""Train an ensemble for ascent: `python -m bench.listening.train --out build/ensemble.onnx`, nine minutes of one core.

Soundfonts are Debian's (`make build/sounds`) unless others are named; a training that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dreampedal.console.progress import bar
from dreampedal.export.train.ensemble import EQUALISER_DB, STEPS, train_ensemble

FONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/sounds/sf2/MuseScore_General_Full.sf2"),
    Path("/usr/share/midi/freepats"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/ensemble.onnx"))
    parser.add_argument("--soundfonts", type=Path, nargs="+", default=list(FONTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each network")
    parser.add_argument("--equaliser", type=float, default=EQUALISER_DB, help="dB; 0: none")
    parser.add_argument("--cache", type=Path, help="of phrases")
    parser.add_argument("--run", type=Path, default=Path("build/ensembles/run"), help="for checkpoints")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with bar() as progress:
        report = train_ensemble(
            given.soundfonts, given.out, seed=given.seed, steps=given.steps, equaliser_db=given.equaliser,
            cache=given.cache, run=given.run, progress=progress,
        )  # fmt: skip
    print(json.dumps(report | {"bytes": given.out.stat().st_size}, indent=1))


if __name__ == "__main__":
    main()
