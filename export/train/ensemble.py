"""Training of an ensemble: causal networks that differ in build, in what they heard and in how they were drawn.

What one network takes for a flute need not sound like one (Goodfellow et al. 2015, section 8). A dream on several that
learned apart, each from other soundfonts through other rooms, has to please all of them. Members learn from phrases
(`data.instruments.phrases`): a stretch of each, changed at random, and asked for its family as a whole.
"""

from __future__ import annotations

import math
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dreampedal.engine.model.format.inputs import LogBands, features, shape_of
from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.ascent import export_ascent
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import SAMPLE_RATE, SAMPLES, Phrases, rendered
from dreampedal.export.data.progress import Progress
from dreampedal.export.metrics.scores import probabilities, score
from dreampedal.export.nets.causal import Ensemble
from dreampedal.export.nets.columns import Columns, ColumnsSettings
from dreampedal.export.nets.net import Task
from dreampedal.export.train.augment import Recipe, augmented, mixed
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan

SECONDS = SAMPLES / SAMPLE_RATE
"""Of a phrase."""
PHRASES = 6600
"""Of a soundfont; half as many of a folder of patches, which has a few programs of each family."""
KEPT_ASIDE = 40
"""One in so many phrases is not learned from, and judges."""
EQUALISER_DB = 6.0
CONTEXT_FRAMES = 16
PLAN = Plan(
    batch=48, learning_rate=4e-3, weight_decay=1e-2, clip_norm=2.0, averaging=0.99, label_smoothing=0.01,
    least_learning_rate=0.0, adversarial_steps=1, adversarial_share=0.5,
)  # fmt: skip
STEPS = 5_000
UNROLLED = 4
"""Steps of ascent in the file, which is under 2 MB so."""

ROOMS = Recipe(
    level_db=(-34.0, -4.0), curve_db=6.0, tilt_db=1.0, shift_bands=0, cut_share=0.1, reverb_share=0.0, decay_db=0.0,
    noise_db=(25.0, 80.0), band_masks=0,
)  # fmt: skip
"""Phrases bring their own rooms and reach over all pitches; level, equaliser and noise are what is missing."""


