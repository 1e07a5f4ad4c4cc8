"""The causal full-height network: bands are channels, convolution runs over time only; and several of them as one.

So a filter sees a whole timbre at once.
"""

from __future__ import annotations

import copy
import math
import string
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


class Ensemble(nn.Module):
    """Networks that hear the same sound, each through an equaliser of its own: what a dream has to please at once.

    The blind spot of one network is none of the others', and what depends on an exact spectrum does not survive another
    equaliser (Tramèr et al. 2018, section 3; Athalye et al. 2018, section 2).

    A layer `conv1` of the first network is `a_conv1` here, of the second `b_conv1`. The logits are
    (1 - w) · mean + w · least of the members' log probabilities, class by class: networks that are sure of themselves
    weigh no more than others, a gradient that climbs a class goes down what is taken for it, and the member that is
    furthest from the class counts most.

    Args:
        members: networks on the same bands, with the same classes and `context_frames`; none of them is changed.
        equaliser_db: largest gain of an equaliser; 0: none.
        seed: of the equalisers, drawn once.
        worst_share: w, from 0 to 1.

    Raises:
        ValueError: if the members do not fit together, or a number is out of its range.
    """

    def __init__(
        self, members: Sequence[Network], equaliser_db: float = 0.0, seed: int = 0, worst_share: float = 0.3
    ) -> None:
        super().__init__()
        _require_alike(members)
        if not 0 <= worst_share <= 1:
            raise ValueError(f"worst_share = {worst_share}: expected a number from 0 to 1")
        curves = equalisers(len(members), members[0].mean.numel(), equaliser_db, seed)
        self.members = nn.ModuleDict()
        for letter, member, curve in zip(string.ascii_lowercase, members, curves, strict=False):
            self.members[letter] = behind(member, curve)
        self.classes, self.context_frames = members[0].classes, members[0].context_frames
        self.worst_share = worst_share

    @property
    def networks(self) -> dict[str, Network]:
        """Its members by letter."""
        return {letter: member for letter, member in self.members.items() if isinstance(member, Network)}

    @property
    def history_frames(self) -> int:
        """Frames before the newest that any layer depends on."""
        return max(member.history_frames for member in self.networks.values())

    @property
    def receptive_frames(self) -> int:
        """Frames that the logits depend on."""
        return self.history_frames + self.context_frames

    def activations(self, features: Tensor) -> dict[str, Tensor]:
        """Every layer's activation at every frame, by letter and name: (N, filters, frames) each."""
        return {
            f"{letter}_{name}": y
            for letter, member in self.networks.items()
            for name, y in member.activations(features).items()
        }

    def logits_at_frames(self, features: Tensor) -> Tensor:
        """Logits at every frame: (N, bands, frames) to (N, classes, frames)."""
        named = torch.stack([member.logits_at_frames(features) for member in self.networks.values()])
        named = named.log_softmax(2) if self.classes else named
        return (1 - self.worst_share) * named.mean(0) + self.worst_share * named.amin(0)


def behind(network: Network, curve: Tensor) -> Network:
    """A copy of a network that hears everything through an equaliser, (bands,) in nepers; so too the silence before."""
    copied = copy.deepcopy(network)
    copied.mean.sub_(curve.to(copied.mean))
    return copied


def equalisers(count: int, bands: int, most_db: float, seed: int) -> Tensor:
    """Random smooth curves in nepers, (count, bands): cosines over the bands, mean 0, half of `most_db` to all of it.

    >>> equalisers(2, 96, 6.0, 0).abs().max() < 0.7
    tensor(True)

    Raises:
        ValueError: if `most_db` is not from 0 to 40.
    """
    if not 0 <= most_db <= 40:
        raise ValueError(f"equaliser_db = {most_db}: expected 0 to 40 dB")
    random = torch.Generator().manual_seed(seed)
    order = torch.arange(1, 9)
    weights = torch.randn(count, len(order), generator=random) / order**0.5
    curves = weights @ torch.cos(order[:, None] * (torch.arange(bands) + 0.5) * (math.pi / bands))
    most = most_db * math.log(10) / 20 * (0.5 + 0.5 * torch.rand(count, 1, generator=random))
    return curves / curves.abs().amax(1, keepdim=True).clamp_min(1e-6) * most


def _require_alike(members: Sequence[Network]) -> None:
    if not 1 <= len(members) <= len(string.ascii_lowercase):
        raise ValueError(f"an ensemble of {len(members)} networks: expected 1 to {len(string.ascii_lowercase)}")
    first = members[0]
    for member in members[1:]:
        for what, found, expected in (
            ("bands", member.mean.numel(), first.mean.numel()),
            ("context_frames", member.context_frames, first.context_frames),
            ("classes", ", ".join(member.classes) or "none", ", ".join(first.classes) or "none"),
        ):
            if found != expected:
                raise ValueError(f"{what} of an ensemble: found {found} beside {expected}: expected the same in all")
    if len(first.classes) == 1:
        raise ValueError(f"an ensemble that knows only {first.classes[0]}: expected two classes or more, or none")
