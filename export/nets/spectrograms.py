"""Networks that hear bands over time: convolutions in two dimensions, full-height ones, cepstra, and an LSTM."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.blocks import Activation, Recurrence, Share, Widening, conv1d, conv2d, dense
from dreampedal.export.nets.net import Net, Row, Task


class VggSettings(Widening):
    """Of the network after VGG.

    Fields:
        depth: convolutions, each followed by pooling.
        width: filters of the first; each of the next has twice as many, up to eight times.
        filters: of each convolution; if given, depth and width follow from it.
        kernel: "3x3" moves over bands and time; "full_height" hears all bands at once and moves over time alone.
        pooling: "max" or "mean" of 2 by 2 (of 2 over time at full height), or "none": convolutions with stride 2 in
            its place (Springenberg et al. 2015, "Striving for simplicity", section 2).
        dense: units of the hidden dense layer.
        dropout: after each convolution and its pooling, and before the head.
    """

    depth: Annotated[int, Field(ge=1, le=8)] = 4
    width: Positive = 32
    filters: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=8)] = ()
    kernel: Literal["3x3", "full_height"] = "3x3"
    pooling: Literal["max", "mean", "none"] = "max"
    dense: Positive = 128
    dropout: Share = 0.2


class Vgg(Row):
    """Small kernels and pooling on a mel spectrogram, after Simonyan and Zisserman (2015), as Spiteri (2022) has it.

    And what Spiteri (2022) asked for: kernels of full height, and no max-pooling. The dense layer hears the mean over
    time, so that a clip may have any length.
    """

    sizes = "any"
    settings: VggSettings

    def __init__(self, task: Task, settings: VggSettings) -> None:
        super().__init__(task, settings)
        self.image = settings.kernel == "3x3"
        self.body = nn.Sequential()
        channels, rows = (1, task.shape[0]) if self.image else (task.shape[0], 1)
        if task.shape[1] < 2**settings.depth:
            raise ValueError(
                f"{task.seconds} s are {task.shape[1]} columns: expected at least {2**settings.depth}, to halve them "
                f"{settings.depth} times"
            )
        for number, filters in enumerate(settings.filters, 1):
            down = (2 if rows > 1 else 1, 2)
            strides = settings.pooling == "none"
            self.body.add_module(f"conv{number}", self._convolution(channels, filters, down if strides else (1, 1)))
            if not strides:
                self.body.add_module(f"pool{number}", self._pooling(down))
            self.body.add_module(f"drop{number}", nn.Dropout(settings.dropout))
            channels, rows = filters, -(-rows // down[0]) if strides else rows // down[0]
        self.body.add_module("mean", nn.AdaptiveAvgPool2d((None, 1)) if self.image else nn.AdaptiveAvgPool1d(1))
        self.body.add_module("flatten", nn.Flatten())
        self.body.add_module("dense", dense(channels * rows, settings.dense))
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear(settings.dense, len(task.classes)))

    def _convolution(self, channels: int, filters: int, stride: tuple[int, int]) -> nn.Module:
        if self.image:
            return conv2d(channels, filters, stride=stride)
        return conv1d(channels, filters, 3, stride[1], padding=1)

    def _pooling(self, down: tuple[int, int]) -> nn.Module:
        if self.image:
            return nn.MaxPool2d(down) if self.settings.pooling == "max" else nn.AvgPool2d(down)
        return nn.MaxPool1d(2) if self.settings.pooling == "max" else nn.AvgPool1d(2)


class LstmSettings(Strict):
    """Of the recurrent network.

    Fields:
        depth: layers of LSTM.
        width: units of each.
        dropout: after each layer.
    """

    depth: Annotated[int, Field(ge=1, le=8)] = 2
    width: Positive = 128
    dropout: Share = 0.2


class Lstm(Net):
    """Layers of LSTM over mel columns, which Spiteri (2022) asked for; the head hears the mean over time."""

    sizes = "any"
    recurs = True
    settings: LstmSettings

    def __init__(self, task: Task, settings: LstmSettings) -> None:
        super().__init__(task, settings)
        widths = (task.shape[0], *[settings.width] * settings.depth)
        self.recurrent = nn.ModuleDict(
            {f"lstm{i + 1}": Recurrence(widths[i], widths[i + 1]) for i in range(settings.depth)}
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.width, len(task.classes))

    def layers(self) -> dict[str, nn.Module]:
        """The layers of LSTM."""
        return dict(self.recurrent.items())

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        for layer in self.recurrent.values():
            x = self.dropout(layer(x))
        logits: Tensor = self.head(x.mean(-1))
        return logits


class ResidualSettings(Strict):
    """Of the residual network.

    Fields:
        blocks: of two convolutions each, with a wider one after each of them that halves both sizes.
        width: filters of the first convolution; of those after block n, n + 1 times as many.
        dropout: before the head.
    """

    blocks: Annotated[int, Field(ge=1, le=4)] = 2
    width: Positive = 24
    dropout: Share = 0.2


class ResidualBlock(nn.Module):
    """relu(x + convolutions(x)), of the shape of x (He et al. 2016, "Deep residual learning", section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.body = nn.Sequential(conv2d(channels, channels), last, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, rows, columns) to the same shape."""
        return torch.relu(torch.add(x, self.body(x)))


class Residual(Row):
    """Residual blocks on a picture that the first convolution reduces; the head hears each height's mean over time.

    He et al. (2016), as Hershey et al. (2017, "CNN architectures for large-scale audio classification", section 3) have
    it on mel spectrograms, small enough for a CPU.
    """

    image = True
    sizes = "any"
    settings: ResidualSettings

    def __init__(self, task: Task, settings: ResidualSettings) -> None:
        super().__init__(task, settings)
        width = settings.width
        first = nn.Conv2d(1, width, (7, 5), (4, 2), (3, 2), bias=False)
        self.body = nn.Sequential()
        self.body.add_module("conv1", nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU()))
        rows = -(-task.shape[0] // 4)
        for number in range(1, settings.blocks + 1):
            self.body.add_module(f"block{number}", ResidualBlock(number * width))
            wider = conv2d(number * width, (number + 1) * width, stride=(2, 2))
            self.body.add_module(f"conv{number + 1}", wider)
            rows = -(-rows // 2)
        self.body.add_module("mean", nn.AdaptiveAvgPool2d((None, 1)))
        self.body.add_module("flatten", nn.Flatten())
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear((settings.blocks + 1) * width * rows, len(task.classes)))


class TdnnSettings(Strict):
    """Of the time-delay network.

    Fields:
        cepstra: that are made of the bands of a column.
        width: filters of each layer; the last has twice as many.
        dropout: before the head.
    """

    cepstra: Positive = 24
    width: Positive = 96
    dropout: Share = 0.2


class Tdnn(Net):
    """Time-delay layers on cepstra, mean and maximum over time, and two dense layers.

    After the x-vectors of Snyder et al. (2018, "X-vectors: robust DNN embeddings for speaker recognition", table 1),
    which pool mean and standard deviation. The mean over bands is no cepstrum of these: how loud a column is decides
    nothing.
    """

    sizes = "any"
    settings: TdnnSettings
    basis: Tensor

    def __init__(self, task: Task, settings: TdnnSettings) -> None:
        super().__init__(task, settings)
        rows, cepstra, width = task.shape[0], settings.cepstra, settings.width
        if cepstra >= rows:
            raise ValueError(f"{cepstra} cepstra of {rows} rows: expected fewer than rows")
        angles = math.pi / rows * torch.arange(1, cepstra + 1)[:, None] * (torch.arange(rows) + 0.5)
        self.register_buffer("basis", (torch.cos(angles) * math.sqrt(2 / rows))[:, :, None])
        self.norm = nn.BatchNorm1d(cepstra)
        self.delays = nn.ModuleDict(
            {
                f"conv{number}": _delayed(inputs, filters, kernel, dilation)
                for number, (inputs, filters, kernel, dilation) in enumerate(
                    ((cepstra, width, 5, 1), (width, width, 3, 2), (width, width, 3, 3), (width, width, 1, 1),
                     (width, 2 * width, 1, 1)), 1,
                )
            }
        )  # fmt: skip
        self.dense = nn.Sequential(nn.Linear(4 * width, width), nn.BatchNorm1d(width), nn.ReLU())
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(width, len(task.classes))

    def layers(self) -> dict[str, nn.Module]:
        """The time-delay layers, and the dense one."""
        return {**self.delays, "dense": self.dense}

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        heard = self.norm(nn.functional.conv1d(x, self.basis))
        for layer in self.delays.values():
            heard = layer(heard)
        pooled = torch.cat([heard.mean(-1), heard.amax(-1)], 1)
        logits: Tensor = self.head(self.dropout(self.dense(pooled)))
        return logits


def _delayed(channels: int, filters: int, kernel: int, dilation: int) -> nn.Sequential:
    padding = (kernel - 1) * dilation // 2
    conv = nn.Conv1d(channels, filters, kernel, dilation=dilation, padding=padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(filters), nn.ReLU())


class DeepSettings(Widening):
    """Of the deep network.

    Fields:
        depth: convolutions, 8 to 16; average pooling follows every second one, as long as there is what to halve.
        width: filters of the first pair; each of the next pairs has twice as many, up to eight times.
        filters: of each convolution; if given, depth and width follow from it.
        activation: "elu" is never flat, so that a dream can climb from anywhere; or "relu".
        dropout: before the head.
    """

    doubled_each: ClassVar[int] = 2

    depth: Annotated[int, Field(ge=8, le=16)] = 10
    width: Positive = 32
    filters: Annotated[tuple[Positive, ...], Field(min_length=8, max_length=16)] = ()
    activation: Activation = "elu"
    dropout: Share = 0.2


class Deep(Row):
    """8 to 16 convolutions of 3 by 3 in pairs, with average pooling, on log bands: a network for a GPU.

    The configurations of Simonyan and Zisserman (2015, table 1) with batch norm, and their dense layers replaced by the
    mean over bands and time.
    """

    image = True
    sizes = "any"
    settings: DeepSettings

    def __init__(self, task: Task, settings: DeepSettings) -> None:
        super().__init__(task, settings)
        self.body = nn.Sequential()
        channels, sizes = 1, task.shape
        for number, filters in enumerate(settings.filters, 1):
            self.body.add_module(f"conv{number}", conv2d(channels, filters, activation=settings.activation))
            if number % 2 == 0 and min(sizes) >= 4:
                self.body.add_module(f"pool{number}", nn.AvgPool2d(2))
                sizes = sizes[0] // 2, sizes[1] // 2
            channels = filters
        self.body.add_module("mean", nn.AdaptiveAvgPool2d(1))
        self.body.add_module("flatten", nn.Flatten())
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear(channels, len(task.classes)))
