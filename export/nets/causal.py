"""The causal full-height network: bands are channels, convolution runs over time only.

So a filter sees a whole timbre at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from dreampedal.engine.dsp.bands import BandLayout


class Block(nn.Module):
    """One layer: a convolution over time without padding, batch norm if wanted, and an activation.

    The activation is never flat (ELU or leaky ReLU), because a dream climbs the gradient from wherever it is.
    """

    def __init__(
        self, channels: int, filters: int, kernel: int, dilation: int, activation: nn.Module, batch_norm: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, filters, kernel, dilation=dilation)
        self.norm: nn.Module = nn.BatchNorm1d(filters) if batch_norm else nn.Identity()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, frames) to (N, filters, frames - (kernel - 1)·dilation)."""
        y: Tensor = self.activation(self.norm(self.conv(x)))
        return y

    @property
    def history_frames(self) -> int:
        """Input frames before the newest that an output frame depends on."""
        return (self.conv.kernel_size[0] - 1) * self.conv.dilation[0]


class Network(nn.Module):
    """Features to named layers and class logits, causally.

    Args:
        bands: rows of the features.
        classes: labels of the logits.
        filters: of each layer; the layers are named conv1, conv2, ...
        kernel: frames of each convolution.
        dilations: of each convolution; longer reach at no cost.
        activation: "elu" or "leaky_relu".
        batch_norm: between convolution and activation; exact to fold away once trained.
        context_frames: W, the frames over which the head takes the mean of the last layer.
        dropout: share of the last layer's filters left out while training.

    Before the first frame lies endless silence: frames at the floor of the features, never zeros (zero is full scale).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        bands: int = 96,
        classes: Sequence[str] = (),
        filters: Sequence[int] = (64, 64, 64),
        kernel: int = 3,
        dilations: Sequence[int] = (1, 2, 4),
        activation: str = "elu",
        batch_norm: bool = True,
        context_frames: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(filters) != len(dilations):
            raise ValueError(f"{len(filters)} layers and {len(dilations)} dilations: expected as many")
        activations: dict[str, Callable[[], nn.Module]] = {"elu": nn.ELU, "leaky_relu": partial(nn.LeakyReLU, 0.1)}
        if activation not in activations:
            raise ValueError(f"activation {activation!r}: expected one of {', '.join(activations)}")
        self.classes, self.context_frames, self.floor = tuple(classes), context_frames, BandLayout().floor
        channels = (bands, *filters)
        self.layers = nn.ModuleDict(
            {
                f"conv{i + 1}": Block(channels[i], width, kernel, dilation, activations[activation](), batch_norm)
                for i, (width, dilation) in enumerate(zip(filters, dilations, strict=True))
            }
        )
        self.dropout = nn.Dropout1d(dropout)
        self.head = nn.Linear(channels[-1], len(self.classes))
        self.register_buffer("mean", torch.full((bands,), -8.0))
        self.register_buffer("std", torch.full((bands,), 3.0))

    @property
    def blocks(self) -> dict[str, Block]:
        """Its layers by name."""
        return {name: block for name, block in self.layers.items() if isinstance(block, Block)}

    @property
    def history_frames(self) -> int:
        """Frames before the newest that the last layer depends on."""
        return sum(block.history_frames for block in self.blocks.values())

    @property
    def receptive_frames(self) -> int:
        """Frames that the logits depend on: the layers' history, and the mean over `context_frames`."""
        return self.history_frames + self.context_frames

    def normalised(self, features: Tensor) -> Tensor:
        """Features with each band's mean and spread over the training notes taken out."""
        return (features - self.mean[:, None]) / self.std[:, None]

    def last_layer(self, features: Tensor) -> Tensor:
        """Activations of the last layer with no padding: (N, bands, frames) to (N, filters, frames - history)."""
        x = self.normalised(features)
        for block in self.layers.values():
            x = block(x)
        return x

    def activations(self, features: Tensor) -> dict[str, Tensor]:
        """Every layer's activation at every frame, by name: (N, filters, frames) each."""
        frames = features.shape[-1]
        x = self.normalised(self.after_silence(features, self.history_frames))
        found = {}
        for name, block in self.layers.items():
            x = block(x)
            found[name] = x[..., -frames:]
        return found

    def logits_at_frames(self, features: Tensor) -> Tensor:
        """Class logits at every frame, each from the last W frames: (N, bands, frames) to (N, classes, frames)."""
        y = self.last_layer(self.after_silence(features, self.receptive_frames - 1))
        return self.pooled_logits(y)

    def pooled_logits(self, y: Tensor) -> Tensor:
        """Logits from the last layer's activations, one column for each full window of `context_frames`."""
        pooled = nn.functional.avg_pool1d(y, self.context_frames, stride=1)
        logits: Tensor = self.head(self.dropout(pooled).transpose(1, 2))
        return logits.transpose(1, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Class logits after the last frame: (N, bands, frames) to (N, classes)."""
        return self.logits_at_frames(features[..., -self.receptive_frames :])[..., -1]

    def after_silence(self, features: Tensor, frames: int) -> Tensor:
        """The features with `frames` frames of silence before them."""
        return nn.functional.pad(features, (frames, 0), value=self.floor)
