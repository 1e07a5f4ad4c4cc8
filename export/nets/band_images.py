"""The four networks of Van Mieghem (2020) on images of 12 bands by 29 steps: 3 s of a sound."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, cat, nn

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.blocks import Filters, Recurrence, Share, conv2d, dense
from dreampedal.export.nets.net import Net, Row, Task


class DenseSettings(Strict):
    """Of the dense network.

    Fields:
        units: of each hidden layer.
        dropout: after each.
    """

    units: Annotated[tuple[Positive, ...], Field(min_length=1)] = (128, 64)
    dropout: Share = 0.2


class Dense(Row):
    """Dense layers on the whole image, which know nothing of bands and time (Van Mieghem 2020)."""

    settings: DenseSettings

    def __init__(self, task: Task, settings: DenseSettings) -> None:
        super().__init__(task, settings)
        self.body = nn.Sequential()
        self.body.add_module("flatten", nn.Flatten())
        size = task.shape[0] * task.shape[1]
        for number, units in enumerate(settings.units, 1):
            self.body.add_module(f"dense{number}", dense(size, units))
            self.body.add_module(f"drop{number}", nn.Dropout(settings.dropout))
            size = units
        self.body.add_module("head", nn.Linear(size, len(task.classes)))


class RecurrentSettings(Strict):
    """Of the recurrent network.

    Fields:
        units: of each recurrent layer.
        cell: "lstm" (Hochreiter and Schmidhuber 1997) or "gru" (Cho et al. 2014).
        dropout: after each.
    """

    units: Annotated[tuple[Positive, ...], Field(min_length=1)] = (64, 64)
    cell: Literal["lstm", "gru"] = "lstm"
    dropout: Share = 0.2


class Recurrent(Net):
    """Two recurrent layers over the steps of the image; the head hears the last state (Van Mieghem 2020)."""

    sizes = "any"
    recurs = True
    settings: RecurrentSettings

    def __init__(self, task: Task, settings: RecurrentSettings) -> None:
        super().__init__(task, settings)
        self.recurrent = _recurrent(task.shape[0], settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.units[-1], len(task.classes))

    def layers(self) -> dict[str, nn.Module]:
        """The recurrent layers."""
        return dict(self.recurrent.items())

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        for layer in self.recurrent.values():
            x = self.dropout(layer(x))
        logits: Tensor = self.head(x[..., -1])
        return logits


class ConvSettings(Strict):
    """Of the convolutional network.

    Fields:
        filters: of each convolution of 3 by 3, followed by max-pooling of 2 by 2 as long as there is what to halve.
        dense: units of the hidden dense layer.
        dropout: after each convolution and its pooling, and before the head.
    """

    filters: Annotated[Filters, Field(min_length=1)] = (32, 64)
    dense: Positive = 128
    dropout: Share = 0.2


class Conv(Row):
    """Convolutions over bands and time (Van Mieghem 2020)."""

    image = True
    settings: ConvSettings

    def __init__(self, task: Task, settings: ConvSettings) -> None:
        super().__init__(task, settings)
        self.body, size = _convolutions(task.shape, settings)
        self.body.add_module("dense", dense(size, settings.dense))
        self.body.add_module("drop", nn.Dropout(settings.dropout))
        self.body.add_module("head", nn.Linear(settings.dense, len(task.classes)))


class ConvRecurrentSettings(RecurrentSettings, ConvSettings):
    """Of the network that does both: the fields of both. `dense` and `dropout` serve the two together."""


class ConvRecurrent(Net):
    """Convolutions beside recurrence: both are heard by one dense layer (Van Mieghem 2020)."""

    recurs = True
    settings: ConvRecurrentSettings

    def __init__(self, task: Task, settings: ConvRecurrentSettings) -> None:
        super().__init__(task, settings)
        self.convolutions, size = _convolutions(task.shape, settings)
        self.recurrent = _recurrent(task.shape[0], settings)
        self.dense = dense(size + settings.units[-1], settings.dense)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.dense, len(task.classes))

    def layers(self) -> dict[str, nn.Module]:
        """The convolutions, the recurrent layers, and the dense layer after both."""
        convolutions = {name: part for name, part in self.convolutions.named_children() if name.startswith("conv")}
        return {**convolutions, **dict(self.recurrent.items()), "dense": self.dense}

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        seen = self.convolutions(x[:, None])
        for layer in self.recurrent.values():
            x = self.dropout(layer(x))
        logits: Tensor = self.head(self.dropout(self.dense(cat([seen, x[..., -1]], 1))))
        return logits


def _convolutions(shape: tuple[int, int], settings: ConvSettings) -> tuple[nn.Sequential, int]:
    """Convolutions on an image of `shape`, flattened, and how many numbers they leave."""
    body, channels, (rows, frames) = nn.Sequential(), 1, shape
    for number, filters in enumerate(settings.filters, 1):
        body.add_module(f"conv{number}", conv2d(channels, filters))
        down = (2 if rows > 1 else 1, 2 if frames > 1 else 1)
        body.add_module(f"pool{number}", nn.MaxPool2d(down))
        body.add_module(f"drop{number}", nn.Dropout(settings.dropout))
        channels, rows, frames = filters, rows // down[0], frames // down[1]
    body.add_module("flatten", nn.Flatten())
    return body, channels * rows * frames


def _recurrent(rows: int, settings: RecurrentSettings) -> nn.ModuleDict:
    widths = (rows, *settings.units)
    return nn.ModuleDict(
        {f"recurrent{i + 1}": Recurrence(widths[i], units, settings.cell) for i, units in enumerate(settings.units)}
    )
