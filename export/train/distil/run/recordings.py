"""Recordings as sounds to dream on: stretches of folders of sounds, mono at 48 kHz, as loud as phrases are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.engine.runtime.files import written_whole
from dreampedal.engine.sound.reading import open_sound
from dreampedal.export.data.arrays import filling, rows_in
from dreampedal.export.data.instruments.phrases import SAMPLE_RATE, SAMPLES
from dreampedal.export.data.places import sounds_below
from dreampedal.export.data.progress import Progress

EACH = 4
"""Stretches of a recording, at most."""
SHORTEST = 2048
"""Samples at 48 kHz: a frame; a shorter sound has nothing that a student could see."""
SILENT = 1e-4
"""A stretch whose peak lies below teaches nothing."""
PEAK = 0.5


@dataclass(frozen=True)
class Passed:
    """Recordings that were passed over, by why: silent all through, shorter than a frame, or with NaN in them."""

    silent: int = 0
    short: int = 0
    not_finite: int = 0

    def __str__(self) -> str:
        told = (self.silent, "silent"), (self.short, "shorter than a frame"), (self.not_finite, "with NaN or infinity")
        return ", ".join(f"{count} {why}" for count, why in told if count)


@dataclass(frozen=True)
class Stretches:
    """Stretches of recordings, int16 (n, SAMPLES); of how many recordings; and how many were passed over."""

    sounds: NDArray[np.int16]
    recordings: int
    passed: Passed


def stretches(folders: Sequence[Path], folder: Path, seed: int = 0, progress: Progress | None = None) -> Stretches:
    """Up to `EACH` stretches of every recording in some folders, at random places, kept in `folder`.

    Raises:
        ValueError: if a folder is missing or has no sound in it, all are silent or too short, or a file cannot be read:
            it is named.
        OSError: if the disk is full.
    """
    files = [file for place in folders for file in _sounds(place)]
    if not files:
        return Stretches(np.zeros((0, SAMPLES), np.int16), 0, Passed())
    path = folder / f"recordings-{_digest(files, seed)}.npy"
    about = path.with_suffix(".json")
    if rows_in(path, (SAMPLES,), np.int16) is None or not about.exists():
        counts = {"silent": 0, "short": 0, "not_finite": 0}
        with filling(path, len(files) * EACH, (SAMPLES,), np.int16) as array:
            for place, file in enumerate(files):
                found = _of(file, np.random.default_rng([seed, place]))
                if isinstance(found, str):
                    counts[found] += 1
                else:
                    array.add(found)
                if progress:
                    progress("recordings", place + 1, len(files))
        with written_whole(about) as part:
            part.write_text(json.dumps({"recordings": len(files), "passed": asdict(Passed(**counts))}))
    told = json.loads(about.read_text())
    passed, sounds = Passed(**told["passed"]), np.load(path, mmap_mode="r")
    if not len(sounds):
        raise ValueError(f"{', '.join(map(str, folders))}: no recording to dream on: {passed}")
    return Stretches(sounds, told["recordings"] - sum(asdict(passed).values()), passed)


def _of(file: Path, random: np.random.Generator) -> NDArray[np.int16] | str:
    """Stretches of a recording, or why there are none: a field of `Passed`."""
    with open_sound(file) as sound:
        rate, samples = sound.sample_rate, sound.samples
        if samples * SAMPLE_RATE / rate < SHORTEST:
            return "short"
        mono = np.concatenate([block.mean(0) for block in sound.blocks()])
    if not np.isfinite(mono).all():
        return "not_finite"
    length = int(np.ceil(SAMPLES * rate / SAMPLE_RATE))
    found = []
    for _ in range(EACH if samples > length else 1):
        begin = int(random.integers(0, max(1, samples - length + 1)))
        line = resampled(mono[begin : begin + length], rate, SAMPLE_RATE)
        if (peak := float(np.abs(line).max())) > SILENT:
            found.append(np.round(np.resize(line / peak * PEAK, SAMPLES) * 32_767).astype(np.int16))
    return np.stack(found) if found else "silent"


def _sounds(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder: expected a folder of sounds")
    found = sounds_below(folder)
    if not found:
        raise ValueError(f"{folder}: no sound in it: expected wav, flac, aiff, ogg, opus, mp3 or m4a")
    return found


def _digest(files: Sequence[Path], seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {EACH} {SAMPLES}".encode())
    for file in files:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
