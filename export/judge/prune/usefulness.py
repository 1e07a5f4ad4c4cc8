"""How much each kernel matters to a network, and what follows when one is gone."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from dreampedal.export.judge.prune.kernels import Convolution, similarity
from dreampedal.export.nets.net import Net, listening

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips


def usefulness(net: Net, chain: Sequence[Convolution], clips: Clips, batch: int = 64) -> dict[str, NDArray[np.float64]]:
    """By layer, how much the loss would change without each filter, to first order: (filters,), 0 or more.

    The change is |mean over positions of z · dC/dz|, averaged over clips, with z the filter's output after batch norm
    and activation, divided by the Euclidean norm over its layer so that layers compare (Molchanov et al. 2017,
    "Pruning convolutional neural networks for resource efficient inference", equations 8 and 10). Batch norm stands as
    in use: a constant that a filter adds counts, though the next batch norm would take it out.
    """
    layers = net.layers()
    sums = {convolution.layer: np.zeros(convolution.filters) for convolution in chain}
    net.eval()
    with listening({name: layers[name] for name in sums}) as kept:
        for x, labels in _batches(clips, batch):
            loss = nn.functional.cross_entropy(net(x.requires_grad_()), labels, reduction="sum")
            gradients = torch.autograd.grad(loss, [kept[name] for name in sums])
            for name, gradient in zip(sums, gradients, strict=True):
                change = (kept[name].detach() * gradient).flatten(2).mean(-1).abs().sum(0)
                sums[name] += change.double().numpy()
    return {name: total / max(float(np.linalg.norm(total)), 1e-30) for name, total in sums.items()}


Statistics = dict[str, tuple[Tensor, Tensor]]
"""Mean and variance of every channel that a batch norm gets, by its path."""


@torch.no_grad()
def statistics(net: Net, chain: Sequence[Convolution], clips: Clips, batch: int = 64) -> Statistics:
    """What each batch norm gets on clips, when those before it normalise by what they get; nothing is changed."""
    paths = [convolution.norm for convolution in chain if convolution.norm is not None]
    clone = copy.deepcopy(net).eval()
    for path in paths:
        norm, _, _ = _norm(clone, path)
        norm.reset_running_stats()
        # No momentum: the mean over all batches.
        norm.momentum = None
        norm.train()
    for x, _ in _batches(clips, batch):
        clone(x)
    return {path: _norm(clone, path)[1:] for path in paths}


@torch.no_grad()
def shift_statistics(net: Net, before: Statistics, after: Statistics) -> None:
    """Move each batch norm's statistics as its input has moved.

    The statistics that training left are those of changed clips and of weights on their way, and a network may be used
    to them: measured anew they cost it more than a kernel does. So only the change is taken over, the shift of the mean
    and the ratio of the variances.
    """
    for path, (mean, variance) in after.items():
        norm, own_mean, own_variance = _norm(net, path)
        mean_before, variance_before = before[path]
        own_mean += mean - mean_before
        own_variance *= (variance + norm.eps) / (variance_before + norm.eps)


def _norm(net: Net, path: str) -> tuple[_BatchNorm, Tensor, Tensor]:
    """A batch norm, and the mean and the variance that it keeps."""
    norm = net.get_submodule(path)
    assert isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None
    return norm, norm.running_mean, norm.running_var


@torch.no_grad()
def input_means(
    net: Net, chain: Sequence[Convolution], clips: Clips, batch: int = 64
) -> dict[str, NDArray[np.float64]]:
    """The mean of each input of every convolution's consumer, by the consumer's path: (channels,), or (columns,)."""
    sums: dict[str, NDArray[np.float64]] = {}

    def watch(path: str) -> RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            # A dense layer hears channels last, a convolution has them second.
            x = inputs[0].movedim(-1, 1) if isinstance(module, nn.Linear) else inputs[0]
            total = x.double().reshape(*x.shape[:2], -1).mean(-1).sum(0).numpy()
            sums[path] = sums[path] + total if path in sums else total

        return net.get_submodule(path).register_forward_pre_hook(add)

    net.eval()
    hooks = [watch(convolution.consumer) for convolution in chain]
    try:
        for x, _ in _batches(clips, batch):
            net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {path: total / len(clips) for path, total in sums.items()}


@dataclass(frozen=True)
class Candidate:
    """A kernel in line to be taken out, or gone.

    Fields:
        layer, filter: which; of one that is gone, the number is that of the network at the start.
        reason: "useless", or "alike": its layer has one that it resembles and that is more useful, which may itself be
            among those taken out with it.
        usefulness: from 0, relative to its layer; cosine: with its nearest in the layer; both before it went.
    """

    layer: str
    filter: int
    reason: str
    usefulness: float
    cosine: float


def in_line(
    useful: Mapping[str, NDArray[np.float64]], kernels: Mapping[str, NDArray[np.floating]], alike: float, count: int
) -> list[Candidate]:
    """The first `count` filters in the order in which to try them; never the last of a layer.

    First the less useful one of each pair whose cosine is at least `alike`, the most alike first, half of `count` at
    most; then the least useful of all.
    """
    nearest = {layer: similarity(kernel) - 2 * np.eye(len(kernel)) for layer, kernel in kernels.items()}
    places = [(layer, filter) for layer, of in useful.items() if len(of) > 1 for filter in range(len(of))]
    by_use = sorted(places, key=lambda place: useful[place[0]][place[1]])
    pairs = sorted(
        (-float(cosines[pair]), layer, min(map(int, pair), key=lambda filter: useful[layer][filter]))
        for layer, cosines in nearest.items()
        for pair in zip(*np.nonzero(np.triu(cosines >= alike, 1)), strict=True)
    )
    redundant = list(dict.fromkeys((layer, filter) for _, layer, filter in pairs))[: count // 2]
    line = [(*place, "alike") for place in redundant]
    line += [(*place, "useless") for place in by_use if place not in redundant]
    return [
        Candidate(layer, filter, reason, float(useful[layer][filter]), float(nearest[layer][filter].max()))
        for layer, filter, reason in line[:count]
    ]


def _batches(clips: Clips, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Features float32 (n, rows, frames) and labels int64 (n,)."""
    for at in range(0, len(clips), size):
        x = torch.from_numpy(np.array(clips.x[at : at + size], np.float32))
        yield x, torch.from_numpy(np.asarray(clips.labels[at : at + size], np.int64))
