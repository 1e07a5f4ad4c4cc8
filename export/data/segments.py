"""Segments: which stretches of a recording become clips.

All of it is arithmetic on whole samples, apart from any audio, but for `loudness`, which the trimming of silence needs.

>>> segments(100, 10, Segmenting(seconds=3.0))
[(0, 30), (30, 60), (60, 90), (90, 100)]
>>> segments(100, 10, Segmenting(seconds=3.0, hop_seconds=2.0, drop_first_seconds=1.0, last="drop"))
[(10, 40), (30, 60), (50, 80), (70, 100)]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dreampedal.engine.model.format.manifest import Strict

LEAST_SHARE = 0.1
"""A rest shorter than this share of a segment is not padded to one, unless it is all that there is."""

LEVEL_SECONDS = 0.02
"""Length of the windows whose level decides what is silence."""


class Segmenting(Strict):
    """How recordings are cut.

    Fields:
        seconds: length of a segment.
        hop_seconds: from the start of one segment to the start of the next; `seconds` if None.
        trim_db: silence is what lies this many dB below the loudest 20 ms of a recording. It is trimmed at both ends,
            and a segment of nothing else is left out; None keeps all.
        drop_first_seconds, drop_last_seconds: of each recording, left out before anything else.
        last: whether a rest that is shorter than a segment is padded with silence or dropped. With "drop", a recording
            shorter than a segment gives none.
        even: whether classes with less sound get a shorter hop, so that classes come out about even (`even_hops`).
    """

    seconds: Annotated[float, Field(ge=0.001, le=600)] = 5.0
    hop_seconds: Annotated[float, Field(ge=0.001, le=3600)] | None = None
    trim_db: Annotated[float, Field(gt=0, le=200)] | None = None
    drop_first_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    drop_last_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    last: Literal["pad", "drop"] = "pad"
    even: bool = False

    @property
    def hop(self) -> float:
        """Seconds from the start of one segment to the start of the next."""
        return self.seconds if self.hop_seconds is None else self.hop_seconds


def segments(
    samples: int,
    sample_rate: float,
    segmenting: Segmenting,
    hop_seconds: float | None = None,
    levels: NDArray[np.float64] | None = None,
) -> list[tuple[int, int]]:
    """First and end sample of each segment of a recording of so many samples, in order.

    Every segment is round(seconds * sample_rate) long but for a last one that is to be padded. Where the hop is no
    longer than a segment, they cover all that is kept, but for a rest of less than a tenth of a segment.

    Args:
        hop_seconds: of this recording's class, in place of the one that `segmenting` names.
        levels: mean squares of its windows (`loudness`), needed to trim silence.
    """
    first = round(segmenting.drop_first_seconds * sample_rate)
    end = samples - round(segmenting.drop_last_seconds * sample_rate)
    audible = None
    if segmenting.trim_db is not None:
        if levels is None:
            raise ValueError("silence cannot be trimmed without levels: expected those of `loudness`")
        audible = _audible(levels, sample_rate, segmenting.trim_db, first, end)
        if not audible.size:
            return []
        window = level_samples(sample_rate)
        first, end = max(first, int(audible[0]) * window), min(end, (int(audible[-1]) + 1) * window)
    length = max(1, round(segmenting.seconds * sample_rate))
    hop = max(1, round((segmenting.hop if hop_seconds is None else hop_seconds) * sample_rate))
    found = [(start, start + length) for start in range(first, end - length + 1, hop)]
    start = first + len(found) * hop
    rest = end - max(start, found[-1][1] if found else start)
    if segmenting.last == "pad" and rest > 0 and (not found or rest >= LEAST_SHARE * length):
        found.append((start, end))
    return found if audible is None else _with_sound(found, audible, level_samples(sample_rate))


def even_hops(class_seconds: NDArray[np.float64], segmenting: Segmenting, clusters: int = 3) -> NDArray[np.float64]:
    """A hop in seconds for each class, so that classes give about as many segments as the largest.

    Sizes are gathered by k-means on their logarithms, and classes of a cluster share a hop: classes of about one size
    are cut alike, and a class's hop does not hang on a few seconds of sound. A hop is at least an eighth of a segment,
    since segments that overlap more teach little.

    Args:
        class_seconds: how much sound each class has, all above 0, shape (classes,).
        clusters: at most so many different hops.
    """
    from sklearn.cluster import KMeans

    sizes = np.log(np.asarray(class_seconds, float))
    count = min(clusters, len(np.unique(sizes)))
    found = KMeans(count, n_init=10, random_state=0).fit(sizes[:, None])
    typical = np.exp(found.cluster_centers_[found.labels_, 0])
    least = min(segmenting.hop, segmenting.seconds / 8)
    return np.asarray(np.maximum(segmenting.hop * typical / typical.max(), least))


def loudness(blocks: Iterable[NDArray[np.float32]], sample_rate: float) -> NDArray[np.float64]:
    """Mean square of each window of 20 ms of a sound that comes in blocks (channels, samples); shape (windows,)."""
    window = level_samples(sample_rate)
    rest, levels = np.zeros(0), [np.zeros(0)]
    for block in blocks:
        line = np.concatenate([rest, np.mean(block.astype(np.float64) ** 2, axis=0)])
        whole = line.size // window * window
        levels.append(line[:whole].reshape(-1, window).mean(axis=1))
        rest = line[whole:]
    return np.concatenate([*levels, [rest.mean()] if rest.size else []])


def level_samples(sample_rate: float) -> int:
    """Samples of a window of `loudness`."""
    return max(1, round(LEVEL_SECONDS * sample_rate))


def _audible(levels: NDArray[np.float64], sample_rate: float, trim_db: float, first: int, end: int) -> NDArray[np.intp]:
    """Places of the windows between two samples that are no silence."""
    window = level_samples(sample_rate)
    places = np.arange(len(levels))
    inside = ((places + 1) * window > first) & (places * window < end)
    loudest = levels[inside].max(initial=0)
    return np.flatnonzero(inside & (levels > loudest * 10 ** (-trim_db / 10)) & (levels > 0))


def _with_sound(found: list[tuple[int, int]], audible: NDArray[np.intp], window: int) -> list[tuple[int, int]]:
    """The segments in which any window is no silence."""
    return [
        (start, end)
        for start, end in found
        if np.searchsorted(audible, start // window) < np.searchsorted(audible, -(-end // window))
    ]
