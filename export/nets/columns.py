"""The network that dreams live: causal, full-height, one column at a time."""

from __future__ import annotations

import copy
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from dreampedal.engine.model.format.manifest import Positive, Strict
from dreampedal.export.nets.blocks import Filters, Share
from dreampedal.export.nets.causal import Network
from dreampedal.export.nets.net import Dreams, Net, Task


class ColumnsSettings(Strict):
    """Of the causal network.

    Fields:
        filters: of each convolution over time.
        kernel: columns that each hears.
        dilations: columns between those, for each convolution.
        context_frames: columns over which the head takes the mean when it plays.
        activation: "elu" or "leaky_relu": never flat.
        dropout: before the head.
    """

    filters: Annotated[Filters, Field(min_length=1)] = (128, 96, 96)
    kernel: Positive = 3
    dilations: tuple[Positive, ...] = (1, 3, 9)
    context_frames: Annotated[int, Field(gt=0, le=65_536)] = 32
    activation: Literal["elu", "leaky_relu"] = "elu"
    dropout: Share = 0.0

    @model_validator(mode="after")
    def _agree(self) -> ColumnsSettings:
        if len(self.filters) != len(self.dilations):
            raise ValueError(f"{len(self.filters)} filters and {len(self.dilations)} dilations: expected as many")
        return self


class Columns(Net):
    """An `nets.causal.Network` on log bands, taught by whole clips: their logits are the mean over all columns."""

    sizes = "any"
    settings: ColumnsSettings

    def __init__(self, task: Task, settings: ColumnsSettings) -> None:
        super().__init__(task, settings)
        self.causal = Network(
            bands=task.shape[0], classes=task.classes, filters=settings.filters, kernel=settings.kernel,
            dilations=settings.dilations, activation=settings.activation, context_frames=settings.context_frames,
            dropout=settings.dropout,
        )  # fmt: skip
        # Features arrive normalised.
        self.causal.mean.zero_()
        self.causal.std.fill_(1.0)
        if task.shape[1] < self.causal.receptive_frames:
            raise ValueError(
                f"{task.seconds} s are {task.shape[1]} columns: expected at least {self.causal.receptive_frames}, all "
                "that these settings hear at once"
            )

    @property
    def dreams(self) -> Dreams | None:
        """Column by column."""
        return "columns"

    @property
    def network(self) -> Network:
        """The same network on features as they are, for `compile.ascent.export_ascent`: a copy."""
        network = copy.deepcopy(self.causal)
        network.mean.copy_(self.mean)
        network.std.copy_(self.std)
        return network

    def layers(self) -> dict[str, nn.Module]:
        """The convolutions over time."""
        return dict(self.causal.blocks)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes), the mean over every place where the head has heard all of its columns."""
        return self.causal.pooled_logits(self.causal.last_layer(x)).mean(-1)
