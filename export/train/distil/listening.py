"""Training of one listener on phrases of soundfonts: seeded, resumable, and heard through random rooms."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import Phrases
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.listeners.layouts import NEPERS, Layout
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil import standing
from dreampedal.export.train.distil.rooms import Rooms
from dreampedal.export.train.distil.standing import Standing, UnusableError

AT_ONCE = 16
"""Phrases that are analysed at a time."""
WIDTHS = (56, 64, 80)
"""Frames of a batch, drawn from these."""
HEARD = slice(16, 112)
"""Frames that a phrase is judged by."""
VALIDATION = 40
"""One in so many phrases is kept for validation."""
EVERY = 400
"""Steps between two checkpoints."""


@dataclass(frozen=True)
class Schooling:
    """How long and how fast a listener learns."""

    steps: int = 1500
    batch: int = 48
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    mixed_share: float = 0.3
    """Of batches in which two phrases sound at once."""
    smoothing: float = 0.01
    clip_norm: float = 2.0


class Sounds(Protocol):
    """Sounds of one length: a name, a file that holds them, and the samples, int16 (n, samples) at 48 kHz."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def sounds(self) -> NDArray[np.int16]: ...


def encoded(phrases: Sounds, layout: Layout, progress: Progress | None = None) -> NDArray[np.float16]:
    """Features of all phrases in a layout, (n, bands, frames), kept beside the phrases."""
    path = phrases.path.with_name(f"{phrases.path.stem}-{layout.name}{layout.count}.npy")
    frames = 1 + (phrases.sounds.shape[1] - layout.window) // layout.hop
    shape = (layout.count, frames)
    if rows_in(path, shape, np.float16) != len(phrases.sounds):
        with filling(path, len(phrases.sounds), shape, np.float16) as array, torch.no_grad():
            for at in range(0, len(phrases.sounds), AT_ONCE):
                sound = torch.from_numpy(phrases.sounds[at : at + AT_ONCE].astype(np.float32) / 32_768)
                array.add(layout.heard(sound).numpy())
                if progress:
                    progress(f"{layout.name} of {phrases.name}", at + len(sound), len(phrases.sounds))
    return np.asanyarray(np.load(path, mmap_mode="r"))


def taught(
    listener: Listener,
    fonts: Sequence[Phrases],
    schooling: Schooling,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> nn.Module:
    """A listener in evaluation mode, read from `folder` where it was taught before, else gone on with.

    A kill at any moment costs at most `EVERY` steps, and changes no bit of what comes of it.

    Raises:
        ValueError: if what lies in the folder is another training's.
        OSError: if the disk is full; what was kept stays.
    """
    file, torch_seed = folder / f"{listener.name}.safetensors", seed + sum(map(ord, listener.name))
    heard = [fonts[place] for place in listener.fonts if place < len(fonts)] or list(fonts)
    identity = json.dumps([asdict(schooling), repr(listener), seed, [font.path.stem for font in heard]], sort_keys=True)
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed)
        net = listener.network(len(CLASSES))
        state = _saved(file, identity)
        if state and state[0] == schooling.steps:
            net.load_state_dict(state[1])
            return net.eval().requires_grad_(False)
        optimiser = torch.optim.AdamW(net.parameters(), schooling.learning_rate, weight_decay=schooling.weight_decay)
        random, rng = Generator().manual_seed(torch_seed), np.random.default_rng(torch_seed)
        stand = Standing({"listener": net}, optimiser, random, rng)
        stand.resume(folder, listener.name, identity)
        for step in _learn(net, listener, heard, schooling, stand, progress):
            if step % EVERY == 0 and step < schooling.steps:
                stand.write(folder, listener.name, identity)
        _save(file, net, identity, schooling.steps)
        standing.remove(folder, listener.name)
    return net.eval().requires_grad_(False)


