"""All pictures of a judged network, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from dreampedal.export.judge.kernel_pictures import draw_activations, draw_kernels, draw_most_similar
from dreampedal.export.judge.pictures import as_it_is, draw_confusion, draw_reliability
from dreampedal.export.judge.prune.kernels import CONVOLUTIONS
from dreampedal.export.metrics.scores import Scores

if TYPE_CHECKING:
    from dreampedal.export.data.clips import Clips
    from dreampedal.export.judge.classifiers import Classifier
    from dreampedal.export.nets.net import Net

SHIFT = 2
"""Positions in time that kernels may be shifted by to be found alike."""


def draw_all(
    classifier: Classifier, clips: Clips, probabilities: NDArray[np.float32], scores: Scores, folder: Path, where: str
) -> list[Path]:
    """Draw what can be drawn of a network and its scores; the paths.

    Confusion and reliability by clip and by recording. Of a checkpoint also activations on one clip of each class, the
    one that it hears most surely, and of every convolution its kernels and those most alike. `where` says in titles
    what it was judged on: the set and the part of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for what, measures in (("clips", scores.by_clip), ("recordings", scores.by_recording)):
        low, high = measures.accuracy_interval
        of = as_it_is(f"{classifier.name} on {where}\n{measures.count} {what}")
        drawn += [folder / f"confusion_{what}.png", folder / f"reliability_{what}.png"]
        draw_confusion(measures, drawn[-2], f"{of}: {measures.accuracy:.1%} right ({low:.0%} to {high:.0%})")
        draw_reliability(measures.reliability, drawn[-1], of)
    if classifier.net is None:
        return drawn
    drawn += _draw_activations(classifier.net, clips, probabilities, folder, where)
    return drawn + _draw_kernels(classifier.net, folder)


def _draw_activations(
    net: Net, clips: Clips, probabilities: NDArray[np.float32], folder: Path, where: str
) -> list[Path]:
    """Activations on one clip of each class that the set holds."""
    drawn, labels = [], np.asarray(clips.labels)
    for place in np.unique(labels):
        at, name = _surest(probabilities, labels, int(place)), net.classes[place]
        x = np.array(clips.x[at], np.float32)
        heard = dict(zip(net.classes, probabilities[at].tolist(), strict=True))
        title = as_it_is(
            f"{net.name} on the clip of {name} in {where} that it is surest of\n"
            f"from {clips.group_names[int(clips.groups[at])]}"
        )
        drawn.append(folder / f"activations_{name}.png")
        with torch.no_grad():
            layers = net.eval().activations(torch.from_numpy(x)[None])
        found = {layer: activation[0].numpy() for layer, activation in layers.items()}
        draw_activations(x, found, heard, clips.seconds, drawn[-1], title, net.input)
    return drawn


def _draw_kernels(net: Net, folder: Path) -> list[Path]:
    """Kernels of every convolution, and those most alike."""
    drawn: list[Path] = []
    for name, layer in net.layers().items():
        convolution = next((part for part in layer.modules() if isinstance(part, CONVOLUTIONS)), None)
        if convolution is None:
            continue
        drawn.append(folder / f"kernels_{name}.png")
        draw_kernels(net, name, drawn[-1])
        if convolution.out_channels > 1:
            drawn.append(folder / f"alike_{name}.png")
            draw_most_similar(net, name, drawn[-1], shift=SHIFT)
    return drawn


def _surest(probabilities: NDArray[np.float32], labels: NDArray[np.int64], place: int) -> int:
    """The clip of a class that is heard most surely as what it is."""
    share = np.where(labels == place, probabilities[:, place], -1)
    return int(share.argmax())
