"""musicnn and its VGG, the published taggers of Pons and Serra (2019), "musicnn: Pre-trained convolutional neural
networks for music audio tagging", as torch networks.

Both see 96 mel bands at 16 kHz, log10(1 + 10⁴·power), as (n, 96, frames), and answer with 50 logits of tags. Batch norm
follows the activation, as in the paper's code, with TensorFlow's epsilon; padding is by zeros after the batch norm of
the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dreampedal.engine.model.format.inputs import Mel, features
from dreampedal.engine.model.format.manifest import Strict
from dreampedal.export.nets.net import listening

BANDS = 96
FRAMES = 187
"""Frames of mel bands that the networks were trained on."""
SECONDS = 3.0
"""Of sound that have so many frames."""
EPSILON = 1e-3
"""What TensorFlow's batch norm adds to a variance."""
TIMBRAL_BANDS = (38, 67)
"""Height of the timbral filters: 0.4 and 0.7 of the bands."""
TIMBRAL_FILTERS = 204
TEMPORAL_FRAMES = (128, 64, 32)
TEMPORAL_FILTERS = 51
MIDDLE_FILTERS = 64
PENULTIMATE = 200
VGG_FILTERS = 128
VGG_POOLS = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)), ((4, 4), (4, 4)))
"""Size and stride of each max-pooling, (frames, bands)."""


class NoSettings(Strict):
    """The published networks are as they are."""


