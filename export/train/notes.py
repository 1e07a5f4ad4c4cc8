"""Training of the note network: from soundfonts to one ONNX file, the same weights for the same seed.

Each batch holds as many notes of each family. A stretch of frames around the onset is cut out of each, changed at
random (`augment`), and the family is asked for at every few frames. The rest is `fit`'s.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.ascent import export_ascent
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.notes import JUDGED, SECONDS, drawn, family_notes
from dreampedal.export.data.progress import Progress
from dreampedal.export.metrics.scores import probabilities, score
from dreampedal.export.nets.columns import Columns, ColumnsSettings
from dreampedal.export.nets.net import Task
from dreampedal.export.train.augment import Recipe, augmented, mixed
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan

EVERY = 4
"""In training, the family is asked for at every so many frames."""
UNSEEN = 0.1
"""Share of the keys that the model is judged on."""

SETTINGS = ColumnsSettings(filters=(128, 96, 96), dilations=(1, 3, 9), context_frames=8)
PLAN = Plan(
    batch=192, learning_rate=5e-3, weight_decay=1e-2, clip_norm=2.0, averaging=0.998, label_smoothing=0.0,
    least_learning_rate=0.0,
)  # fmt: skip
STEPS = 6_000


class FrameByFrame(Columns):
    """The causal network, taught at single frames after endless silence, and judged by their mean.

    Its logits have shape (n, classes, frames / 4) in training.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Logits of log bands (n, bands, frames)."""
        causal = self.causal
        heard = causal.after_silence(x, causal.history_frames + 1)
        y = causal.last_layer((heard - self.mean[:, None]) / self.std[:, None])
        # What the last layer answers to silence is the same in all columns before.
        silent = y[..., :1].expand(-1, -1, causal.context_frames - 1)
        logits = causal.pooled_logits(torch.cat([silent, y[..., 1:]], -1))
        return logits[..., EVERY - 1 :: EVERY] if self.training else logits[..., JUDGED].mean(-1)


@dataclass(frozen=True)
class Stretches:
    """What is made of a batch of notes: a stretch of each, changed at random, and a target at every few frames.

    Fields:
        frames: length of the stretch; it starts up to `earliest` frames before the onset and up to `latest` after it.
        settle_frames: frames after the onset before the family is asked for.
        smoothing: share of the label given to all classes alike (Szegedy et al. 2016).
        mixed_share: how many notes sound together with another (after Zhang et al. 2018, "mixup").
        recipe: how far the random changes go.
    """

    frames: int = 40
    earliest: int = 12
    latest: int = 20
    settle_frames: int = 4
    smoothing: float = 0.05
    mixed_share: float = 0.1
    recipe: Recipe = field(default_factory=Recipe)

    def __call__(self, notes: Tensor, targets: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
        """Notes (n, bands, frames) and class weights (n, classes) to a batch, as `Batches` takes it."""
        start = torch.randint(-self.earliest, self.latest, (len(notes), 1), generator=random)
        frames = torch.arange(self.frames) + start
        x = notes.gather(2, frames.clamp(0, notes.shape[2] - 1)[:, None].expand(-1, notes.shape[1], -1))
        x = x.masked_fill((frames < 0)[:, None], BandLayout().floor)
        x, targets = mixed(x, targets, self.mixed_share, random)
        asked = (frames >= self.settle_frames) & (torch.arange(self.frames) >= self.settle_frames)
        asked = asked[:, None, EVERY - 1 :: EVERY].float()
        # So the mean over notes of a batch is the mean over all frames that are asked for.
        asked = asked * (len(asked) / asked.sum())
        smooth = targets * (1 - self.smoothing) + self.smoothing / targets.shape[1]
        return augmented(x, self.recipe, random), smooth[..., None] * asked


def train(
    known: Clips,
    plan: Plan,
    settings: ColumnsSettings = SETTINGS,
    stretches: Stretches | None = None,
    progress: Progress | None = None,
) -> FrameByFrame:
    """A network that names the family of notes; the same bits for the same notes, plan and settings."""
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        net = FrameByFrame(Task(CLASSES, known.input, SECONDS), settings)
    # Nothing that is judged later is looked at, and the last epochs are chosen.
    looked_at = known.take(np.arange(0, len(known), max(1, len(known) // 256)))
    fit(net, known, looked_at, plan, progress=progress, change=stretches or Stretches())
    return net


def train_notes(
    soundfonts: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    minutes: float | None = None,
    progress: Progress | None = None,
    steps: int = STEPS,
    settings: ColumnsSettings = SETTINGS,
    key_step: int = 1,
) -> dict[str, Any]:
    """Render the soundfonts' notes, train on nine tenths of them, judge on the rest, and write the model.

    Args:
        soundfonts: .sf2 or .sf3 files, or folders of Gravis patches; together they cover all families.
        out: the ONNX file.
        seed: of all that is random.
        minutes: stop training early after this long; the weights then depend on the machine.
        progress: told what is going on, how much is done, and how much there is.
        steps, settings: of the training and of the network, other than the shipped model's.
        key_step: take every so many keys (for a quick trial).

    Returns:
        A report: notes, seconds, and accuracy on the unseen notes, by class and as the macro average.

    Raises:
        SoundfontError: if a soundfont cannot be read.
        ValueError: if the soundfonts leave a family without notes.
    """
    began = time.monotonic()
    notes = family_notes(soundfonts, key_step, progress=progress)
    fonts = ", ".join(path.name for path in soundfonts)
    missing = sorted(set(range(len(CLASSES))) - set(notes.labels.tolist()))
    if missing:
        raise ValueError(f"{fonts}: no notes of {', '.join(CLASSES[i] for i in missing)}")
    ready = time.monotonic()
    unseen = np.array([drawn(name) < UNSEEN for name in notes.group_names])[notes.groups]
    known, asked = notes.take(~unseen), notes.take(unseen)
    epochs = math.ceil(steps * PLAN.batch / len(known))
    net = train(known, PLAN.changed(epochs=epochs, seed=seed, minutes=minutes), settings, progress=progress)
    trained = time.monotonic()
    found = score(probabilities(net, asked), asked.labels, asked.groups, CLASSES).by_clip
    training = Training(
        data=f"notes rendered from {fonts}",
        licence="as the soundfonts: FluidR3 and MuseScore General MIT, FreePats GPL-2.0-or-later with exception",
        seed=seed,
        notes=f"{len(notes)} notes of 11 families, {epochs} epochs in batches of {PLAN.batch}; dreampedal train notes",
    )
    accuracy = {"unseen_notes_macro": round(found.recall, 4)}
    export_ascent(net.network, out, name="notes", training=training, accuracy=accuracy)
    return {
        "model": str(out), "seed": seed, "soundfonts": [path.name for path in soundfonts],
        "notes": len(known), "unseen_notes": len(asked),
        "seconds_rendering": round(ready - began, 1), "seconds_training": round(trained - ready, 1),
        "accuracy_unseen": found.by_class(),
    }  # fmt: skip
