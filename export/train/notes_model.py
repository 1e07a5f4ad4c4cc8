"""Training of the note network: from soundfonts to one ONNX file, the same weights for the same seed.

Each step draws notes so that families weigh the same, and programs within a family; cuts a stretch of frames around the
onset out of each; changes it at random (`augment`); and asks for the family at every few frames. What is kept is a
running mean of the weights, which hears better than the last of them.
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.notes import FRAMES, JUDGED, NoteSet, load_notes, unseen
from dreampedal.export.metrics.measures import accuracies, confusion
from dreampedal.export.nets.causal import Network
from dreampedal.export.progress import Progress
from dreampedal.export.train.augment import FLOOR, Recipe, augmented, mixed

SILENT = -8.0
"""Notes whose loudest feature is below this (-70 dBFS) teach nothing and are left out."""


THREADS = 1
"""Sums are rounded differently on more threads; on one, every machine of a kind gives the same weights."""


@dataclass(frozen=True)
class Plan:
    """What is trained and how.

    Fields:
        filters, kernel, dilations, context_frames: of the `Network`.
        steps, batch: steps of AdamW, and notes in each.
        frames: length of the stretch cut out of a note; it starts up to `earliest` frames before the onset and up to
            `latest` after it.
        learning_rate: of AdamW; it rises over `rising` steps, stays, and falls to nothing over the last `falling`.
        smoothing: share of the label given to all classes alike (Szegedy et al. 2016).
        mixed_share: how many notes sound together with another (after Zhang et al. 2018, "mixup").
        averaging: weight of the past in the running mean of the weights.
        settle_frames: frames after the onset before the family is asked for.
        recipe: how far the random changes go.
    """

    filters: tuple[int, ...] = (128, 96, 96)
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 3, 9)
    context_frames: int = 8
    steps: int = 6_037
    batch: int = 192
    frames: int = 40
    earliest: int = 12
    latest: int = 20
    learning_rate: float = 5e-3
    rising: int = 300
    falling: int = 2_000
    weight_decay: float = 1e-2
    smoothing: float = 0.05
    mixed_share: float = 0.1
    averaging: float = 0.998
    settle_frames: int = 4
    recipe: Recipe = field(default_factory=Recipe)


def train(
    notes: NoteSet,
    plan: Plan,
    seed: int = 0,
    minutes: float | None = None,
    progress: Progress | None = None,
) -> Network:
    """A network that names the family of notes; the same bits for the same notes, plan, seed and number of threads.

    Args:
        notes: what to learn from; silent ones are left out.
        minutes: stop early after this long; None takes every step.
        progress: told the step and how many there are.
    """
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    notes = notes.take(loudest(notes.features) > SILENT)
    features, labels = torch.from_numpy(notes.features), torch.from_numpy(notes.labels)
    weights = balance(notes)
    network = Network(
        bands=features.shape[1], classes=CLASSES, filters=plan.filters, kernel=plan.kernel, dilations=plan.dilations,
        context_frames=plan.context_frames,
    )  # fmt: skip
    normalise(network, [stretches(features, labels, weights, plan, random)[0] for _ in range(4)])
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    mean_network = copy.deepcopy(network)
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    for step in range(plan.steps):
        network.train()
        optimiser.param_groups[0]["lr"] = learning_rate(plan, step)
        x, targets, onsets = stretches(features, labels, weights, plan, random)
        optimiser.zero_grad()
        loss = loss_of(network, x, targets, onsets, plan)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        average(mean_network, network, min(plan.averaging, (step + 1) / (step + 20)))
        if progress and step % 20 == 0:
            progress("training", step, plan.steps)
        if time.monotonic() > end:
            break
    return mean_network.eval()


def learning_rate(plan: Plan, step: int) -> float:
    """The rate at a step: up, level, and down to nothing.

    >>> plan = Plan(steps=10_000, learning_rate=1.0, rising=100, falling=1_000)
    >>> [learning_rate(plan, step) for step in (0, 99, 5_000, 9_500, 9_999)]
    [0.01, 1.0, 1.0, 0.5, 0.001]
    """
    rise = min(1.0, (step + 1) / plan.rising)
    return plan.learning_rate * min(rise, (plan.steps - step) / plan.falling, 1.0)


def loudest(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """The largest feature of each note, shape (notes,)."""
    return np.array([note.max() for note in features], np.float32)


def balance(notes: NoteSet) -> Tensor:
    """How likely each note is drawn, so that families weigh the same, and programs within a family."""
    labels = notes.labels.tolist()
    places = [(label, note.program) for label, note in zip(labels, notes.notes, strict=True)]
    of_program, programs = Counter(places), Counter(label for label, _ in set(places))
    return torch.tensor([1 / programs[place[0]] / of_program[place] for place in places], dtype=torch.double)


def stretches(
    features: Tensor, labels: Tensor, weights: Tensor, plan: Plan, random: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch: features (batch, bands, frames), class weights (batch, classes), and the frame of each onset."""
    drawn = torch.multinomial(weights, plan.batch, True, generator=random)
    start = torch.randint(-plan.earliest, plan.latest, (plan.batch, 1), generator=random)
    frames = torch.arange(plan.frames) + start
    notes = features[drawn].float()
    x = notes.gather(2, frames.clamp(0, FRAMES - 1)[:, None].expand(-1, notes.shape[1], -1))
    x = x.masked_fill((frames < 0)[:, None], FLOOR)
    targets = torch.nn.functional.one_hot(labels[drawn], len(CLASSES)).float()
    if plan.mixed_share:
        x, targets = mixed(x, targets, plan.mixed_share, random)
    return augmented(x, plan.recipe, random), targets, (-start[:, 0]).clamp_min(0)


