"""Golden vectors: inputs, and what the torch original makes of them with autograd over its whole window.

They go into the model's file, so that anybody can prove the graph against the network it comes from, with no torch.
Nothing here shares code with the exporter: the network is called as it was trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreampedal.engine.model.format.clip_manifest import WaveformManifest
from dreampedal.engine.model.format.golden import packed
from dreampedal.engine.model.format.manifest import Manifest
from dreampedal.export.compile.chains.steps import TINY
from dreampedal.export.nets.causal import Ensemble, Network

Array = NDArray[np.float32]

Response = tuple[dict[str, Tensor], Tensor]
"""Of a network: activations (channels, filters, *positions) by layer, and logits (channels, classes)."""

Inputs = Mapping[str, Array]
"""Inputs of an ascent by name, as `dreampedal.engine.model.structure.inputs` lists them."""


def objective(response: Response, given: Inputs, manifest: Manifest | WaveformManifest) -> Tensor:
    """Mean over positions of Σ(u·y + ½v·y²) over layers, plus classes·logits, summed over channels."""
    activations, logits = response
    total = torch.zeros(())
    for layer in manifest.layers:
        y = activations[layer.name].flatten(2)
        u, v = (torch.as_tensor(given[f"{kind}_{layer.name}"])[:, None] for kind in "uv")
        total = total + (u * y + 0.5 * v * y * y).sum(1).mean(-1).sum()
    if manifest.classes:
        total = total + (logits @ torch.as_tensor(given["classes"])).sum()
    return total


def climb(forward: Callable[[Tensor], Response], given: Inputs, manifest: Manifest, steps: int) -> Array:
    """The offset after `steps` steps of ascent by autograd, (channels, bands, columns)."""
    shape, level, mask = (torch.as_tensor(given[name]) for name in ("shape", "level", "mask"))
    features, offset = torch.as_tensor(given["features"]), torch.as_tensor(given["offset"])
    rate, reach = float(given["rate"][0]), float(given["reach"][0])
    for _ in range(steps):
        moving = (features + offset).requires_grad_()
        (g,) = torch.autograd.grad(objective(forward(moving), given, manifest), moving)
        g = shape @ g
        g = g - (level[:, :, None] * g).sum(1, keepdim=True) * mask[:, None]
        g = g / (g.square().mean((1, 2), keepdim=True) + TINY).sqrt()
        offset = (offset + rate * g).clamp(-reach, reach)
    return offset.numpy()


def causal_forward(network: Network | Ensemble, past: Array) -> Callable[[Tensor], Response]:
    """The response of a causal network to moving columns after the columns `past`, before which there was silence."""
    before = torch.as_tensor(past)

    def forward(moving: Tensor) -> Response:
        columns = moving.shape[2]
        window = torch.cat([before, moving], 2)[:, :, -network.receptive_frames - columns :]
        activations = {name: y[:, :, -columns:] for name, y in network.activations(window).items()}
        return activations, network.logits_at_frames(window)[:, :, -1]

    return forward


def column_cases(network: Network | Ensemble, manifest: Manifest, seed: int = 1) -> str:
    """Golden takes of a causal network as JSON: one column and three, two channels, several hops from silence each."""
    rng = np.random.default_rng(seed)
    cases = []
    for columns, steps in ((1, min(2, manifest.steps)), (3, 1)):
        sound = random_features(rng, manifest, network.history_frames + columns + 3)
        given = random_inputs(rng, manifest, columns)
        past, expected = sound[:, :, :0], []
        for hop in range(sound.shape[2] - columns + 1):
            given["features"] = sound[:, :, hop : hop + columns]
            offset = climb(causal_forward(network, past), given, manifest, steps)
            expected.append(offset)
            past = np.concatenate([past, given["features"][:, :, :1] + offset[:, :, :1]], 2)
        with torch.no_grad():
            activations, logits = causal_forward(network, past)(torch.as_tensor(given["features"] + given["offset"]))
        del given["features"]
        given |= {f"y_{name}": y.numpy() for name, y in activations.items()}
        cases.append(_case(columns, steps, {"sound": sound, "offsets": np.stack(expected)[-3:], **given}, logits))
    return json.dumps(cases)


def window_cases(forward: Callable[[Tensor], Response], manifest: Manifest) -> str:
    """One golden take of two steps on a window, as JSON; activations of a deep network would outweigh it."""
    rng = np.random.default_rng(1)
    sound = random_features(rng, manifest, manifest.context_frames)
    given = random_inputs(rng, manifest, manifest.context_frames)
    offset = climb(forward, {"features": sound} | given, manifest, 2)
    with torch.no_grad():
        _, logits = forward(torch.as_tensor(sound + given["offset"]))
    return json.dumps([_case(sound.shape[2], 2, {"sound": sound, "offsets": offset[np.newaxis], **given}, logits)])


def _case(columns: int, steps: int, arrays: Inputs, logits: Tensor) -> dict[str, Any]:
    if logits.shape[-1]:
        arrays = {**arrays, "logits": logits.numpy()}
    return {"columns": columns, "steps": steps} | {name: packed(array) for name, array in arrays.items()}


def random_features(rng: np.random.Generator, manifest: Manifest, frames: int, channels: int = 2) -> Array:
    """Something like sound: spectra that change slowly, between the floor and full scale."""
    steps = rng.normal(0, 0.3, (channels, manifest.bands.count, frames)).cumsum(2)
    spectrum = rng.normal(-5, 2, (channels, manifest.bands.count, 1))
    floor = manifest.bands.floor_db * np.log(10) / 20
    return np.asarray(np.clip(spectrum + steps, floor, 0), np.float32)


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
