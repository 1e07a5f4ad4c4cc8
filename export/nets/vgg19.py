"""VGG-19, sixteen convolutions made for images, with average pooling."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.blocks import Share
from dreampedal.export.nets.net import Net, Task

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""In each block (Simonyan and Zisserman 2015, table 1, column E)."""
WIDENING = (1, 2, 4, 8, 8)
"""Of each block, in widths."""


SIDE = 7
"""Of what the dense layers see of the last block: an image of 224 pixels gives as many, any other is averaged to it."""


class Vgg19Settings(Strict):
    """Of VGG-19.

    Fields:
        width: filters of the first block.
        dense: units of each of the two hidden dense layers.
        size: of the image, in pixels a side.
        pooling: "mean", which Gatys et al. (2016, section 2) found to give better pictures, or "max", as published.
        dropout: after each hidden dense layer.
    """

    width: Positive = 64
    dense: Positive = 4096
    size: Annotated[int, Field(ge=32, le=2048)] = 224
    pooling: Literal["mean", "max"] = "mean"
    dropout: Share = 0.5


class Vgg19(Net):
    """Simonyan and Zisserman (2015), configuration E: 143,667,240 parameters with 1000 classes at full width.

    Parameters carry the names under which trained weights are published (`features.0.weight`, `classifier.6.bias`), so
    that `pretrained.load_weights` reads them.
    """

    heads = ("classifier.6",)
    """Layers whose size depends on the classes."""
    sizes = "any"
    settings: Vgg19Settings

    def __init__(self, task: Task, settings: Vgg19Settings) -> None:
        super().__init__(task, settings)
        self.named: dict[str, int] = {}
        parts: list[nn.Module] = []
        channels = 3
        for block, (count, widening) in enumerate(zip(CONVOLUTIONS, WIDENING, strict=True), 1):
            for number in range(1, count + 1):
                parts += [nn.Conv2d(channels, settings.width * widening, 3, padding=1), nn.ReLU()]
                channels = settings.width * widening
                self.named[f"conv{block}_{number}"] = len(parts) - 1
            parts.append(nn.AvgPool2d(2) if settings.pooling == "mean" else nn.MaxPool2d(2))
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential(
            nn.Linear(channels * SIDE**2, settings.dense), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(settings.dense, settings.dense), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(settings.dense, len(task.classes)),
        )  # fmt: skip
        self.apply(_begin)

    def layers(self) -> dict[str, nn.Module]:
        """Each convolution's ReLU, and those of the hidden dense layers."""
        convolutions = {name: self.features[index] for name, index in self.named.items()}
        return {**convolutions, "dense1": self.classifier[1], "dense2": self.classifier[4]}

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        seen = self.features(as_image(x, self.settings.size))
        share = torch.from_numpy(averaging(seen.shape[-1], SIDE)).to(x)
        logits: Tensor = self.classifier(torch.flatten(share @ seen @ share.T, 1))
        return logits


def _begin(module: nn.Module) -> None:
    """Fresh weights that nineteen layers without batch norm neither shrink nor blow up (He et al. 2015)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def as_image(x: Tensor, size: int) -> Tensor:
    """Features (n, rows, frames) resized to (n, 3, size, size), the same in all three channels.

    Bilinear, and smoothed where the image is the smaller one. Two products of matrices do it, which every engine has.
    """
    rows, frames = (torch.from_numpy(resizing(found, size)).to(x) for found in x.shape[1:])
    return (rows @ x @ frames.T)[:, None].expand(-1, 3, -1, -1)


@lru_cache(maxsize=64)
def averaging(found: int, wanted: int) -> NDArray[np.float32]:
    """Means over parts of a line of `found` places, as a matrix (wanted, found); each place is in one part at least.

    >>> averaging(4, 2).tolist(), averaging(1, 2).tolist()
    ([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]], [[1.0], [1.0]])
    """
    part, place = np.arange(wanted)[:, None], np.arange(found)
    inside = (place >= part * found // wanted) & (place < -(-(part + 1) * found // wanted))
    return np.asarray(inside / inside.sum(1, keepdims=True), np.float32)


@lru_cache(maxsize=64)
def resizing(found: int, wanted: int) -> NDArray[np.float32]:
    """What resizes a line of `found` pixels to `wanted`, as a matrix (wanted, found): triangles around each centre.

    >>> resizing(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    shrinking = found / wanted
    centres = (np.arange(wanted) + 0.5) * shrinking - 0.5
    away = np.abs(np.arange(found) - centres[:, None]) / max(1.0, shrinking)
    weights = np.clip(1 - away, 0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
