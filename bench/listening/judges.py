"""Train the two judges that ship on phrases of TimGM6mb, and say how well they hear notes that they never saw.

`python -m bench.listening.judges` (or `make train-judges`) renders what is not there, trains, writes the models and the
mean spectra of the matching equaliser, and prints a table that `bench/results/judges.json` keeps. A judge that has been
written is not trained again but with `--again`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.harness.report import report
from bench.research.runs import MODELS
from dreampedal.console.progress import bar
from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.classifier import export_classifier
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import SAMPLE_RATE, Phrases, rendered
from dreampedal.export.data.progress import Progress
from dreampedal.export.judge.heard.equaliser import SPECTRA, spectrum_db, write_curves
from dreampedal.export.judge.heard.judges import Judge
from dreampedal.export.judge.heard.schooling import HELD_OUT, RECIPES, school
from dreampedal.export.judge.heard.sets import GCOMPRIS, instruments, tuning
from dreampedal.export.nets.listeners.layouts import BANDS
from dreampedal.export.train.distil.listening import encoded

FONTS = Path("/usr/share/sounds/sf2")
OWN = FONTS / "TimGM6mb.sf2", 11_000, 4
"""Soundfont, phrases and seed that judges learn from, and nobody else."""
OTHERS = (
    (FONTS / "FluidR3_GM.sf2", 6600, 1), (FONTS / "MuseScore_General_Full.sf2", 6600, 2),
    (Path("/usr/share/midi/freepats"), 3300, 3),
)  # fmt: skip
"""Those that listeners learn from, which judges never heard."""
EVERY = 12
"""One phrase in so many of those is judged."""
LICENCE = (
    "TimGM6mb: GPL-2 (Debian's copyright file has no 'or later'). No sample of it is in this file, which lies beside "
    "the program as data and is no part of it; whoever takes the weights as derived from it has them under GPL-2"
)

Labelled = tuple[np.ndarray, float, str]
"""A sound, its rate in Hz, and its family."""


def train(cache: Path | None, seed: int, out: Path, again: bool, progress: Progress) -> None:
    """Train and write each judge that is not there."""
    for recipe in RECIPES:
        path = out / f"{recipe.name}.onnx"
        if path.exists() and not again:
            continue
        phrases = rendered(*OWN, cache=cache, progress=progress)
        net = school(recipe, phrases, seed, progress)
        data = f"{len(phrases) * (HELD_OUT - 1) // HELD_OUT:,} phrases played on TimGM6mb, in noisy random rooms"
        training = Training(data=data, licence=LICENCE, seed=seed, notes="python -m bench.listening.judges")
        export_classifier(net, path, name=recipe.name, training=training)


def learn_spectra(cache: Path | None, path: Path, progress: Progress) -> None:
    """The mean spectrum of each family in the soundfonts that listeners are taught on."""
    fonts = [rendered(*font, cache=cache, progress=progress) for font in OTHERS]
    found = {}
    for place, family in enumerate(CLASSES):
        rows = [(encoded(font, BANDS), np.flatnonzero(font.families == place)[::4]) for font in fonts]
        found[family] = np.mean([spectrum_db(x[row]) for x, some in rows for row in some], axis=0)
    write_curves(path, found)


def listened(cache: Path | None, clips: Path, progress: Progress) -> Iterator[tuple[str, list[Labelled]]]:
    """Each set of notes that a judge has never heard, by name."""
    yield "TimGM6mb, held out", _of(rendered(*OWN, cache=cache, progress=progress), range(0, OWN[1], HELD_OUT))
    for font in OTHERS:
        phrases = rendered(*font, cache=cache, progress=progress)
        yield f"{phrases.name}, never heard", _of(phrases, range(0, len(phrases), EVERY))
    if GCOMPRIS.is_file():
        yield "recordings of gcompris", [(one.audio, SAMPLE_RATE, one.family) for one in instruments()]
    if clips.is_dir():
        yield "solo clips", [(one.audio, SAMPLE_RATE, one.family) for one in tuning(clips)]


def _of(phrases: Phrases, rows: Sequence[int]) -> list[Labelled]:
    return [
        (phrases.sounds[row].astype(np.float32)[None] / 32_768, SAMPLE_RATE, CLASSES[phrases.families[row]])
        for row in rows
    ]


def accuracy(judge: Judge, sounds: Sequence[Labelled]) -> dict[str, Any]:
    """Shares named first and among the first two."""
    verdicts = judge.hear([(audio, rate) for audio, rate, _ in sounds])
    ranks = np.array([verdict.rank(family) for verdict, (_, _, family) in zip(verdicts, sounds, strict=True)])
    return {"sounds": len(sounds), "first": float(np.mean(ranks == 1)), "first two": float(np.mean(ranks <= 2))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=MODELS, help="a folder for the models (%(default)s)")
    parser.add_argument("--cache", type=Path, help="a folder for phrases; else the user's cache")
    parser.add_argument("--clips", type=Path, default=Path("../shared/data/clips"), help="recordings (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (%(default)s)")
    parser.add_argument("--again", action="store_true", help="train judges that are there, too")
    parser.add_argument("--threads", type=int, default=1, help="of training (%(default)s)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with bar() as progress:
        train(given.cache, given.seed, given.out, given.again, progress)
        if given.again or not SPECTRA.exists():
            learn_spectra(given.cache, SPECTRA, progress)
        judges = [Judge(given.out / f"{recipe.name}.onnx") for recipe in RECIPES]
        rows = [
            {"judge": judge.name, "on": name} | accuracy(judge, sounds)
            for name, sounds in listened(given.cache, given.clips, progress) for judge in judges
        ]  # fmt: skip
    report("judges", rows)


if __name__ == "__main__":
    main()