def _learn(
    net: nn.Module,
    listener: Listener,
    heard: Sequence[Phrases],
    schooling: Schooling,
    stand: Standing,
    progress: Progress | None,
) -> Iterator[int]:
    """Take the steps that are left; yields how many were taken, after each."""
    features = [encoded(font, listener.layout, progress) for font in heard]
    places = np.array([(font, row) for font, x in enumerate(features) for row in range(len(x)) if row % VALIDATION])
    families = np.array([heard[font].families[row] for font, row in places])
    chance = 1 / np.bincount(families, minlength=len(CLASSES))[families]
    chance /= chance.sum()
    rooms, random, rng = Rooms(), stand.random, stand.rng
    net.train()
    while (step := stand.steps) < schooling.steps:
        chosen = rng.choice(len(places), schooling.batch, p=chance)
        width = int(rng.choice(WIDTHS))
        begin = int(rng.integers(0, features[0].shape[2] - width))
        x = torch.from_numpy(
            np.stack([features[font][row, :, begin : begin + width] for font, row in places[chosen]]).astype(np.float32)
        )
        targets = nn.functional.one_hot(torch.from_numpy(families[chosen]), len(CLASSES)).float()
        if rng.random() < schooling.mixed_share:
            x, targets = together(x, targets, random)
        (x,) = rooms([x], [listener.layout], random)
        if listener.adversarial_db and step % 3 == 2:
            x = _opposed(net, x, targets, listener.adversarial_db, random)
        loss = nn.functional.cross_entropy(net(x), targets, label_smoothing=schooling.smoothing)
        ramp = min(1.0, (step + 1) / 30)
        rate = schooling.learning_rate * ramp * (0.51 + 0.49 * math.cos(math.pi * step / schooling.steps))
        stand.down(loss, rate, schooling.clip_norm)
        if progress and (step % 20 == 19 or step == schooling.steps - 1):
            progress(f"listener {listener.name}", step + 1, schooling.steps)
        yield stand.steps


def together(x: Tensor, targets: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Every phrase with another of the batch, 6 to 30 dB under it."""
    other = torch.randperm(len(x), generator=random)
    below = (6 + 24 * torch.rand(len(x), 1, 1, generator=random)) * NEPERS
    both = 0.5 * torch.logaddexp(2 * x, 2 * (x[other] - below))
    share = torch.sigmoid(2 * below)[:, :, 0]
    return both, share * targets + (1 - share) * targets[other]


def _opposed(net: nn.Module, x: Tensor, targets: Tensor, most_db: float, random: Generator) -> Tensor:
    """Half of a batch moved against the listener, smoothly over bands and frames."""
    half = len(x) // 2
    offset = torch.zeros_like(x[:half], requires_grad=True)
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(net(x[:half] + offset), targets[:half]), offset)
    slope = nn.functional.avg_pool2d(slope[:, None], 5, 1, 2)[:, 0].sign()
    return torch.cat([x[:half] + most_db * NEPERS * slope * torch.rand(half, 1, 1, generator=random), x[half:]])


@torch.no_grad()
def accuracy(net: nn.Module, phrases: Phrases, layout: Layout, every: int = 6) -> float:
    """Share of a font's phrases, one in `every`, that a listener names right."""
    x = encoded(phrases, layout)
    rows = np.arange(0, len(phrases), every)
    right = 0
    for at in range(0, len(rows), AT_ONCE):
        some = rows[at : at + AT_ONCE]
        named = net(torch.from_numpy(x[some][:, :, HEARD].astype(np.float32))).argmax(1).numpy()
        right += int((named == phrases.families[some]).sum())
    return right / len(rows)


def _save(file: Path, net: nn.Module, identity: str, steps: int) -> None:
    with written_whole(file) as part:
        tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
        safetensors.torch.save_file(tensors, part, {"identity": identity, "steps": str(steps)})


def _saved(file: Path, identity: str) -> tuple[int, dict[str, Tensor]] | None:
    """Steps and weights of a listener that was taught; None where there is none, or none that can be used."""
    if not file.exists():
        return None
    try:
        about, tensors = standing.read(file)
    except UnusableError as error:
        warnings.warn(f"{file} {error}: it is taught again", stacklevel=3)
        return None
    if about.get("identity") != identity:
        raise standing.another(file)
    return int(about["steps"]), tensors
