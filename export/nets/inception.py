"""Inception v3, a network made for images: a table of branches, and what runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dreampedal.engine.model.format.manifest import Strict
from dreampedal.export.nets.blocks import Share
from dreampedal.export.nets.net import Net, Task
from dreampedal.export.nets.vgg19 import as_image

AUXILIARY_SIZE = 299
"""Pixels a side from which the second head has enough to see."""


@dataclass(frozen=True)
class Step:
    """A convolution: its name, filters at full width, kernel and stride. At stride 1 in a block it keeps the size."""

    name: str
    filters: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


@dataclass(frozen=True)
class Branch:
    """Pooling, convolutions in a row, and those at its end that run side by side."""

    steps: tuple[Step, ...] = ()
    ends: tuple[Step, ...] = ()
    pooling: Literal["mean", "max", "none"] = "none"


def _fine(pooled: int) -> tuple[Branch, ...]:
    """Branches of the blocks on 35 by 35 (Szegedy et al. 2016, figure 5)."""
    return (
        Branch((Step("branch1x1", 64),)),
        Branch((Step("branch5x5_1", 48), Step("branch5x5_2", 64, (5, 5)))),
        Branch((Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, (3, 3)), Step("branch3x3dbl_3", 96, (3, 3)))),
        Branch((Step("branch_pool", pooled),), pooling="mean"),
    )


def _middle(inner: int) -> tuple[Branch, ...]:
    """Branches of the blocks on 17 by 17, with kernels of 7 in two parts (figure 6)."""
    flat, tall = (1, 7), (7, 1)
    return (
        Branch((Step("branch1x1", 192),)),
        Branch((Step("branch7x7_1", inner), Step("branch7x7_2", inner, flat), Step("branch7x7_3", 192, tall))),
        Branch(
            (
                Step("branch7x7dbl_1", inner), Step("branch7x7dbl_2", inner, tall), Step("branch7x7dbl_3", inner, flat),
                Step("branch7x7dbl_4", inner, tall), Step("branch7x7dbl_5", 192, flat),
            )
        ),
        Branch((Step("branch_pool", 192),), pooling="mean"),
    )  # fmt: skip


def _coarse() -> tuple[Branch, ...]:
    """Branches of the blocks on 8 by 8, which widen at their ends (figure 7)."""
    flat, tall = (1, 3), (3, 1)
    return (
        Branch((Step("branch1x1", 320),)),
        Branch((Step("branch3x3_1", 384),), (Step("branch3x3_2a", 384, flat), Step("branch3x3_2b", 384, tall))),
        Branch(
            (Step("branch3x3dbl_1", 448), Step("branch3x3dbl_2", 384, (3, 3))),
            (Step("branch3x3dbl_3a", 384, flat), Step("branch3x3dbl_3b", 384, tall)),
        ),
        Branch((Step("branch_pool", 192),), pooling="mean"),
    )


TO_MIDDLE = (
    Branch((Step("branch3x3", 384, (3, 3), 2),)),
    Branch((Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, (3, 3)), Step("branch3x3dbl_3", 96, (3, 3), 2))),
    Branch(pooling="max"),
)
TO_COARSE = (
    Branch((Step("branch3x3_1", 192), Step("branch3x3_2", 320, (3, 3), 2))),
    Branch(
        (
            Step("branch7x7x3_1", 192), Step("branch7x7x3_2", 192, (1, 7)), Step("branch7x7x3_3", 192, (7, 1)),
            Step("branch7x7x3_4", 192, (3, 3), 2),
        )
    ),
    Branch(pooling="max"),
)  # fmt: skip
STEM = (
    Step("Conv2d_1a_3x3", 32, (3, 3), 2), Step("Conv2d_2a_3x3", 32, (3, 3)), Step("Conv2d_2b_3x3", 64, (3, 3)),
    Step("Conv2d_3b_1x1", 80), Step("Conv2d_4a_3x3", 192, (3, 3)),
)  # fmt: skip
PADDED = ("Conv2d_2b_3x3",)
"""In the stem; the others fit their kernels into the image."""
POOLED = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")
"""What max-pooling follows in the stem."""
MIXED = {
    "Mixed_5b": _fine(32), "Mixed_5c": _fine(64), "Mixed_5d": _fine(64), "Mixed_6a": TO_MIDDLE,
    "Mixed_6b": _middle(128), "Mixed_6c": _middle(160), "Mixed_6d": _middle(160), "Mixed_6e": _middle(192),
    "Mixed_7a": TO_COARSE, "Mixed_7b": _coarse(), "Mixed_7c": _coarse(),
}  # fmt: skip


class InceptionSettings(Strict):
    """Of Inception v3.

    Fields:
        width: of every convolution, as a share of the published one.
        size: of the image, in pixels a side.
        auxiliary: whether there is a second head after Mixed_6e, for training (section 4).
        dropout: before the head.
    """

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    size: Annotated[int, Field(ge=75, le=2048)] = 299
    auxiliary: bool = False
    dropout: Share = 0.5


class InceptionV3(Net):
    """Szegedy et al. (2016): 23,834,568 parameters with 1000 classes, and 27,161,264 with the second head.

    Parameters carry the names under which trained weights are published (`Mixed_5b.branch1x1.conv.weight`), so that
    `pretrained.load_weights` reads them.
    """

    heads = ("fc", "AuxLogits.fc")
    """Layers whose size depends on the classes."""
    sizes = "any"
    settings: InceptionSettings

    def __init__(self, task: Task, settings: InceptionSettings) -> None:
        super().__init__(task, settings)
        if settings.auxiliary and settings.size < AUXILIARY_SIZE:
            raise ValueError(
                f"size is {settings.size}: expected at least {AUXILIARY_SIZE} pixels for the second head to see"
            )

        def scaled(filters: int) -> int:
            return max(1, round(filters * settings.width))

        channels = 3
        for step in STEM:
            self.add_module(step.name, Convolution(channels, step, scaled, step.name in PADDED))
            channels = scaled(step.filters)
        for name, branches in MIXED.items():
            block = Mixed(channels, branches, scaled)
            self.add_module(name, block)
            channels = block.channels
            if name == "Mixed_6e" and settings.auxiliary:
                self.add_module("AuxLogits", Auxiliary(channels, scaled, len(task.classes)))
        self.dropout = nn.Dropout(settings.dropout)
        self.fc = nn.Linear(channels, len(task.classes))

    def layers(self) -> dict[str, nn.Module]:
        """The stem's convolutions and the mixed blocks, by their published names in lower case."""
        return {name.lower(): self.get_submodule(name) for name in (*(step.name for step in STEM), *MIXED)}

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        return self._last(self._to_middle(x))

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads from features (n, rows, frames): (n, classes) each."""
        if not self.settings.auxiliary:
            raise ValueError("the network was built without its second head: expected the setting auxiliary")
        middle = self._to_middle((x - self.mean[:, None]) / self.std[:, None])
        return self._last(middle), self.get_submodule("AuxLogits")(middle)

    def _to_middle(self, x: Tensor) -> Tensor:
        # Published weights expect -1 to 1, which of images normalised to spread 1 is this (the mean of the channels').
        x = as_image(x, self.settings.size) * 0.45
        for step in STEM:
            x = self.get_submodule(step.name)(x)
            if step.name in POOLED:
                x = nn.functional.max_pool2d(x, 3, 2)
        for name in MIXED:
            x = self.get_submodule(name)(x)
            if name == "Mixed_6e":
                break
        return x

    def _last(self, x: Tensor) -> Tensor:
        for name in ("Mixed_7a", "Mixed_7b", "Mixed_7c"):
            x = self.get_submodule(name)(x)
        logits: Tensor = self.fc(self.dropout(x.mean((2, 3))))
        return logits


class Convolution(nn.Module):
    """A convolution, its batch norm and ReLU."""

    def __init__(self, channels: int, step: Step, scaled: Callable[[int], int], padded: bool) -> None:
        super().__init__()
        padding = (step.kernel[0] // 2, step.kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(channels, scaled(step.filters), step.kernel, step.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(scaled(step.filters), eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, their outputs laid one after another."""

    def __init__(self, channels: int, branches: tuple[Branch, ...], scaled: Callable[[int], int]) -> None:
        super().__init__()
        self.branches, self.channels = branches, 0
        for branch in branches:
            inner = channels
            for step in branch.steps:
                self.add_module(step.name, Convolution(inner, step, scaled, step.stride == 1))
                inner = scaled(step.filters)
            for step in branch.ends:
                self.add_module(step.name, Convolution(inner, step, scaled, True))
            self.channels += sum(scaled(step.filters) for step in branch.ends) or inner

    def forward(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for branch in self.branches:
            y = x
            if branch.pooling == "mean":
                y = nn.functional.avg_pool2d(x, 3, 1, 1)
            elif branch.pooling == "max":
                y = nn.functional.max_pool2d(x, 3, 2)
            for step in branch.steps:
                y = self.get_submodule(step.name)(y)
            outputs += [self.get_submodule(step.name)(y) for step in branch.ends] or [y]
        return torch.cat(outputs, 1)


class Auxiliary(nn.Module):
    """The second head."""

    def __init__(self, channels: int, scaled: Callable[[int], int], classes: int) -> None:
        super().__init__()
        self.conv0 = Convolution(channels, Step("conv0", 128), scaled, False)
        self.conv1 = Convolution(scaled(128), Step("conv1", 768, (5, 5)), scaled, False)
        self.fc = nn.Linear(scaled(768), classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.conv0(nn.functional.avg_pool2d(x, 5, 3)))
        logits: Tensor = self.fc(y.mean((2, 3)))
        return logits
