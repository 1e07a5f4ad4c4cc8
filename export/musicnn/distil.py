"""From a published network to one that dreams live: a causal network taught by its answers (after Hinton et al. 2015,
"Distilling the knowledge in a neural network", with gradients in mind as in Czarnecki et al. 2017, "Sobolev training").

The published network hears 3 s at 16 kHz and looks a second ahead; an effect has a few milliseconds. So a small causal
network on log bands learns to answer as it does: what it says of songs and of phrases, and how its answer changes with
an offset. Then it learns where its teacher's answers rise: the shape of the gradient itself, which is all that a dream
goes by. Without that, a student that answers well climbs in directions that leave its teacher cold.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreampedal.export.data.progress import Progress
from dreampedal.export.musicnn.networks import Tagger
from dreampedal.export.musicnn.teacher import BEFORE, Gradients, Targets, gradients, pooled, smoother, targets
from dreampedal.export.musicnn.views import LAYOUT, Views
from dreampedal.export.nets.causal import Network
from dreampedal.export.nets.columns import ColumnsSettings
from dreampedal.export.train.augment import NEPERS
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.state import Descent

STRETCH = 24
"""Columns over which a gradient in time is summed: a quarter of a second."""
SMOOTH_GAIN = 2.2
"""Brings noise that is smooth over bands to the RMS that it had."""


@dataclass(frozen=True)
class Distillation:
    """How a student is made and taught.

    Fields:
        student: settings of the network; plan: of its training, whose learning rate rises over 100 steps and falls
            over the last two fifths of a round.
        steps: without and with gradients.
        rising: sounds at which the teacher is asked for gradients.
        gradients: in a step; each counts by how far its direction is off, in bands over all time and over quarter
            seconds.
        groups: targets on the same 3 s in a step, of so many 3 s.
        change_weight: how much a change of answer counts beside the answer.
        noise_db: what is added to every band and frame of the student's input, but not its teacher's, has an RMS of up
            to so much: a network that is not moved by noise has gradients that mean something to others (Tsipras et al.
            2019, "Robustness may be at odds with accuracy").
    """

    student: ColumnsSettings = field(default_factory=ColumnsSettings)
    plan: Plan = field(default_factory=lambda: Plan(learning_rate=4e-3, weight_decay=1e-2, clip_norm=2.0))
    steps: tuple[int, int] = (600, 900)
    rising: int = 1000
    gradients: int = 24
    groups: int = 20
    change_weight: float = 2.0
    noise_db: float = 12.0


def distil(
    teacher: Tagger,
    views: Views,
    tags: Sequence[str] | None = None,
    how: Distillation | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Network, Targets]:
    """A student of `teacher`, and all targets that it was taught.

    Args:
        views: sounds to learn on; what is to be judged on later stays out of them.
        tags: that are to be dreamt of, whose gradients are asked for; all of them if None.
        seed: of all that is random.
    """
    how = how or Distillation()
    torch.manual_seed(seed)
    known = targets(teacher, views, seed, progress)
    student = new_student(teacher, views, known, how)
    student = taught(student, views, known, None, how, seed, progress)
    places = np.array([teacher.classes.index(tag) for tag in tags or teacher.classes])
    rising = gradients(teacher, views, places, how.rising, seed, progress)
    return taught(student, views, known, rising, how, seed + 1, progress), known


def new_student(teacher: Tagger, views: Views, known: Targets, how: Distillation) -> Network:
    """A network that knows nothing but the range of its input and the mean of its teacher's answers."""
    layers = how.student
    student = Network(
        classes=teacher.classes, filters=layers.filters, dilations=layers.dilations,
        context_frames=layers.context_frames,
    )  # fmt: skip
    rates = views.rates[known.clips]
    x = [known.features(views, np.flatnonzero(rates == rate)[::37][:100]) for rate in np.unique(rates)]
    columns = torch.cat([part.transpose(0, 1).flatten(1) for part in x], 1)
    with torch.no_grad():
        student.mean.copy_(columns.mean(1))
        student.std.fill_(float((columns - columns.mean(1, keepdim=True)).std()))
        student.head.bias.copy_(known.logits.mean(0))
    return student


