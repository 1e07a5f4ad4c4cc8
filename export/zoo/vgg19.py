"""VGG-19, sixteen convolutions made for images, with average pooling."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dreampedal.engine.manifest import Positive, Strict

from .blocks import Share
from .net import Net, Task

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""In each block (Simonyan and Zisserman 2015, table 1, column E)."""
WIDENING = (1, 2, 4, 8, 8)
"""Of each block, in widths."""


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
        self.pool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 49, settings.dense), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(settings.dense, settings.dense), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(settings.dense, len(task.classes)),
        )  # fmt: skip
        self.apply(_begin)

    def layers(self) -> dict[str, nn.Module]:
        """Each convolution's ReLU, and those of the hidden dense layers."""
        convolutions = {name: self.features[index] for name, index in self.named.items()}
        return {**convolutions, "dense1": self.classifier[1], "dense2": self.classifier[4]}

    def hear(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        seen = self.pool(self.features(as_image(x, self.settings.size)))
        return self.classifier(torch.flatten(seen, 1))


def _begin(module: nn.Module) -> None:
    """Fresh weights that nineteen layers without batch norm neither shrink nor blow up (He et al. 2015)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def as_image(x: Tensor, size: int) -> Tensor:
    """Features (n, rows, frames) resized to (n, 3, size, size), the same in all three channels."""
    image = nn.functional.interpolate(x[:, None], (size, size), mode="bilinear", align_corners=False)
    return image.expand(-1, 3, -1, -1)