@dataclass(frozen=True)
class Stretches:
    """What is made of a batch of phrases: a stretch of each, some heard together with another, changed at random.

    Fields:
        frames: of a stretch.
        mixed_share: how many phrases sound together with another.
        recipe: how far the random changes go.
    """

    frames: int = 48
    mixed_share: float = 0.15
    recipe: Recipe = field(default_factory=lambda: ROOMS)

    def __call__(self, phrases: Tensor, targets: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
        """Phrases (n, bands, frames) and class weights (n, classes) to a batch, as `Batches` takes it."""
        most = max(0, phrases.shape[2] - self.frames)
        start = torch.randint(0, most + 1, (len(phrases), 1, 1), generator=random)
        places = (start + torch.arange(min(self.frames, phrases.shape[2]))).expand(-1, phrases.shape[1], -1)
        x, targets = mixed(phrases.gather(2, places), targets, self.mixed_share, random)
        return augmented(x, self.recipe, random), targets


@dataclass(frozen=True)
class Member:
    """The recipe of one network.

    Fields:
        settings: of its build.
        fonts: places of the soundfonts that it hears among those of the training; all that are there if empty.
        adversarial_db: half of each batch is moved against it by up to so much (`fit.adversary`).
    """

    settings: ColumnsSettings
    fonts: tuple[int, ...] = ()
    adversarial_db: float = 0.0

    def of(self, fonts: Sequence[Any]) -> list[Any]:
        """Those of some soundfonts that it hears."""
        return [fonts[place] for place in self.fonts if place < len(fonts)] or list(fonts)


def _build(filters: Sequence[int], kernel: int, dilations: Sequence[int], activation: str = "elu") -> ColumnsSettings:
    return ColumnsSettings.model_validate(
        {
            "filters": tuple(filters), "kernel": kernel, "dilations": tuple(dilations), "activation": activation,
            "context_frames": CONTEXT_FRAMES,
        }
    )  # fmt: skip


MEMBERS = (
    Member(_build((72, 64, 64), 3, (1, 3, 9))),
    Member(_build((80, 64), 5, (1, 4), "leaky_relu"), (0, 1)),
    Member(_build((64, 48, 48, 48), 2, (1, 2, 4, 8)), (1, 2), adversarial_db=2.0),
    Member(_build((96, 64), 2, (1, 6), "leaky_relu"), (0, 2), adversarial_db=3.0),
)
"""Four builds: long, short and sharp, deep and narrow, shallow and wide."""


def heard(phrases: Phrases, progress: Progress | None = None) -> NDArray[np.float16]:
    """Log bands of all phrases, (n, bands, frames), kept beside them."""
    path = phrases.path.with_name(f"{phrases.path.stem}-log_bands.npy")
    shape = shape_of(LogBands(), SECONDS, SAMPLE_RATE)
    if rows_in(path, shape, np.float16) != len(phrases):
        with filling(path, len(phrases), shape, np.float16) as array:
            for place, sound in enumerate(phrases.sounds):
                array.add(features(LogBands(), sound.astype(np.float32) / 32_768, SAMPLE_RATE)[None])
                if progress and (place % 50 == 49 or place == len(phrases) - 1):
                    progress(f"bands of {phrases.name}", place + 1, len(phrases))
    return np.asanyarray(np.load(path, mmap_mode="r"))


def clips_of(fonts: Sequence[Phrases], progress: Progress | None = None) -> Clips:
    """The phrases of some soundfonts as labelled clips, each a group of its own."""
    x = np.concatenate([heard(font, progress) for font in fonts])
    names = tuple(f"{font.name}:{place}" for font in fonts for place in range(len(font)))
    labels = np.concatenate([font.families for font in fonts])
    return Clips(x, labels, np.arange(len(x)), names, CLASSES, LogBands(), SECONDS)


def taught(
    known: Clips,
    plan: Plan,
    settings: ColumnsSettings,
    folder: Path | None = None,
    progress: Progress | None = None,
    stretches: Stretches | None = None,
) -> Columns:
    """A member; the same bits for the same phrases, plan and settings, also where it goes on from `folder`."""
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        net = Columns(Task(CLASSES, known.input, SECONDS, SAMPLE_RATE), settings)
    # The last epochs are chosen: what judges is not looked at.
    looked_at = known.take(np.arange(0, len(known), max(1, len(known) // 128)))
    fit(net, known, looked_at, plan, folder, progress, change=stretches or Stretches())
    return net


def train_ensemble(
    soundfonts: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    steps: int = STEPS,
    phrases: int = PHRASES,
    members: Sequence[Member] = MEMBERS,
    equaliser_db: float = EQUALISER_DB,
    cache: Path | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Render phrases, teach the members, judge each on phrases kept aside, and write them as one ascent model.

    Args:
        soundfonts: .sf2 or .sf3 files, or folders of Gravis patches; together they cover all families.
        out: the ONNX file.
        seed: of all that is random; each member has one of its own from it.
        steps: of each member's training.
        phrases: of a soundfont, half as many of a folder.
        equaliser_db: of the fixed random equaliser before each member; 0: none.
        cache: folder for phrases and what networks hear of them; the user's cache if None.
        run: folder for checkpoints, from which an interrupted training goes on; none if None.

    Returns:
        A report: phrases, seconds, and of each member its weights and its accuracy on phrases kept aside.

    Raises:
        SoundfontError: if a soundfont cannot be read.
        ValueError: if the soundfonts of a member leave a family without phrases.
    """
    began = time.monotonic()
    fonts = [
        rendered(font, phrases // 2 if font.is_dir() else phrases, place + 1, cache, progress)
        for place, font in enumerate(soundfonts)
    ]
    for member in members:
        _require_all(member.of(fonts))
    ready, nets, told = time.monotonic(), list[Columns](), list[dict[str, Any]]()
    for place, member in enumerate(members):
        clips = clips_of(member.of(fonts), progress)
        aside = np.arange(len(clips)) % KEPT_ASIDE == KEPT_ASIDE - 1
        known, asked = clips.take(~aside), clips.take(aside)
        epochs = math.ceil(steps * PLAN.batch / len(known))
        own_seed = seed * len(members) + place
        plan = PLAN.changed(epochs=epochs, seed=own_seed, adversarial_db=member.adversarial_db)
        name = string.ascii_lowercase[place]
        nets.append(taught(known, plan, member.settings, run and run / name, progress))
        found = score(probabilities(nets[-1], asked), asked.labels, asked.groups, CLASSES).by_clip
        told.append({
            "member": name, "soundfonts": [font.name for font in member.of(fonts)], "phrases": len(known),
            "adversarial_db": member.adversarial_db, "weights": sum(w.numel() for w in nets[-1].parameters()),
            "accuracy_unseen": round(found.recall, 4),
        })  # fmt: skip
    ensemble = Ensemble([net.network for net in nets], equaliser_db, seed)
    training = Training(
        data=f"phrases rendered from {', '.join(path.name for path in soundfonts)}",
        licence="as the soundfonts: FluidR3 and MuseScore General MIT, FreePats GPL-2.0-or-later with exception",
        seed=seed,
        notes=f"{len(nets)} networks, {steps} steps each in batches of {PLAN.batch}, random equalisers of "
        f"{equaliser_db:g} dB; make train-ensemble",
    )
    accuracy = {f"unseen_phrases_{row['member']}": row["accuracy_unseen"] for row in told}
    export_ascent(ensemble, out, name="ensemble", training=training, accuracy=accuracy, steps=UNROLLED)
    return {
        "model": str(out), "seed": seed, "soundfonts": [path.name for path in soundfonts], "members": told,
        "seconds_rendering": round(ready - began, 1), "seconds_training": round(time.monotonic() - ready, 1),
    }  # fmt: skip


def _require_all(fonts: Sequence[Phrases]) -> None:
    missing = sorted(set(range(len(CLASSES))) - {int(family) for font in fonts for family in np.unique(font.families)})
    if missing:
        names = ", ".join(font.name for font in fonts)
        raise ValueError(f"{names}: no phrases of {', '.join(CLASSES[family] for family in missing)}")
