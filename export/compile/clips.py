"""What the files of all networks on clips share: the network as it stands, and its golden vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, Protocol, TypedDict, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from dreampedal.engine.model.format.inputs import BandImage, Envelope, Input, LogBands, Mel, shape_of
from dreampedal.engine.model.format.manifest import Layer, Training
from dreampedal.engine.model.golden import noise
from dreampedal.export.compile.ascent import Declared
from dreampedal.export.compile.golden import Hearing, listening
from dreampedal.export.compile.traced import Traced, traced


@runtime_checkable
class Net(Protocol):
    """What an exporter needs to know of a network (`dreampedal.export.nets` has them)."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def input(self) -> Input: ...
    @property
    def seconds(self) -> float: ...

    def layers(self) -> dict[str, nn.Module]:
        """Modules whose outputs a target can name, in order."""
        ...

    def __call__(self, x: Tensor) -> Tensor:
        """Clips (n, rows, columns) to logits (n, classes)."""
        ...


class Told(TypedDict):
    """What an exporter is told of a network: a label, and what the manifest reports of its weights.

    `accuracy` is by name, none unless given; `version` is "1" unless given.
    """

    name: str
    training: Training
    accuracy: NotRequired[Mapping[str, float] | None]
    version: NotRequired[str]


SEEDS = 1, 2
"""Of the golden takes."""


def range_of(heard: Input) -> tuple[float, float]:
    """The range in which the values of an input lie, nearly."""
    match heard:
        case Mel():
            return (-13.0, 5.0) if heard.compression == "log" else (0.0, 5.0)
        case LogBands():
            return float(heard.bands.floor_db * np.log(10) / 20), 0.0
        case Envelope():
            return float(heard.floor_db * np.log(10) / 20), 0.0
        case BandImage():
            return 0.0, 1.0
    return -0.5, 0.5


def followed(net: Net) -> tuple[Traced, tuple[int, int]]:
    """A network as equations, and the shape of its clips.

    Raises:
        ValueError: for weights that are no numbers, and for what cannot be written.
    """
    assert isinstance(net, nn.Module)
    net.eval().cpu()
    for name, values in (*net.named_parameters(), *net.named_buffers()):
        if not torch.isfinite(values).all():
            raise ValueError(f"{name} of {type(net).__name__} holds NaN or infinity: expected trained weights")
    shape = shape_of(net.input, net.seconds, getattr(getattr(net, "task", None), "sample_rate", 44_100))
    trace = traced(net, torch.as_tensor(golden_clips(net.input, shape, SEEDS[0])), net.layers())
    if trace.shapes[trace.logits] != (len(net.classes),):
        raise ValueError(f"{len(net.classes)} classes for a network of {trace.shapes[trace.logits]} outputs")
    return trace, shape


def manifest_of(
    kind: type[Declared],
    net: Net,
    trace: Traced,
    *,
    name: str,
    training: Training,
    accuracy: Mapping[str, float] | None = None,
    version: str = "1",
    **own: Any,
) -> Declared:
    """The manifest of a network, but for the hash of its weights; `own` are the fields that its kind adds."""
    return kind(
        name=name,
        version=version,
        layers=tuple(Layer(name=layer, filters=count) for layer, count in trace.filters.items()),
        classes=net.classes,
        training=training,
        accuracy=dict(accuracy or {}),
        content_hash="0" * 64,
        **own,
    )


def golden_clips(heard: Input, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Clips of noise within the range of an input."""
    return noise(shape, seed, *range_of(heard))


def hearing(net: Net, x: Tensor) -> Hearing:
    """Activations (n, filters, *positions) by layer, and logits, by torch alone."""
    with listening(net.layers()) as heard:
        logits = net(x)
    return {name: y if y.ndim > 2 else y[:, :, None] for name, y in heard.items()}, logits


def take(heard: Input, seed: int, given: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """A golden take as JSON has it (`dreampedal.engine.model.golden` reads it)."""
    low, high = range_of(heard)
    return {"seed": seed, "low": low, "high": high, "given": dict(given), "expected": dict(expected)}
