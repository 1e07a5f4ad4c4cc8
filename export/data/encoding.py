"""One recording, cut, changed and encoded: the work of the store that needs no disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.inputs import Input, features, own_rate, resampled, shape_of
from dreampedal.export.data.changes import Recipe, changed
from dreampedal.export.data.recordings import Recording, Sound, SoundError, opened
from dreampedal.export.data.segments import Segmenting, loudness, segments

FORMAT = 2
"""Raised whenever the same recording would give other features, so that old parts are not read."""

HOST_RATES = (44_100, 48_000)
"""Rates at which inputs without a rate of their own hear recordings as they are; all others come at the first."""

SILENT = 1e-5
"""A recording whose loudest sample is below this (-100 dBFS) is silent."""


@dataclass(frozen=True)
class Encoding:
    """How recordings of a set are encoded: what the arguments of `store.encode` say."""

    input: Input
    segmenting: Segmenting
    copies: int = 0
    recipe: Recipe | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        shape = shape_of(self.input, self.segmenting.seconds)
        if shape[1] < 1:
            raise ValueError(
                f"segments of {self.segmenting.seconds:g} s give {self.input.kind} no frame: expected longer ones"
            )
        if self.copies < 0:
            raise ValueError(f"{self.copies} changed copies: expected 0 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a clip."""
        return shape_of(self.input, self.segmenting.seconds)

    @property
    def dtype(self) -> type:
        """Of the values that are kept."""
        return kind_of(self.input)


def kind_of(input: Input) -> type:
    """Samples are kept as float32, features as float16: they are read again as often as there are epochs."""
    return np.float32 if input.kind == "waveform" else np.float16


def encoded(one: Recording, chosen: Encoding, hop_seconds: float, key: int = 0) -> NDArray[Any]:
    """Each segment of a recording, followed by its changed copies; shape (clips, rows, columns).

    Args:
        hop_seconds: from the start of one segment to the start of the next.
        key: any whole number that is the recording's own, from which its changes are drawn.

    Raises:
        SoundError: if it cannot be read, is silent, or holds what is no finite number.
    """
    with opened(one) as sound:
        levels = None
        if chosen.segmenting.trim_db is not None:
            levels = loudness(sound.blocks(), sound.sample_rate)
            _check_finite(one, levels)
        spans = segments(round(sound.samples), sound.sample_rate, chosen.segmenting, hop_seconds, levels)
        found: NDArray[Any] = np.empty((len(spans) * (1 + chosen.copies), *chosen.shape), chosen.dtype)
        loudest = 0.0 if levels is None else float(np.sqrt(levels.max(initial=0)))
        rows = 0
        for place, line in enumerate(_cuts(one, sound, spans, chosen)):
            loudest = max(loudest, float(np.abs(line).max(initial=0)))
            for copy in range(1 + chosen.copies):
                rng = np.random.default_rng([chosen.seed, key, place, copy])
                copied = changed(line, sound.sample_rate, chosen.recipe, rng) if copy and chosen.recipe else line
                found[rows] = clip_features(copied, sound.sample_rate, chosen)
                rows += 1
    if (spans or levels is not None) and loudest < SILENT:
        raise SoundError(f"{one.path}: silent ({_decibels(loudest)}): remove it, or record it again")
    if not np.isfinite(found[:rows]).all():
        raise SoundError(f"{one.path}: too loud to be heard ({_decibels(loudest)}): normalise it, or remove it")
    return found[:rows]


def clip_features(line: NDArray[np.float32], sample_rate: float, chosen: Encoding) -> NDArray[np.float32]:
    """Features of one segment, (1, samples) to exactly the shape of a clip."""
    if own_rate(chosen.input) is None and sample_rate not in HOST_RATES:
        line, sample_rate = resampled(line, sample_rate, HOST_RATES[0]).astype(np.float32), HOST_RATES[0]
    columns = chosen.shape[1]
    found = features(chosen.input, line, sample_rate)[:, :columns]
    # Counts of samples are rounded at both rates, so a column may be missing.
    return found if found.shape[1] == columns else np.pad(found, ((0, 0), (0, columns - found.shape[1])), "edge")


def seconds_of(one: Recording) -> float:
    """How long a recording is, as its header says."""
    with opened(one) as sound:
        return float(sound.samples / sound.sample_rate)


def _cuts(
    one: Recording, sound: Sound, spans: list[tuple[int, int]], chosen: Encoding
) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels over each span, padded with silence to the length of a segment; (1, samples)."""
    length = max(1, round(chosen.segmenting.seconds * sound.sample_rate))
    for cut in sound.cuts(spans):
        if cut.shape[1] == 0:
            continue  # the header promised more than there is
        _check_finite(one, cut)
        line = cut.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        yield np.pad(line, ((0, 0), (0, length - line.shape[1])))


def _check_finite(one: Recording, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise SoundError(f"{one.path}: holds NaN or infinity: export it again, or remove it")


def _decibels(amplitude: float) -> str:
    return f"peak {20 * np.log10(amplitude):.0f} dBFS" if amplitude > 0 else "digital silence"
