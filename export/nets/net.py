"""What every network of the table is: features of a sound in, one logit a class out, and layers that have names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.inputs import Input, LogBands, Waveform, shape_of
from dreampedal.engine.model.format.manifest import Strict

Dreams = Literal["columns", "window", "waveform"]
"""How a network can be climbed: column by column, over a window of log bands, or over samples."""


@dataclass(frozen=True)
class Task:
    """A network\'s input and the classes that it tells apart.

    Fields:
        classes: labels of `[a-z0-9_]+`, at least two, all different.
        input: what it gets of a sound.
        seconds: of a clip.
        sample_rate: of the sounds, in Hz, which counts for inputs that have no rate of their own.

    >>> Task(("metal", "soft"), Waveform(sample_rate=8000), seconds=5.0).shape
    (1, 40000)

    Raises:
        ValueError: if the classes cannot be told apart by name, or a clip is too short for a single column.
    """

    classes: tuple[str, ...]
    input: Input
    seconds: float
    sample_rate: int = 44_100

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"classes {', '.join(self.classes) or '(none)'}: expected at least two to tell apart")
        for label in self.classes:
            if not re.fullmatch(r"[a-z0-9_]+", label):
                raise ValueError(f"class {label!r}: expected lower-case letters, digits and underscores")
        if repeated := {label for label in self.classes if self.classes.count(label) > 1}:
            raise ValueError(f"class {sorted(repeated)[0]!r} is there twice: expected different classes")
        if not 0 < self.seconds < 3600 or not all(self.shape):
            raise ValueError(f"{self.seconds} s of {self.input.kind}: expected a clip of at least one column")

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a clip."""
        return shape_of(self.input, self.seconds, self.sample_rate)


class Net(nn.Module):
    """A network that names the class of a clip.

    Features are normalised first: each row's mean is taken out, and all rows are divided by one spread, so that a row
    in which nothing ever sounds is not blown up. Both are buffers, set by `normalise` before training.

    Subclasses give `logits` (from normalised features) and `layers`.
    """

    name: str = ""
    """Its builder's, in `table.NETWORKS`."""
    sizes: Literal["fixed", "any"] = "fixed"
    """Whether a clip must have as many columns as the network was built for."""
    recurs: ClassVar[bool] = False
    """Whether it remembers from column to column: no gradient of that is written out."""

    mean: Tensor
    std: Tensor

    def __init__(self, task: Task, settings: Strict) -> None:
        super().__init__()
        self.task, self.settings = task, settings
        mean, std = (-8.0, 3.0) if isinstance(task.input, LogBands) else (0.0, 1.0)
        self.register_buffer("mean", torch.full((task.shape[0],), mean))
        self.register_buffer("std", torch.full((task.shape[0],), std))

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the logits."""
        return self.task.classes

    @property
    def input(self) -> Input:
        """What it gets of a sound."""
        return self.task.input

    @property
    def seconds(self) -> float:
        """Of a clip."""
        return self.task.seconds

    @property
    def dreams(self) -> Dreams | None:
        """Over samples, or over the window of log bands that the engine streams; None for one that only names, since
        it hears anything else, or recurs."""
        if self.recurs:
            return None
        if isinstance(self.input, Waveform):
            return "waveform"
        return "window" if isinstance(self.input, LogBands) else None

    def layers(self) -> dict[str, nn.Module]:
        """Its layers in order; their outputs are the activations that a target or a picture names."""
        raise NotImplementedError

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from features (n, rows, frames).

        Raises:
            ValueError: if the features have another shape than the network was built for.
        """
        rows, frames = self.task.shape
        if x.ndim != 3 or x.shape[1] != rows or (self.sizes == "fixed" and x.shape[2] != frames):
            found = " by ".join(str(size) for size in x.shape)
            wanted = f"n by {rows} by {frames if self.sizes == 'fixed' else 'any'}"
            raise ValueError(f"{self.name or type(self).__name__} heard features of {found}: expected {wanted}")
        return self.logits((x - self.mean[:, None]) / self.std[:, None])

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """The output of every layer for features (n, rows, frames), by name: (n, filters, ...) each."""
        with listening(self.layers()) as found:
            self(x)
        return found

    @torch.no_grad()
    def normalise(self, batches: Iterable[Tensor]) -> None:
        """Set mean and spread from features (n, rows, frames) of the training set.

        Raises:
            ValueError: if there are none, or all are the same number (silence).
        """
        count, total, squares = 0, torch.zeros(self.mean.shape[0], dtype=torch.double), 0.0
        for batch in batches:
            x = batch.double().cpu()
            count += x.shape[0] * x.shape[2]
            total += x.sum((0, 2))
            squares += float((x**2).sum())
        if not count:
            raise ValueError("no features to normalise by: expected at least one clip")
        mean = total / count
        variance = squares / (count * len(mean)) - float((mean**2).mean())
        if not variance > 1e-12:
            raise ValueError(f"features that vary by {variance:.1e}: expected sounds, found silence")
        self.mean.copy_(mean)
        self.std.fill_(variance**0.5)


class Row(Net):
    """A network that is one row of layers.

    `body` holds them by name: `conv1`, `pool1`, `drop1`, ..., `head`. A child with a convolution holds its batch norm
    and its activation too, so that its output is what a target means by the layer.
    """

    image: bool = False
    """Whether the body sees features as an image, (n, 1, rows, frames)."""
    body: nn.Sequential

    def layers(self) -> dict[str, nn.Module]:
        """Every layer that has weights, but for the head."""
        named = self.body.named_children()
        return {name: child for name, child in named if name != "head" and _has_weights(child)}

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, classes) from normalised features (n, rows, frames)."""
        logits: Tensor = self.body(x[:, None] if self.image else x)
        return logits


@contextmanager
def listening(outputs: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep the newest output of each module, by name."""
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, output: kept.update({name: output})

    hooks = [module.register_forward_hook(keeper(name)) for name, module in outputs.items()]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def _has_weights(module: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear) for part in module.modules())
