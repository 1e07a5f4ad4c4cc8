"""Training of a listener that names genres and tags: seeded, resumable, and heard through random rooms.

Genres are labels of recordings. Tags are answers of a published network (distillation, after Hinton et al. 2015), which
is asked about recordings and about phrases of soundfonts, since few songs have a flute by itself. The published network
hears a sound as it is; a listener hears it in a random room and is to say the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.listeners.answers import Answers
from dreampedal.export.nets.listeners.layouts import NEPERS, SAMPLE_RATE, Layout
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil import standing
from dreampedal.export.train.distil.listening import Sounds, encoded
from dreampedal.export.train.distil.rooms import Rooms
from dreampedal.export.train.distil.standing import Standing, UnusableError

EVERY = 400
"""Steps between two states that are kept."""
NO_CLASS = -1
FOLDS = 5
"""A listener leaves one group in so many aside, to be asked about; the next listener others."""
JITTER_SECONDS = 0.05
"""A stretch is heard from up to so much earlier or later on than the published network heard it."""


@dataclass(frozen=True)
class Lessons:
    """What there is to learn of some sounds.

    Fields:
        of: the sounds; rows: which of them, int64 (n,).
        classes: the place of each one's class, or -1 where it is of none, int64 (n,).
        groups: of the recording that each is from, int64 (n,): those of one group stay together.
        starts: of the stretches that were heard, in samples; samples: of each stretch.
        tags: the probability of each tag in each stretch, float32 (n, stretches, tags).
        share: of the batches.
    """

    of: Sounds
    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    starts: tuple[int, ...]
    samples: int
    tags: NDArray[np.float32]
    share: float = 1.0

    def aside(self, fold: int) -> NDArray[np.bool_]:
        """Which of them a listener of a fold does not learn from, bool (n,)."""
        return np.asarray(np.unique(self.groups, return_inverse=True)[1] % FOLDS == fold)

    def features(
        self, x: NDArray[np.float16], layout: Layout, places: NDArray[np.int64], stretch: int, late: float = 0.0
    ) -> Tensor:
        """One stretch of some of them, out of the features of all sounds; `late` in s: (places, bands, frames)."""
        frames = 1 + (self.samples - layout.window) // layout.hop
        first = round((self.starts[stretch] + late * SAMPLE_RATE) / layout.hop)
        first = min(max(0, first), x.shape[2] - frames)
        return torch.from_numpy(x[self.rows[places], :, first : first + frames].astype(np.float32))


@dataclass(frozen=True)
class NamingPlan:
    """How long and how fast a listener learns to name.

    Fields:
        tag_weight: of the sum of all tags' losses, beside that of the class.
    """

    steps: int = 1500
    batch: int = 40
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    tag_weight: float = 0.2
    clip_norm: float = 2.0


def taught_to_name(
    listener: Listener,
    fold: int,
    classes: int,
    lessons: Sequence[Lessons],
    plan: NamingPlan,
    folder: Path,
    progress: Progress | None = None,
) -> Answers:
    """A listener in evaluation mode, read from `folder` where it was taught before, else gone on with.

    Args:
        fold: that is left aside of lessons with classes; it seeds the training too.
        classes: how many there are; answers are those, and then the tags.

    Raises:
        ValueError: if what lies in the folder is another training's.
        OSError: if the disk is full; what was kept stays.
    """
    file, seed = folder / f"{listener.name}.safetensors", 100 * fold + sum(map(ord, listener.name))
    about = [(one.of.path.stem, len(one.rows), float(one.tags.sum())) for one in lessons]
    identity = json.dumps([asdict(plan), repr(listener), fold, classes, about], sort_keys=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = listener.network(classes + lessons[0].tags.shape[2])
        if (found := _saved(file, identity)) is not None:
            net.load_state_dict(found)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            optimiser = torch.optim.AdamW(net.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
            stand = Standing({"listener": net}, optimiser, Generator().manual_seed(seed), np.random.default_rng(seed))
            stand.resume(folder, listener.name, identity)
            for step in _learn(net, listener, fold, classes, lessons, plan, stand, progress):
                if step % EVERY == 0 and step < plan.steps:
                    stand.write(folder, listener.name, identity)
            with written_whole(file) as part:
                tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
                safetensors.torch.save_file(tensors, part, {"identity": identity})
            standing.remove(folder, listener.name)
    answers = Answers(net, classes).eval()
    return answers.requires_grad_(False)


def naming_loss(logits: Tensor, classes: Tensor, tags: Tensor, count: int, plan: NamingPlan) -> Tensor:
    """How far answers are off.

    Args:
        logits: (n, classes and tags); classes: int64 (n,), -1 for none; tags: probabilities (n, tags).
        count: of the classes.
    """
    told = nn.functional.binary_cross_entropy_with_logits(logits[:, count:], tags) * tags.shape[1]
    loss = plan.tag_weight * told
    if bool((classes != NO_CLASS).any()):
        loss = loss + nn.functional.cross_entropy(
            logits[:, :count], classes, ignore_index=NO_CLASS, label_smoothing=plan.smoothing
        )
    return loss


@torch.no_grad()
def named(
    answers: nn.Module, listener: Listener, lessons: Lessons, chosen: NDArray[np.bool_], at_once: int = 32
) -> NDArray[np.float32]:
    """Log-probabilities of the chosen sounds, means over their stretches: (chosen, answers)."""
    x, places, found = encoded(lessons.of, listener.layout), np.flatnonzero(chosen), []
    for at in range(0, len(places), at_once):
        some = places[at : at + at_once]
        heard = [lessons.features(x, listener.layout, some, stretch) for stretch in range(len(lessons.starts))]
        found.append(torch.stack([answers(one) for one in heard]).mean(0).numpy())
    return np.concatenate(found)


def _learn(
    net: nn.Module,
    listener: Listener,
    fold: int,
    classes: int,
    lessons: Sequence[Lessons],
    plan: NamingPlan,
    stand: Standing,
    progress: Progress | None,
) -> Iterator[int]:
    """Take the steps that are left; yields how many were taken, after each."""
    features = [encoded(one.of, listener.layout, progress) for one in lessons]
    chances = [_chances(one, fold) for one in lessons]
    shares = np.array([one.share for one in lessons])
    rooms, random, rng = Rooms(), stand.random, stand.rng
    net.train()
    while (step := stand.steps) < plan.steps:
        which = int(rng.choice(len(lessons), p=shares / shares.sum()))
        lesson = lessons[which]
        places = rng.choice(len(lesson.rows), plan.batch, p=chances[which])
        stretch, late = int(rng.integers(len(lesson.starts))), float(rng.uniform(-1, 1)) * JITTER_SECONDS
        x = lesson.features(features[which], listener.layout, places, stretch, late)
        wanted = torch.from_numpy(lesson.classes[places]), torch.from_numpy(lesson.tags[places, stretch])
        (x,) = rooms([x], [listener.layout], random)
        if listener.adversarial_db and step % 3 == 2:
            x = _opposed(net, x, wanted, classes, plan, listener.adversarial_db, random)
        ramp = min(1.0, (step + 1) / 30)
        rate = plan.learning_rate * ramp * (0.51 + 0.49 * math.cos(math.pi * step / plan.steps))
        stand.down(naming_loss(net(x), *wanted, classes, plan), rate, plan.clip_norm)
        if progress and (step % 20 == 19 or step == plan.steps - 1):
            progress(f"listener {listener.name}", step + 1, plan.steps)
        yield stand.steps


def _chances(lessons: Lessons, fold: int) -> NDArray[np.float64]:
    """Of each sound to be drawn: classes alike, and none of what is aside where there are classes."""
    there = lessons.classes - NO_CLASS
    chances = 1 / np.bincount(there)[there].astype(np.float64)
    if (lessons.classes != NO_CLASS).any():
        chances[lessons.aside(fold)] = 0
    return np.asarray(chances / chances.sum())


def _opposed(
    net: nn.Module,
    x: Tensor,
    wanted: tuple[Tensor, Tensor],
    classes: int,
    plan: NamingPlan,
    most_db: float,
    random: Generator,
) -> Tensor:
    """Half of a batch moved against the listener, smoothly over bands and frames."""
    half = len(x) // 2
    offset = torch.zeros_like(x[:half], requires_grad=True)
    loss = naming_loss(net(x[:half] + offset), wanted[0][:half], wanted[1][:half], classes, plan)
    (slope,) = torch.autograd.grad(loss, offset)
    slope = nn.functional.avg_pool2d(slope[:, None], 5, 1, 2)[:, 0].sign()
    return torch.cat([x[:half] + most_db * NEPERS * slope * torch.rand(half, 1, 1, generator=random), x[half:]])


def _saved(file: Path, identity: str) -> dict[str, Tensor] | None:
    """Weights of a listener that was taught; None where there is none that can be used."""
    if not file.exists():
        return None
    try:
        about, tensors = standing.read(file)
    except UnusableError:
        return None
    if about.get("identity") != identity:
        raise standing.another(file)
    return tensors


@dataclass(frozen=True)
class NamingHearing:
    """A listener that names genres and tags, as a teacher of a student that knows some of them.

    Fields:
        answers: features to log-probabilities (n, answers); places: where among them each target of the student is.
    """

    name: str
    layout: Layout
    answers: nn.Module
    places: tuple[int, ...]

    def missed(self, features: Tensor, target: Tensor) -> Tensor:
        """Minus the log-probability of a target (n, targets): of a mixture, the mean by its weights, (n,)."""
        said: Tensor = self.answers(features)
        return -(target * said[:, list(self.places)]).sum(1)