def taught(
    student: Network,
    views: Views,
    known: Targets,
    rising: Gradients | None,
    how: Distillation,
    seed: int,
    progress: Progress | None = None,
) -> Network:
    """The student after a round, without gradients or with them: the running mean of its weights."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    spread, group, steps = known.logits.std(0), known.groups, how.steps[rising is not None]
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    rate_of = np.array([views.rates[known.clips[some[0]]] for some in members])
    descent = Descent(copy.deepcopy(student).train(), how.plan)
    for step in range(steps):
        rate = rng.choice(rate_of)
        chosen = rng.choice(np.flatnonzero(rate_of == rate), how.groups)
        some = np.concatenate([members[n] for n in chosen])
        of = torch.from_numpy(np.repeat(np.arange(how.groups), [len(members[n]) for n in chosen]))
        x = noisy(known.features(views, some), how.noise_db)
        loss = _loss((pooled(descent.net, x) - known.logits[some]) / spread, of, how)
        if rising is not None:
            there = np.flatnonzero(views.rates[rising.clips] == rate)
            across, along = directions(descent.net, views, rising, rng.choice(there, how.gradients), taught=True)
            loss = loss + (2 - across - along).mean()
        descent.down(loss, how.plan.learning_rate * min(1.0, (step + 1) / 100, (steps - step) / (0.4 * steps)))
        if progress and step % 20 == 0:
            progress("teaching", step, steps)
    return descent.mean.eval()


def directions(
    student: Network, views: Views, rising: Gradients, some: NDArray[np.int64], taught: bool = False
) -> tuple[Tensor, Tensor]:
    """How near the student's gradients come to its teacher's, as cosines: over all time, and over stretches of it.

    Args:
        some: places in `rising`, of sounds of one rate.
        taught: keep the graph, so that the cosines themselves can be climbed.

    Returns:
        Two tensors (n,): of the gradients' sums over time, which are an equaliser each, and of sums over 24 columns.
    """
    x = rising.features(views, some).requires_grad_(True)
    logits = pooled(student, x).gather(1, torch.from_numpy(rising.tags[some])[:, None])
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=taught)
    found = smoother() @ gradient[..., BEFORE:]
    wanted = smoother() @ rising.gradients[some][..., : found.shape[2]].float()
    stretched = [_stretches(values) for values in (found, wanted)]
    return _cosine(found.sum(2), wanted.sum(2)), _cosine(stretched[0], stretched[1])


def _stretches(gradient: Tensor) -> Tensor:
    """Sums over 24 columns each: (n, 96, columns) to (n, bands and stretches)."""
    count = gradient.shape[2] // STRETCH
    return gradient[..., : count * STRETCH].reshape(*gradient.shape[:2], count, STRETCH).sum(3).flatten(1)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1) / (a.square().sum(1).sqrt() * b.square().sum(1).sqrt() + 1e-12)


def noisy(x: Tensor, most_db: float) -> Tensor:
    """Features with noise of their own level each, in half of them smooth over bands: (n, 96, columns)."""
    level = torch.rand(len(x), 1, 1) * most_db * NEPERS
    noise = torch.randn_like(x)
    noise = torch.where(torch.rand(len(x), 1, 1) < 0.5, noise, SMOOTH_GAIN * (smoother() @ noise))
    return (x + level * noise).clamp_min(LAYOUT.floor)


def _loss(errors: Tensor, group: Tensor, how: Distillation) -> Tensor:
    """Of answers, and of how they change within a group: errors (n, classes) in units of each class's spread."""
    count = torch.bincount(group).float()[:, None]
    mean = torch.zeros(len(count), errors.shape[1]).index_add(0, group, errors) / count
    answer = torch.nn.functional.smooth_l1_loss(errors, torch.zeros_like(errors))
    return answer + how.change_weight * (errors - mean[group]).square().mean()


@torch.no_grad()
def agreement(student: Network, views: Views, known: Targets) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of the student's answers with its teacher's, (classes,), and of their changes within a group.

    To be asked on sounds that the student was not taught on.
    """
    student.eval()
    answers = torch.zeros_like(known.logits)
    rates = views.rates[known.clips]
    for rate in np.unique(rates):
        for some in np.array_split(places := np.flatnonzero(rates == rate), 1 + len(places) // 64):
            answers[some] = pooled(student, known.features(views, some))
    found, wanted = answers.double().numpy(), known.logits.double().numpy()
    return _correlation(found, wanted), _correlation(_within(found, known.groups), _within(wanted, known.groups))


def _within(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values less the mean of their group."""
    sums = np.zeros((group.max() + 1, values.shape[1]))
    np.add.at(sums, group, values)
    return values - (sums / np.bincount(group)[:, np.newaxis])[group]


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = a - a.mean(0), b - b.mean(0)
    return np.asarray((a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0) + 1e-30))
