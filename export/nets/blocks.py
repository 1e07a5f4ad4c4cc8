"""The layers that the networks are made of."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from dreampedal.engine.model.format.manifest import Positive, Strict

Filters = Annotated[tuple[Positive, ...], Field(max_length=32)]
"""Of each convolution, in order."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""Of the values that dropout leaves out while training."""

Activation = Literal["relu", "elu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU}


class Widening(Strict):
    """Convolutions that widen on their way up: `depth` of them, the first with `width` filters.

    Every `doubled_each` convolutions have twice as many as those before them, up to eight times `width`. `filters` is
    always complete; if it is given, depth and width follow from it.
    """

    doubled_each: ClassVar[int] = 1

    depth: Positive
    width: Positive
    filters: tuple[Positive, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        filters = self.filters or tuple(self.width * min(8, 2 ** (i // self.doubled_each)) for i in range(self.depth))
        # The settings are frozen once this has filled them in.
        for name, value in (("filters", filters), ("depth", len(filters)), ("width", filters[0])):
            object.__setattr__(self, name, value)
        return self


def conv1d(
    channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0, activation: Activation = "relu"
) -> nn.Sequential:
    """A convolution over one axis, its batch norm (which brings the bias) and an activation."""
    conv = nn.Conv1d(channels, filters, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(filters), ACTIVATIONS[activation]())


def conv2d(
    channels: int, filters: int, kernel: int = 3, stride: tuple[int, int] = (1, 1), activation: Activation = "relu"
) -> nn.Sequential:
    """The same over bands and time, with as much padding as keeps both sizes at stride 1."""
    conv = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(filters), ACTIVATIONS[activation]())


def dense(inputs: int, units: int) -> nn.Sequential:
    """A dense layer with ReLU."""
    return nn.Sequential(nn.Linear(inputs, units), nn.ReLU())


def positions(size: int, kernel: int, stride: int = 1) -> int:
    """Where a kernel fits on `size` samples without padding.

    >>> positions(40_000, kernel=8, stride=2)
    19997
    """
    return (size - kernel) // stride + 1


class GatedBlock(nn.Module):
    """x + norm(mix(tanh(filter(x)) · sigmoid(gate(x)))), causal: zeros stand before the first sample.

    The gated activation unit of van den Oord et al. (2016, "WaveNet", section 2.3, equation 2), with its residual
    connection (section 2.4) and a batch norm as Geng (2016) has after each convolution.
    """

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.filter = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.gate = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    @property
    def history(self) -> int:
        """Samples before the newest that an output depends on."""
        return (self.filter.kernel_size[0] - 1) * self.filter.dilation[0]

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, samples) to the same shape."""
        padded = nn.functional.pad(x, (self.history, 0))
        gated = torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))
        return torch.add(x, self.norm(self.mix(gated)))


class Recurrence(nn.Module):
    """A recurrent layer over time: (n, channels, frames) to (n, units, frames)."""

    def __init__(self, channels: int, units: int, cell: Literal["lstm", "gru"] = "lstm") -> None:
        super().__init__()
        self.cell = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](channels, units, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """The state after every frame."""
        states: Tensor = self.cell(x.transpose(1, 2))[0]
        return states.transpose(1, 2)
