"""The four published networks, out of the wheel of musicnn 0.1.0 into torch.

    pip download --no-deps musicnn==0.1.0          # once; a zip of 39 MB, nothing of it is run
    network = load("musicnn-0.1.0-py3-none-any.whl", "msd_musicnn")

The weights are the Music Technology Group's, trained on MagnaTagATune ("mtt") and on the tags of the Million Song
Dataset ("msd"); `NOTICE` and `TRAINED_ON` are to go wherever they go.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.export.musicnn.checkpoint import CheckpointError, read_bundle
from dreampedal.export.musicnn.networks import Musicnn, Tagger, Vgg

NETWORKS = ("mtt_musicnn", "msd_musicnn", "mtt_vgg", "msd_vgg")

NOTICE = (
    "ISC. Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019. Code developed by Jordi Pons "
    "(www.jordipons.me). Permission to use, copy, modify, and/or distribute this software for any purpose with or "
    "without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all "
    'copies. THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE '
    "INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY "
    "SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR "
    "PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION "
    "WITH THE USE OR PERFORMANCE OF THIS SOFTWARE."
)
"""Licence of the published weights."""

TRAINED_ON = {
    "mtt": "MagnaTagATune (Law et al. 2009): 19k of its 25k clips of songs by Magnatune's artists, 50 tags by players",
    "msd": "Million Song Dataset (Bertin-Mahieux et al. 2011): 201k songs' previews, the 50 commonest Last.fm tags",
}

TAGS = {
    "mtt": (
        "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
        "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no_vocals",
        "harpsichord", "loud", "quiet", "flute", "woman", "male_vocal", "no_vocal", "pop", "soft", "sitar", "solo",
        "man", "classic", "choir", "voice", "new_age", "dance", "male_voice", "female_vocal", "beats", "harp", "cello",
        "no_voice", "weird", "country", "metal", "female_voice", "choral",
    ),
    "msd": (
        "rock", "pop", "alternative", "indie", "electronic", "female_vocalists", "dance", "00s", "alternative_rock",
        "jazz", "beautiful", "metal", "chillout", "male_vocalists", "classic_rock", "soul", "indie_rock", "mellow",
        "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard_rock", "ambient",
        "acoustic", "experimental", "female_vocalist", "guitar", "hip_hop", "70s", "party", "country", "easy_listening",
        "sexy", "catchy", "funk", "electro", "heavy_metal", "progressive_rock", "60s", "rnb", "indie_pop", "sad",
        "house", "happy",
    ),
}  # fmt: skip
"""The tags of each set as labels, in the order of the logits."""


def load(wheel: str | os.PathLike[str], name: str) -> Tagger:
    """A published network, in evaluation.

    Args:
        wheel: the file musicnn-0.1.0-py3-none-any.whl.
        name: one of `NETWORKS`.

    Raises:
        CheckpointError: for a file that is no such wheel or is damaged, and for weights that do not fit.
        ValueError: for an unknown name.
    """
    if name not in NETWORKS:
        raise ValueError(f"published network {name!r}: expected one of {', '.join(NETWORKS)}")
    weights = weights_of(wheel, name)
    trained_on, kind = name.split("_")
    network = (Musicnn if kind == "musicnn" else Vgg)(name, TAGS[trained_on])
    with torch.no_grad():
        for tensor, values, key in _pairs(network, weights):
            if tuple(tensor.shape) != values.shape or not np.isfinite(values).all():
                found = f"{values.shape}" if np.isfinite(values).all() else "not finite"
                raise CheckpointError(f"{wheel}: {name}'s {key} is {found}: expected finite {tuple(tensor.shape)}")
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return network.eval()


def weights_of(wheel: str | os.PathLike[str], name: str) -> dict[str, NDArray[np.float32]]:
    """The weights of a published network as its checkpoint has them, without the optimiser's."""
    trained_on, kind = name.split("_")
    folder = f"musicnn/{trained_on.upper()}_{kind}"
    try:
        with zipfile.ZipFile(wheel) as archive:
            index, data = (archive.read(f"{folder}/{part}") for part in (".index", ".data-00000-of-00001"))
    except (zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"{wheel}: {error}: expected the wheel of musicnn 0.1.0") from error
    return read_bundle(index, data, lambda key: "Adam" not in key and "power" not in key)


def _pairs(
    network: Tagger, weights: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[torch.Tensor, NDArray[np.float32], str]]:
    """Each tensor of a network with its values: the checkpoint numbers layers in the order they were made in."""
    numbers = {"conv2d": 0, "batch_normalization": 0, "dense": 0}
    for module in network.modules():
        match module:
            case nn.Conv1d() | nn.Conv2d():
                kind, leaves = "conv2d", {"kernel": module.weight, "bias": module.bias}
            case nn.Linear():
                kind, leaves = "dense", {"kernel": module.weight, "bias": module.bias}
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                kind = "batch_normalization"
                leaves = {"gamma": module.weight, "beta": module.bias}
                leaves |= {"moving_mean": module.running_mean, "moving_variance": module.running_var}
            case _:
                continue
        number = numbers[kind]
        numbers[kind] += 1
        scope = f"{kind}_{number}" if number else kind
        if kind == "conv2d" and isinstance(network, Vgg):
            scope = f"{number + 1}CNN"
        for leaf, tensor in leaves.items():
            key = f"{scope}/{leaf}"
            if key not in weights:
                raise CheckpointError(f"{network.name}: its checkpoint has no {key}")
            assert tensor is not None
            yield tensor, _turned(weights[key], tensor.dim()), key


def _turned(values: NDArray[np.float32], axes: int) -> NDArray[np.float32]:
    """A kernel in torch's order: TensorFlow has (frames, bands, inputs, filters) and (inputs, units)."""
    if values.ndim == 4:
        filters_first = values.transpose(3, 2, 0, 1)
        if axes == 4:
            return filters_first
        over_time = filters_first if values.shape[1] == 1 else filters_first.transpose(0, 3, 2, 1)
        return over_time[..., 0]
    return values.T if values.ndim == 2 else values