class Tagger(nn.Module):
    """What the published taggers, and heads on them, share: what they are called, their input and their classes.

    Args:
        name: of the checkpoint in small letters, "mtt_musicnn".
        classes: the tags of the logits, as labels.
        seconds: of a clip.
    """

    dreams: Literal["columns", "window", "waveform"] | None = None
    """Written as classifiers; what dreams live is distilled from them (`distil`)."""
    probabilities = "sigmoid"
    """A song has several tags."""

    def __init__(self, name: str, classes: Sequence[str], seconds: float = SECONDS) -> None:
        super().__init__()
        self.name, self.classes, self.seconds = name, tuple(classes), seconds
        self.input, self.settings = Mel.musicnn(), NoSettings()

    penultimate: nn.Module
    head: nn.Linear

    def layers(self) -> dict[str, nn.Module]:
        """The layers whose outputs `activations` gives, in order."""
        raise NotImplementedError

    def hidden(self, x: Tensor) -> Tensor:
        """What the head sees, (n, units), from features (n, 96, frames)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the tags: (n, 96, frames) to (n, 50)."""
        logits: Tensor = self.head(self.hidden(x))
        return logits

    @torch.no_grad()
    def tag_logits(self, audio: NDArray[np.float32], sample_rate: float) -> dict[str, float]:
        """The logit of each tag in a recording of 3 s or more, the mean over windows that overlap by half."""
        mel = features(self.input, audio, sample_rate)
        last = mel.shape[1] - FRAMES
        if last < 0:
            raise ValueError(f"a sound of {mel.shape[1]} frames: expected {FRAMES} or more, {SECONDS:g} s")
        starts = np.linspace(0, last, 1 + -(-last // (FRAMES // 2))).astype(int)
        x = torch.from_numpy(np.stack([mel[:, start : start + FRAMES] for start in starts]))
        return dict(zip(self.classes, self(x).mean(0).tolist(), strict=True))

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """The output of each layer, by name, on features (n, 96, frames)."""
        with listening(self.layers()) as found:
            self(x)
        return {name: found[name] for name in self.layers()}


class Timbral(nn.Module):
    """Filters of 7 frames that slide over the bands; what counts is the best place: (n, 1, frames, bands) to
    (n, filters, frames)."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, TIMBRAL_FILTERS, (7, bands), padding=(3, 0))
        self.norm = nn.BatchNorm2d(TIMBRAL_FILTERS, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return torch.amax(self.norm(self.conv(x).relu()), 3)


class Temporal(nn.Module):
    """Filters of many frames and one band; what counts is the best band: (n, 1, frames, bands) to
    (n, filters, frames). An even number of frames has its spare one after the frame."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.before = (frames - 1) // 2
        self.after = frames - 1 - self.before
        self.conv = nn.Conv1d(1, TEMPORAL_FILTERS, frames)
        self.norm = nn.BatchNorm1d(TEMPORAL_FILTERS, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        n, _, frames, bands = x.shape
        rows = functional.pad(x[:, 0].transpose(1, 2), (self.before, self.after)).reshape(n * bands, 1, -1)
        heard: Tensor = self.norm(self.conv(rows).relu())
        return heard.reshape(n, bands, TEMPORAL_FILTERS, frames).amax(1)


class Middle(nn.Module):
    """A convolution over 7 frames: (n, channels, frames) to (n, 64, frames)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, MIDDLE_FILTERS, 7, padding=3)
        self.norm = nn.BatchNorm1d(MIDDLE_FILTERS, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x).relu())
        return y


class Penultimate(nn.Module):
    """The maximum and mean over time of all features in turn, to 200 units: (n, 753, frames) to (n, 200)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_in = nn.BatchNorm1d(2 * channels, EPSILON)
        self.dense = nn.Linear(2 * channels, PENULTIMATE)
        self.norm = nn.BatchNorm1d(PENULTIMATE, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.stack([x.amax(2), x.mean(2)], 2).flatten(1)
        y: Tensor = self.norm(self.dense(self.norm_in(pooled)).relu())
        return y


class Musicnn(Tagger):
    """musicnn: filters shaped like timbres and like rhythms, three densely connected convolutions, pooling over time.

    It takes any number of frames; it was trained on 187.
    """

    def __init__(self, name: str, classes: Sequence[str]) -> None:
        super().__init__(name, classes)
        self.norm_in = nn.BatchNorm2d(1, EPSILON)
        self.front = nn.ModuleList(
            [*(Timbral(bands) for bands in TIMBRAL_BANDS), *(Temporal(frames) for frames in TEMPORAL_FRAMES)]
        )
        heard = len(TIMBRAL_BANDS) * TIMBRAL_FILTERS + len(TEMPORAL_FRAMES) * TEMPORAL_FILTERS
        self.middle = nn.ModuleList([Middle(heard), Middle(MIDDLE_FILTERS), Middle(MIDDLE_FILTERS)])
        self.penultimate = Penultimate(heard + 3 * MIDDLE_FILTERS)
        self.head = nn.Linear(PENULTIMATE, len(self.classes))

    def layers(self) -> dict[str, nn.Module]:
        timbral = [f"timbral{bands}" for bands in TIMBRAL_BANDS]
        temporal = [f"temporal{frames}" for frames in TEMPORAL_FRAMES]
        middle = [f"middle{number}" for number in (1, 2, 3)]
        names = [*timbral, *temporal, *middle, "penultimate"]
        return dict(zip(names, [*self.front, *self.middle, self.penultimate], strict=True))

    def hidden(self, x: Tensor) -> Tensor:
        """Penultimate layer: (n, 96, frames) to (n, 200)."""
        image = self.norm_in(x.transpose(1, 2)[:, None])
        front = torch.cat([branch(image) for branch in self.front], 1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        y: Tensor = self.penultimate(torch.cat([front, first, second, third], 1))
        return y


class VggBlock(nn.Module):
    """A convolution of 3 × 3 and a max-pooling: (n, channels, frames, bands) to fewer frames and bands."""

    def __init__(self, channels: int, size: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, VGG_FILTERS, 3, padding=1)
        self.norm = nn.BatchNorm2d(VGG_FILTERS, EPSILON)
        self.pool = nn.MaxPool2d(size, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.norm(self.conv(x).relu()))
        return y


class Vgg(Tagger):
    """The VGG beside musicnn: five blocks on exactly 187 frames."""

    def __init__(self, name: str, classes: Sequence[str]) -> None:
        super().__init__(name, classes)
        self.norm_in = nn.BatchNorm2d(1, EPSILON)
        self.blocks = nn.ModuleList(
            VggBlock(VGG_FILTERS if index else 1, *pool) for index, pool in enumerate(VGG_POOLS)
        )
        self.head = nn.Linear(2 * VGG_FILTERS, len(self.classes))

    def layers(self) -> dict[str, nn.Module]:
        return {f"block{index}": block for index, block in enumerate(self.blocks, 1)}

    def hidden(self, x: Tensor) -> Tensor:
        """What the head sees, two moments one after the other: (n, 96, 187) to (n, 256)."""
        if x.shape[2] != FRAMES:
            raise ValueError(f"{self.name} hears {x.shape[2]} frames: expected {FRAMES}")
        y: Tensor = self.norm_in(x.transpose(1, 2)[:, None])
        for block in self.blocks:
            y = block(y)
        return y[..., 0].transpose(1, 2).flatten(1)
