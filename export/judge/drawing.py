"""All pictures of a judged network, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .kernel_pictures import draw_activations, draw_kernels, draw_most_similar
from .kernels import CONVOLUTIONS
from .pictures import draw_confusion, draw_reliability
from .scores import Scores

if TYPE_CHECKING:
    from ..sets.store import Clips
    from .listeners import Listener

SHIFT = 2
"""Positions in time that kernels may be shifted by to be found alike."""


def draw_all(
    listener: Listener, clips: Clips, probabilities: NDArray[np.float32], scores: Scores, folder: Path
) -> list[Path]:
    """Draw what can be drawn of a network and its scores; the paths.

    Confusion and reliability by clip and by recording; activations on one clip of each class, the one it is surest of
    among those heard right; kernels and the most similar ones of every convolution where the network is a checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for what, measures in (("clips", scores.by_clip), ("recordings", scores.by_recording)):
        low, high = measures.accuracy_interval
        title = f"{listener.name}, {measures.count} {what}: {measures.accuracy:.1%} ({low:.0%} to {high:.0%})"
        drawn += [folder / f"confusion_{what}.png", folder / f"reliability_{what}.png"]
        draw_confusion(measures, drawn[-2], title)
        draw_reliability(measures.reliability, drawn[-1], f"{listener.name}, {what}")
    labels = np.asarray(clips.labels)
    for place in np.unique(labels):
        at = _surest(probabilities, labels, int(place))
        x = np.asarray(clips.x[at], np.float32)
        layers = listener.activations(x)
        if layers:
            name = listener.classes[place]
            heard = dict(zip(listener.classes, probabilities[at].tolist(), strict=True))
            drawn.append(folder / f"activations_{name}.png")
            title = f"{listener.name} on {name}: {clips.group_names[int(clips.groups[at])]}"
            draw_activations(x, layers, heard, clips.seconds, drawn[-1], title)
    return drawn + _draw_kernels(listener, folder)


def _draw_kernels(listener: Listener, folder: Path) -> list[Path]:
    """Kernels of every convolution, and those most alike."""
    drawn: list[Path] = []
    for name, layer in (listener.net.layers() if listener.net is not None else {}).items():
        convolution = next((part for part in layer.modules() if isinstance(part, CONVOLUTIONS)), None)
        if convolution is None:
            continue
        drawn.append(folder / f"kernels_{name}.png")
        draw_kernels(listener.net, name, drawn[-1])
        if convolution.out_channels > 1:
            drawn.append(folder / f"alike_{name}.png")
            draw_most_similar(listener.net, name, drawn[-1], shift=SHIFT)
    return drawn


def _surest(probabilities: NDArray[np.float32], labels: NDArray[np.int64], place: int) -> int:
    """The clip of a class that is heard right and most surely, or failing that has the most of it."""
    share = np.where(labels == place, probabilities[:, place], -1)
    return int(share.argmax())
