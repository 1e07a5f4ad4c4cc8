"""Networks that hear the samples themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from torch import nn

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.blocks import GatedBlock, Share, conv1d, dense, positions
from dreampedal.export.nets.net import Row, Task


class Strided(Strict):
    """Convolutions without padding, one after another.

    Fields:
        filters, kernels, strides: of each; kernels and strides in samples of what it hears.
    """

    filters: Annotated[tuple[Positive, ...], Field(min_length=1)]
    kernels: tuple[Positive, ...]
    strides: tuple[Positive, ...]

    @model_validator(mode="after")
    def _agree(self) -> Strided:
        if not len(self.filters) == len(self.kernels) == len(self.strides):
            raise ValueError(
                f"{len(self.filters)} filters, {len(self.kernels)} kernels and {len(self.strides)} strides: expected "
                "one of each for a convolution"
            )
        return self


class RawSettings(Strided):
    """Of the network on raw samples.

    Fields:
        dense: units of the hidden dense layer.
        dropout: before the dense layer and before the head; Geng has none.
    """

    filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (8, 8, 8)
    kernels: tuple[Positive, ...] = (8, 32, 128)
    strides: tuple[Positive, ...] = (2, 4, 4)
    dense: Positive = 256
    dropout: Share = 0.0


class Raw(Row):
    """Geng (2016): three strided convolutions on 5 s at 8 kHz, no pooling, a dense layer of 256.

    Batch norm on the input and after each convolution, ReLU. 40,000 samples become 19,997, 4,992 and 1,217 positions
    of 8 filters each.
    """

    settings: RawSettings

    def __init__(self, task: Task, settings: RawSettings) -> None:
        super().__init__(task, settings)
        self.body = nn.Sequential()
        channels, size = _strided(self.body, task, settings)
        self.body.add_module("flatten", nn.Flatten())
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("dense", dense(channels * size, settings.dense))
        self.body.add_module("drop_dense", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear(settings.dense, len(task.classes)))


class GatedSettings(Strided):
    """Of the gated network on raw samples.

    Fields:
        filters, kernels, strides: of the convolutions ahead of the gates, which bring the rate down.
        dilations: of the gated blocks, which keep the last of `filters`.
        kernel: of each gated block.
        last: filters of the convolution after the gates, whose mean over time the head hears.
        dropout: before the head.
    """

    filters: Annotated[tuple[Positive, ...], Field(min_length=1)] = (16, 32)
    kernels: tuple[Positive, ...] = (64, 32)
    strides: tuple[Positive, ...] = (16, 8)
    dilations: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 4, 8, 16, 32, 64)
    kernel: Annotated[int, Field(ge=2)] = 3
    last: Positive = 128
    dropout: Share = 0.2


class Gated(Row):
    """The idea of Geng (2016) at 48 kHz: strided convolutions and no pooling, then gated dilated convolutions.

    The gates are those of van den Oord et al. (2016, "WaveNet"). With the default settings they run at 375 Hz, and the
    last of them hears 0.68 s back.
    """

    sizes = "any"
    settings: GatedSettings

    def __init__(self, task: Task, settings: GatedSettings) -> None:
        super().__init__(task, settings)
        self.body = nn.Sequential()
        channels, _ = _strided(self.body, task, settings)
        for number, dilation in enumerate(settings.dilations, 1):
            self.body.add_module(f"gated{number}", GatedBlock(channels, settings.kernel, dilation))
        self.body.add_module("last", conv1d(channels, settings.last, 1))
        self.body.add_module("mean", nn.AdaptiveAvgPool1d(1))
        self.body.add_module("flatten", nn.Flatten())
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear(settings.last, len(task.classes)))


def _strided(body: nn.Sequential, task: Task, settings: Strided) -> tuple[int, int]:
    """Add the input's batch norm and the convolutions to `body`; the channels and positions that they leave."""
    body.add_module("norm", nn.BatchNorm1d(1))
    channels, size = task.shape
    layers = zip(settings.filters, settings.kernels, settings.strides, strict=True)
    for number, (filters, kernel, stride) in enumerate(layers, 1):
        if size < kernel:
            raise ValueError(
                f"{task.seconds} s leave {size} samples for conv{number} with its kernel of {kernel}: expected a "
                "longer clip"
            )
        body.add_module(f"conv{number}", conv1d(channels, filters, kernel, stride))
        channels, size = filters, positions(size, kernel, stride)
    return channels, size
