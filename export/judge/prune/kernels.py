"""The kernels of a network: where they are, which resemble each other, and the same network without some of them.

It works for networks of the zoo whose convolutions follow one another, each feeding the next or a dense layer, and
whose settings give the filters of each: `raw`, `vgg`, `conv`, `deep` and `columns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
NORMS = nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True)
class Convolution:
    """A convolution of a network, by the paths of its modules.

    Fields:
        layer: its name in `net.layers()`; the output of that is one channel a filter.
        conv: the convolution.
        norm: the batch norm behind it, or None.
        consumer: what has its channels as inputs: the next convolution, or a dense layer.
        filters: how many it has.
        columns: inputs of `consumer` that one channel makes: its positions where they are laid flat, else 1.
    """

    layer: str
    conv: str
    norm: str | None
    consumer: str
    filters: int
    columns: int

    def inputs(self, filters: Sequence[int]) -> list[int]:
        """Inputs of `consumer` that these filters make."""
        return [filter * self.columns + position for filter in filters for position in range(self.columns)]


def convolutions(net: Net) -> list[Convolution]:
    """Every convolution whose kernels can be taken out, in order.

    Raises:
        ValueError: if the network is none whose convolutions follow one another.
    """
    layers = {id(module): name for name, module in net.layers().items()}
    parts = [(path, part) for path, part in net.named_modules() if isinstance(part, (*CONVOLUTIONS, *CONSUMERS, NORMS))]
    found = []
    for at, (path, conv) in enumerate(parts):
        if not isinstance(conv, CONVOLUTIONS):
            continue
        behind = parts[at + 1 :]
        layer = next((layers[id(holder)] for holder in _holders(net, path) if id(holder) in layers), None)
        norm = behind[0][0] if behind and isinstance(behind[0][1], NORMS) else None
        consumer, module = next((pair for pair in behind if not isinstance(pair[1], NORMS)), ("", None))
        columns, rest = divmod(_inputs(module), conv.out_channels)
        flat = isinstance(module, nn.Linear)
        if layer is None or conv.groups != 1 or rest or columns < 1 or (columns > 1 and not flat):
            raise ValueError(_no_chain(net))
        found.append(Convolution(layer, path, norm, consumer, conv.out_channels, columns))
    declared = getattr(net.settings, "filters", None)
    if not found or declared is None or list(declared) != [convolution.filters for convolution in found]:
        raise ValueError(_no_chain(net))
    return found


def without(
    net: Net, removed: Mapping[str, Sequence[int]], means: Mapping[str, NDArray[np.float64]] | None = None
) -> Net:
    """The same network with fewer filters: built anew by its own builder, with the weights that are left.

    Args:
        removed: filters to take out, by the name of their layer.
        means: of the inputs of a module, by its path. What a dense layer, or a convolution with neither batch norm nor
            padding, got of a removed filter on average is added to its bias. A batch norm brings its own mean.

    Without `means` it computes just what `net` does with the removed filters silenced.

    Raises:
        ValueError: if a layer or filter is not there, or none would be left of a layer.
    """
    chain = convolutions(net)
    unknown = set(removed) - {convolution.layer for convolution in chain}
    if unknown:
        names = ", ".join(convolution.layer for convolution in chain)
        raise ValueError(f"no convolution {min(unknown)!r} in {net.name}: expected one of {names}")
    state, filters = {name: tensor.clone() for name, tensor in net.state_dict().items()}, []
    for convolution in chain:
        gone = set(removed.get(convolution.layer, ()))
        kept = [filter for filter in range(convolution.filters) if filter not in gone]
        if not kept or gone - set(range(convolution.filters)):
            raise ValueError(
                f"{convolution.layer} has {convolution.filters} filters: cannot take out {len(gone)}, from {min(gone)} "
                f"to {max(gone)}"
            )
        filters.append(len(kept))
        if gone:
            _take_out(net, state, convolution, sorted(gone), kept, means)
    settings = net.settings.model_dump() | {"filters": tuple(filters)}
    with torch.random.fork_rng(devices=[]):
        smaller = build(net.name, net.classes, net.input, net.seconds, settings, net.task.sample_rate)
    smaller.load_state_dict(state)
    return smaller.train(net.training)


def weights(net: Net, layer: str) -> NDArray[np.float32]:
    """The kernels of a layer as they are: (filters, channels, positions...).

    Raises:
        ValueError: if the layer has no convolution of its own.
    """
    holder = net.layers().get(layer)
    found = [part for part in holder.modules() if isinstance(part, CONVOLUTIONS)] if holder is not None else []
    if not found:
        names = ", ".join(net.layers())
        raise ValueError(f"no convolution in a layer {layer!r} of {net.name}: its layers are {names}")
    return found[0].weight.detach().cpu().numpy().copy()


def similarity(kernels: NDArray[np.floating], shift: int = 0) -> NDArray[np.float64]:
    """Cosine of every two kernels laid flat: (filters, channels, ..., time) to (filters, filters), from -1 to 1.

    With `shift` it is the largest over shifts in time of up to so many positions either way, the rest compared with
    nothing: two kernels that find the same thing a little later resemble each other.

    >>> similarity(np.array([[[1.0, 0, 0]], [[0, 1.0, 0]]])).round(1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> similarity(np.array([[[1.0, 0, 0]], [[0, 1.0, 0]]]), shift=1).round(1).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    length = np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)
    unit = kernels.astype(np.float64) / np.maximum(length, 1e-12).reshape(-1, *[1] * (kernels.ndim - 1))
    time = unit.shape[-1]
    best = np.full((len(unit), len(unit)), -1.0)
    for late in range(-min(shift, time - 1), min(shift, time - 1) + 1):
        ours = unit[..., max(0, late) : time + min(0, late)].reshape(len(unit), -1)
        theirs = unit[..., max(0, -late) : time + min(0, -late)].reshape(len(unit), -1)
        best = np.maximum(best, ours @ theirs.T)
    return best


