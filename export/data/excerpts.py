"""Excerpts of recordings: short stretches at 48 kHz, mono, cut once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.engine.sound.reading import open_sound
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.progress import Progress

SAMPLE_RATE = 48_000
EACH = 2
"""Excerpts of a recording."""
SILENT = 1e-3
PEAK = 0.5
RECIPE = 1


def excerpts(
    files: Sequence[Path], samples: int, seed: int = 0, cache: Path | None = None, progress: Progress | None = None
) -> NDArray[np.int16]:
    """Two stretches of each recording at random places, int16 (n, samples), each at one peak.

    Recordings that are silent where they are cut are left out; short ones are repeated until they are long enough.

    Args:
        cache: folder for the excerpts; the user's cache if None. What is there is not cut again.

    Raises:
        SoundError: if a recording cannot be read.
        OSError: if the disk is too full, before anything is read.
    """
    names = "\n".join(f"{file.name} {file.stat().st_size}" for file in files)
    digest = hashlib.sha256(f"{RECIPE} {seed} {samples} {names}".encode()).hexdigest()[:16]
    path = (cache or user_cache_path("dreampedal") / "phrases") / f"excerpts-{digest}.npy"
    if rows_in(path, (samples,), np.int16) is None:
        random = np.random.default_rng(seed)
        with filling(path, EACH * len(files), (samples,), np.int16) as array:
            for place, file in enumerate(files):
                with open_sound(file) as sound:
                    line, rate = sound.read().mean(0, keepdims=True), sound.sample_rate
                if rate != SAMPLE_RATE:
                    line = resampled(line, rate, SAMPLE_RATE)
                for _ in range(EACH):
                    begin = int(random.integers(0, max(1, line.shape[1] - samples)))
                    cut = np.resize(line[0, begin : begin + samples], samples) if line.size else np.zeros(samples)
                    if (peak := float(np.abs(cut).max())) > SILENT:
                        array.add(np.round(cut / peak * PEAK * 32_767)[None])
                if progress:
                    progress("excerpts of recordings", place + 1, len(files))
    return np.asanyarray(np.load(path, mmap_mode="r"))
