"""Golden vectors: inputs, and what the torch original makes of them with autograd over its whole window.

They go into the model's file, so that anybody can prove the graph against the network it comes from, with no torch.
Nothing here shares code with the exporter: the network is called as it was trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dreampedal.engine.model.format.clip_manifest import WaveformManifest
from dreampedal.engine.model.format.manifest import Manifest
from dreampedal.engine.model.golden import packed
from dreampedal.export.compile.steps import TINY
from dreampedal.export.nets.causal import Network

Array = NDArray[np.float32]

Hearing = tuple[dict[str, Tensor], Tensor]
"""Activations (channels, filters, *positions) by layer, and logits (channels, classes)."""

Inputs = Mapping[str, Array]
"""Inputs of an ascent by name, as `dreampedal.engine.model.structure.inputs` lists them."""


def objective(heard: Hearing, given: Inputs, manifest: Manifest | WaveformManifest) -> Tensor:
    """Mean over positions of Σ(u·y + ½v·y²) over layers, plus classes·logits, summed over channels."""
    activations, logits = heard
    total = torch.zeros(())
    for layer in manifest.layers:
        y = activations[layer.name].flatten(2)
        u, v = (torch.as_tensor(given[f"{kind}_{layer.name}"])[:, None] for kind in "uv")
        total = total + (u * y + 0.5 * v * y * y).sum(1).mean(-1).sum()
    if manifest.classes:
        total = total + (logits @ torch.as_tensor(given["classes"])).sum()
    return total


def climb(hear: Callable[[Tensor], Hearing], given: Inputs, manifest: Manifest, steps: int) -> Array:
    """The offset after `steps` steps of ascent by autograd, (channels, bands, columns)."""
    shape, level, mask = (torch.as_tensor(given[name]) for name in ("shape", "level", "mask"))
    features, offset = torch.as_tensor(given["features"]), torch.as_tensor(given["offset"])
    rate, reach = float(given["rate"][0]), float(given["reach"][0])
    for _ in range(steps):
        moving = (features + offset).requires_grad_()
        (g,) = torch.autograd.grad(objective(hear(moving), given, manifest), moving)
        g = shape @ g
        g = g - (level[:, :, None] * g).sum(1, keepdim=True) * mask[:, None]
        g = g / (g.square().mean((1, 2), keepdim=True) + TINY).sqrt()
        offset = (offset + rate * g).clamp(-reach, reach)
    return offset.numpy()


def causal_hearing(network: Network, past: Array) -> Callable[[Tensor], Hearing]:
    """What a causal network hears in moving columns after the columns `past`, before which there was silence."""
    before = torch.as_tensor(past)

    def hear(moving: Tensor) -> Hearing:
        columns = moving.shape[2]
        window = torch.cat([before, moving], 2)[:, :, -network.receptive_frames - columns :]
        heard = {name: y[:, :, -columns:] for name, y in network.activations(window).items()}
        return heard, network.logits_at_frames(window)[:, :, -1]

    return hear


def column_cases(network: Network, manifest: Manifest, seed: int = 1) -> str:
    """Golden takes of a causal network as JSON: one column and three, two channels, several hops from silence each."""
    rng = np.random.default_rng(seed)
    cases = []
    for columns, steps in ((1, 2), (3, 1)):
        sound = random_features(rng, manifest, network.history_frames + columns + 3)
        given = random_inputs(rng, manifest, columns)
        past, expected = sound[:, :, :0], []
        for hop in range(sound.shape[2] - columns + 1):
            given["features"] = sound[:, :, hop : hop + columns]
            hear = causal_hearing(network, past)
            offset = climb(hear, given, manifest, steps)
            expected.append(offset)
            past = np.concatenate([past, given["features"][:, :, :1] + offset[:, :, :1]], 2)
        with torch.no_grad():
            hear = causal_hearing(network, past)
            activations, logits = hear(torch.as_tensor(given["features"] + given["offset"]))
        del given["features"]
        heard = {f"y_{name}": y.numpy() for name, y in activations.items()}
        if manifest.classes:
            heard["logits"] = logits.numpy()
        case = {"sound": sound, "offsets": np.stack(expected)[-3:], **given, **heard}
        cases.append({"columns": columns, "steps": steps} | {name: packed(array) for name, array in case.items()})
    return json.dumps(cases)


@contextmanager
def listening(outputs: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep the output of each module whenever it runs."""
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, output: kept.update({name: output})

    hooks = [module.register_forward_hook(keeper(name)) for name, module in outputs.items()]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def window_hearing(
    network: nn.Module, outputs: Mapping[str, nn.Module], mean: Tensor, std: Tensor, as_image: bool
) -> Callable[[Tensor], Hearing]:
    """What a network hears in a whole window of raw features; `outputs` are the modules that targets name."""

    def hear(features: Tensor) -> Hearing:
        x = (features - mean[:, None]) / std[:, None]
        with listening(outputs) as heard:
            y = network(x[:, None] if as_image else x)
        return heard, y

    return hear


def window_case(hear: Callable[[Tensor], Hearing], manifest: Manifest, seed: int = 1) -> str:
    """A golden take of a network that runs on the window, as JSON."""
    rng = np.random.default_rng(seed)
    sound = random_features(rng, manifest, manifest.context_frames)
    given = random_inputs(rng, manifest, manifest.context_frames)
    offset = climb(hear, {"features": sound} | given, manifest, 2)
    with torch.no_grad():
        activations, logits = hear(torch.as_tensor(sound + given["offset"]))
    heard = {f"y_{name}": y.flatten(2).numpy() for name, y in activations.items()}
    if manifest.classes:
        heard["logits"] = logits.numpy()
    case = {"sound": sound, "offsets": offset[np.newaxis], **given, **heard}
    take = {"columns": manifest.context_frames, "steps": 2} | {name: packed(array) for name, array in case.items()}
    return json.dumps([take])


def random_features(rng: np.random.Generator, manifest: Manifest, frames: int, channels: int = 2) -> Array:
    """Something like sound: spectra that change slowly, between the floor and full scale."""
    steps = rng.normal(0, 0.3, (channels, manifest.bands.count, frames)).cumsum(2)
    spectrum = rng.normal(-5, 2, (channels, manifest.bands.count, 1))
    return np.clip(spectrum + steps, manifest.bands.floor_db * np.log(10) / 20, 0).astype(np.float32)


def random_inputs(rng: np.random.Generator, manifest: Manifest, columns: int, channels: int = 2) -> dict[str, Array]:
    """Every input but the features, drawn so that each of them matters."""
    bands = manifest.bands.count
    mask = (rng.uniform(size=bands) > 0.1).astype(np.float32)
    distance = np.subtract.outer(np.arange(bands), np.arange(bands))
    given: dict[str, NDArray[np.floating]] = {
        "offset": rng.normal(0, 0.1, (channels, bands, columns)) * mask[:, None],
        "shape": np.exp(-(distance**2) / 4) * np.outer(mask, mask),
        "level": rng.dirichlet(np.ones(bands), channels),
        "mask": mask,
        "rate": np.full(1, 0.1),
        "reach": np.full(1, 0.4),
    }
    for layer in manifest.layers:
        given[f"u_{layer.name}"] = rng.normal(size=layer.filters)
        given[f"v_{layer.name}"] = rng.normal(size=layer.filters)
    if manifest.classes:
        given["classes"] = rng.normal(0, manifest.context_frames, len(manifest.classes))
    return {name: array.astype(np.float32) for name, array in given.items()}
