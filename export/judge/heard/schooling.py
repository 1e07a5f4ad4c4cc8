"""Training of a judge: on the phrases of one soundfont that no listener and no student hears, in noisy rooms.

A judge is a network of the table (`dreampedal.export.nets.table`), so that it becomes a model of kind `classifier`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dreampedal.engine.model.format.input_spectra import mel_weights
from dreampedal.engine.model.format.inputs import LogBands, Mel, features
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import SAMPLE_RATE, Phrases
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.listeners.layouts import Layout
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build
from dreampedal.export.train.distil.listening import together
from dreampedal.export.train.distil.rooms import Rooms

SECONDS = 1.2
"""Of sound that a judge hears at a time."""
HELD_OUT = 10
"""One phrase in so many is kept aside."""
NOISY = Rooms(noise_share=0.7, noise_db=(15.0, 65.0))
LEAST_POWER = math.log(1e-6)
"""What the logarithm of mel power ends at."""


@dataclass(frozen=True)
class Recipe:
    """How a judge is made.

    Fields:
        name: of the model; network: in the table of networks, with its settings.
        input: what it hears, in other bands than any listener of the same build.
        steps, batch, learning_rate: of the training; mixed_share: of batches in which two phrases sound at once.
    """

    name: str
    network: str
    input: Mel | LogBands
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 5000
    batch: int = 48
    learning_rate: float = 3e-3
    mixed_share: float = 0.3

    def network_of(self) -> Net:
        """A new network, its weights as torch draws them."""
        return build(self.network, CLASSES, self.input, SECONDS, self.settings, SAMPLE_RATE)


RECIPES = (
    Recipe(
        "judge_image", "residual",
        Mel(sample_rate=32_000, window=2048, hop=1024, bands=112, low_hz=40, high_hz=15_000), batch=32,
    ),
    Recipe(
        "judge_cepstra", "tdnn",
        LogBands(bands=Bands(count=120, low_hz=45, high_hz=15_500, floor_db=-80), window=4096, hop=1024),
        learning_rate=2e-3,
    ),
)  # fmt: skip
"""Two that are built unlike each other, and unlike every listener."""


def layout_of(input: Mel | LogBands) -> Layout:
    """The bands of an input as rooms know them.

    >>> layout_of(RECIPES[1].input).centres_hz[[0, -1]].tolist()
    [45.0, 15500.0]
    """
    if isinstance(input, LogBands):
        return Layout("judge", input.bands.count, input.bands.low_hz, input.bands.high_hz)
    inner = Layout("judge", input.bands + 2, input.low_hz, input.top_hz, "slaney").centres_hz
    return Layout("judge", input.bands, float(inner[1]), float(inner[-2]), "slaney")


def school(
    recipe: Recipe,
    phrases: Phrases,
    seed: int = 0,
    progress: Progress | None = None,
    rooms: Rooms = NOISY,
) -> Net:
    """A judge, trained on all phrases but one in `HELD_OUT`; the same seed gives the same one."""
    x = encoded(phrases, recipe.input, progress)
    rows = np.array([row for row in range(len(phrases)) if row % HELD_OUT])
    families = phrases.families[rows]
    chance = 1 / np.bincount(families, minlength=len(CLASSES))[families]
    chance /= chance.sum()
    torch_seed = seed + sum(map(ord, recipe.name))
    random, rng = Generator().manual_seed(torch_seed), np.random.default_rng(torch_seed)
    layout = layout_of(recipe.input)

    def batch() -> tuple[Tensor, Tensor]:
        chosen = rng.choice(len(rows), recipe.batch, p=chance)
        begin = int(rng.integers(0, x.shape[2] - net.task.shape[1] + 1))
        heard = torch.from_numpy(x[rows[chosen], :, begin : begin + net.task.shape[1]].astype(np.float32))
        targets = nn.functional.one_hot(torch.from_numpy(families[chosen]), len(CLASSES)).float()
        if rng.random() < recipe.mixed_share:
            heard, targets = together(heard, targets, random)
        return as_input(recipe.input, rooms([heard], [layout], random)[0]), targets

    with torch.random.fork_rng():
        torch.manual_seed(torch_seed)
        net = recipe.network_of()
        net.normalise([batch()[0] for _ in range(10)])
        optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=0.02)
        net.train()
        for step in range(recipe.steps):
            for group in optimiser.param_groups:
                ramp = min(1.0, (step + 1) / 30)
                group["lr"] = recipe.learning_rate * ramp * (0.51 + 0.49 * math.cos(math.pi * step / recipe.steps))
            heard, targets = batch()
            loss = nn.functional.cross_entropy(net(heard), targets, label_smoothing=0.01)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            if progress and (step % 20 == 19 or step == recipe.steps - 1):
                progress(f"{recipe.name}", step + 1, recipe.steps)
    return net.eval().requires_grad_(False)


def encoded(phrases: Phrases, input: Mel | LogBands, progress: Progress | None = None) -> NDArray[np.float16]:
    """Natural logs of amplitude of all phrases, (n, bands, columns), kept beside the phrases.

    Columns that a frame before the first sample reaches into are left out.
    """
    first = -(-input.window // input.hop) if isinstance(input, LogBands) else 2
    whole = as_amplitude(input, features(input, np.zeros(phrases.sounds.shape[1], np.float32), SAMPLE_RATE))[:, first:]
    path = phrases.path.with_name(f"{phrases.path.stem}-judge_{input.kind}{input.rows}.npy")
    if rows_in(path, whole.shape, np.float16) != len(phrases):
        with filling(path, len(phrases), whole.shape, np.float16) as array:
            for row, sound in enumerate(phrases.sounds):
                heard = features(input, sound.astype(np.float32) / 32_768, SAMPLE_RATE)
                array.add(as_amplitude(input, heard)[None, :, first:])
                if progress and (row % 50 == 49 or row == len(phrases) - 1):
                    progress(f"{input.kind} of {phrases.name}", row + 1, len(phrases))
    return np.asarray(np.load(path))


def as_amplitude(input: Mel | LogBands, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of an input as natural logs of amplitude, about 0 for a full-scale sine."""
    return x if isinstance(input, LogBands) else (0.5 * (x - _full_power(input))).astype(np.float32)


def as_input(input: Mel | LogBands, x: Tensor) -> Tensor:
    """Natural logs of amplitude as the features of an input."""
    return x if isinstance(input, LogBands) else (2 * x + _full_power(input)).clamp_min(LEAST_POWER)


def _full_power(input: Mel) -> float:
    weights = mel_weights(input.sample_rate, input.window, input.bands, input.low_hz, input.top_hz, input.scale)
    return math.log(float(weights.max()) * (input.window / 4) ** 2)
