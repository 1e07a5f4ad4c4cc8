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

from dreampedal.export.judge.prune.kernels import Convolution, similarity
from dreampedal.export.nets.net import Net

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
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            output.retain_grad()
            kept[name] = output

        return layers[name].register_forward_hook(hook)

    net.eval()
    hooks = [keep(name) for name in sums]
    try:
        for x, labels in _batches(clips, batch):
            x.requires_grad_()
            nn.functional.cross_entropy(net(x), labels, reduction="sum").backward()
            for name, z in kept.items():
                change = (z.detach() * z.grad).flatten(2).mean(-1).abs().sum(0)
                sums[name] += change.double().numpy()
    finally:
        for handle in hooks:
            handle.remove()
        net.zero_grad(set_to_none=True)
    return {name: total / max(float(np.linalg.norm(total)), 1e-30) for name, total in sums.items()}


Statistics = dict[str, tuple[Tensor, Tensor]]
"""Mean and variance of every channel that a batch norm hears, by its path."""


@torch.no_grad()
def statistics(net: Net, chain: Sequence[Convolution], clips: Clips, batch: int = 64) -> Statistics:
    """What each batch norm hears on clips, when those before it normalise by what they hear; nothing is changed."""
    paths = [convolution.norm for convolution in chain if convolution.norm is not None]
    twin = copy.deepcopy(net).eval()
    norms = [twin.get_submodule(path) for path in paths]
    for norm in norms:
        norm.reset_running_stats()
        # No momentum: the mean over all batches.
        norm.momentum = None
        norm.train()
    for x, _ in _batches(clips, batch):
        twin(x)
    return {path: (norm.running_mean, norm.running_var) for path, norm in zip(paths, norms, strict=True)}


@torch.no_grad()
def settle(net: Net, before: Statistics, after: Statistics) -> None:
    """Move each batch norm's statistics as what it hears has moved.

    The statistics that training left are those of changed clips and of weights on their way, and a network may be used
    to them: measured anew they cost it more than a kernel does. So only the change is taken over, the shift of the mean
    and the ratio of the variances.
    """
    for path, (mean, variance) in after.items():
        norm, (mean_before, variance_before) = net.get_submodule(path), before[path]
        norm.running_mean += mean - mean_before
        norm.running_var *= (variance + norm.eps) / (variance_before + norm.eps)


@torch.no_grad()
def heard_on_average(
    net: Net, chain: Sequence[Convolution], clips: Clips, batch: int = 64
) -> dict[str, NDArray[np.float64]]:
    """The mean of each input of every module that hears a convolution, by its path: (channels,), or (columns,)."""
    sums: dict[str, NDArray[np.float64]] = {}

    def listen(path: str) -> torch.utils.hooks.RemovableHandle:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            # A dense layer hears channels last, a convolution has them second.
            x = inputs[0].movedim(-1, 1) if isinstance(module, nn.Linear) else inputs[0]
            heard = x.double().reshape(*x.shape[:2], -1).mean(-1)
            sums[path] = sums.get(path, 0) + heard.sum(0).numpy()

        return net.get_submodule(path).register_forward_pre_hook(hook)

    net.eval()
    hooks = [listen(convolution.heard_by) for convolution in chain]
    try:
        for x, _ in _batches(clips, batch):
            net(x)
    finally:
        for handle in hooks:
            handle.remove()
    return {path: total / len(clips) for path, total in sums.items()}


@dataclass(frozen=True)
class Candidate:
    """A filter in line to be taken out.

    Fields:
        layer, filter: which.
        reason: "alike": another of its layer has a kernel that resembles it, and is more useful; or "useless".
        usefulness: from 0, relative to its layer; cosine: of its kernel with the nearest of its layer.
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