def normalise(network: Network, batches: Sequence[Tensor]) -> None:
    """Set the network's mean of each band, and one spread for all bands, from what it will hear."""
    heard = torch.cat(list(batches))
    network.mean.copy_(heard.mean((0, 2)))
    network.std.fill_(float((heard - network.mean[:, None]).std()))


def logits_after_silence(network: Network, x: Tensor) -> Tensor:
    """As `Network.logits_at_frames`, at a lower cost: the last layer's answer to silence is computed once a note."""
    y = network.last_layer(network.after_silence(x, network.history_frames + 1))
    silent = y[..., :1].expand(-1, -1, network.context_frames - 1)
    return network.pooled_logits(torch.cat([silent, y[..., 1:]], -1))


def loss_of(network: Network, x: Tensor, targets: Tensor, onsets: Tensor, plan: Plan) -> Tensor:
    """Cross-entropy at every fourth frame from `settle_frames` after the onset on."""
    logits = logits_after_silence(network, x)[..., 3::4]
    asked = torch.arange(x.shape[-1])[3::4] >= onsets[:, None] + plan.settle_frames
    smooth = targets * (1 - plan.smoothing) + plan.smoothing / targets.shape[1]
    losses = -(smooth[..., None] * logits.log_softmax(1)).sum(1)
    return (losses * asked).sum() / asked.sum()


@torch.no_grad()
def average(mean_network: Network, network: Network, keep: float) -> None:
    """Move the running mean toward the network's weights and statistics."""
    for mean, now in zip(mean_network.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


@torch.no_grad()
def note_logits(network: Network, features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Class logits of whole notes, the mean over their frames, as `evaluation` has them: (notes, classes)."""
    parts = np.array_split(features, max(1, len(features) // 512))
    heard = [logits_after_silence(network, torch.from_numpy(part.astype(np.float32))) for part in parts]
    return torch.cat([logits[..., JUDGED].mean(-1) for logits in heard]).numpy()


def train_notes(
    soundfonts: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    minutes: float | None = None,
    progress: Progress | None = None,
    plan: Plan | None = None,
    key_step: int = 1,
) -> dict[str, Any]:
    """Render the soundfonts' notes, train on nine tenths of them, judge on the rest, and write the model.

    Args:
        soundfonts: .sf2 or .sf3 files, or folders of Gravis patches; together they cover all families.
        out: the ONNX file.
        seed: of all that is random.
        minutes: stop training early after this long; the weights then depend on the machine.
        progress: told what is going on, how much is done, and how much there is.
        plan: other than the shipped model's.
        key_step: take every so many keys (for a quick trial).

    Returns:
        A report: notes, seconds, and accuracy on the unseen notes, by class and as the macro average.

    Raises:
        SoundfontError: if a soundfont cannot be read.
        ValueError: if the soundfonts leave a family without notes.
    """
    from dreampedal.export.compile.ascent import Training, export_ascent

    plan = plan or Plan()
    torch.set_num_threads(THREADS)
    began = time.monotonic()
    notes = load_notes(soundfonts, key_step, progress=progress)
    missing = sorted(set(range(len(CLASSES))) - set(notes.labels.tolist()))
    if missing:
        raise ValueError(f"{', '.join(notes.fonts)}: no notes of {', '.join(CLASSES[i] for i in missing)}")
    rendered = time.monotonic()
    kept = unseen(notes.notes)
    network = train(notes.take(~kept), plan, seed, minutes, progress)
    trained = time.monotonic()
    judged = notes.take(kept & (loudest(notes.features) > SILENT))
    measured = accuracies(confusion(judged.labels, note_logits(network, judged.features).argmax(1), len(CLASSES)))
    training = Training(
        data=f"notes rendered from {', '.join(notes.fonts)}",
        licence="as the soundfonts: FluidR3 and MuseScore General MIT, FreePats GPL-2.0-or-later with exception",
        seed=seed,
        notes=f"{len(notes)} notes of 11 families, {plan.steps} steps of {plan.batch}; dreampedal train notes",
    )
    export_ascent(
        network, out, name="notes", training=training,
        accuracy={"unseen_notes_macro": round(measured["macro"], 4)},
    )  # fmt: skip
    return {
        "model": str(out), "seed": seed, "soundfonts": list(notes.fonts),
        "notes": int((~kept).sum()), "unseen_notes": len(judged),
        "seconds_rendering": round(rendered - began, 1), "seconds_training": round(trained - rendered, 1),
        "accuracy_unseen": measured,
    }  # fmt: skip