def most_similar(kernels: NDArray[np.floating], count: int = 10, shift: int = 0) -> list[tuple[int, int, float]]:
    """The pairs of kernels that resemble each other most, as (one, other, cosine), best first."""
    alike = similarity(kernels, shift)
    one, other = np.triu_indices(len(alike), 1)
    order = np.argsort(-alike[one, other], kind="stable")[:count]
    return [(int(one[at]), int(other[at]), float(alike[one[at], other[at]])) for at in order]


CONSUMERS = (nn.Linear, nn.LSTM, nn.GRU)
"""What may take a convolution's output, beside another one."""


def _inputs(module: nn.Module | None) -> int:
    """Channels or columns that a module takes; 0 where a filter cannot be taken out of them."""
    match module:
        case nn.Conv1d() | nn.Conv2d() if module.groups == 1:
            return module.in_channels
        case nn.Linear():
            return module.in_features
    return 0


def _holders(net: nn.Module, path: str) -> list[nn.Module]:
    """A module and those that hold it, the nearest first."""
    names = path.split(".")
    return [net.get_submodule(".".join(names[:end])) for end in range(len(names), 0, -1)]


def _no_chain(net: Net) -> str:
    return (
        f"{net.name or type(net).__name__}: kernels can be taken out only where convolutions follow one another and "
        f"settings give their filters: raw, vgg, conv, deep, columns"
    )


def _take_out(
    net: Net,
    state: dict[str, Tensor],
    convolution: Convolution,
    gone: list[int],
    kept: list[int],
    means: Mapping[str, NDArray[np.float64]] | None,
) -> None:
    """Leave only `kept` in `state` of a convolution, its batch norm and its consumer."""
    for path in (convolution.conv, convolution.norm):
        for name in ("weight", "bias", "running_mean", "running_var"):
            if path is not None and f"{path}.{name}" in state:
                state[f"{path}.{name}"] = state[f"{path}.{name}"][kept]
    heard, path = state[f"{convolution.consumer}.weight"], convolution.consumer
    if means is not None and f"{path}.bias" in state and _adds(net, path):
        lost = convolution.inputs(gone)
        taps = heard[:, lost].double().flatten(2).sum(-1) if heard.ndim > 2 else heard[:, lost].double()
        constant = torch.from_numpy(np.asarray(means[path], np.float64)[lost])
        state[f"{path}.bias"] = (state[f"{path}.bias"].double() + taps @ constant).float()
    state[f"{path}.weight"] = heard[:, convolution.inputs(kept)]


def _adds(net: Net, path: str) -> bool:
    """Whether a constant input is a constant output: in a dense layer, and in a convolution without padding."""
    module = net.get_submodule(path)
    return isinstance(module, nn.Linear) or (isinstance(module, CONVOLUTIONS) and not any(module.padding))
