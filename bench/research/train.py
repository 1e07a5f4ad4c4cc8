"""Clips a second in training: our cached clips against the obvious loop of librosa and torch, in one run.

Both train the same network on the same clips in batches of the same size. The obvious loop reads each clip from its
file with `librosa.load` at the network's rate, computes the features with librosa, and takes a step, as a first script
would. Ours draws the clips from the store, which has heard them once before. "Data alone" leaves the step out.
Run with `python -m bench.research.train [FOLDER]`, a labelled set with a manifest.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray

from bench.harness.report import report
from dreampedal.engine.model.format.inputs import Input, Mel, Waveform
from dreampedal.export.data.batches import Batches
from dreampedal.export.data.recordings import LabelledSet, open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode
from dreampedal.export.nets.net import Net
from dreampedal.export.nets.table import build

BATCH = 32
SECONDS_EACH = 20.0
"""At least so long, and at least one batch, for each of both."""

BAND_EDGES_HZ = np.geomspace(40, 16_000, 13)

Batch = tuple[torch.Tensor, torch.Tensor]


def mel_of(path: Path, seconds: float) -> NDArray[np.float32]:
    """A log mel spectrogram, as librosa's tutorial has it."""
    audio, rate = librosa.load(path, sr=22_050, duration=seconds)
    mel = librosa.feature.melspectrogram(y=audio, sr=rate, n_fft=1024, hop_length=256, n_mels=96)
    return librosa.power_to_db(mel)[:, : round(seconds * rate) // 256]


def image_of(path: Path, seconds: float) -> NDArray[np.float32]:
    """An image of 12 bands by 29 steps."""
    audio, rate = librosa.load(path, sr=None, duration=seconds)
    spectrum = np.abs(librosa.stft(audio, n_fft=rate // 5, hop_length=rate // 10, center=False))
    hz = librosa.fft_frequencies(sr=rate, n_fft=rate // 5)
    edges = itertools.pairwise(BAND_EDGES_HZ)
    image = np.stack([spectrum[(hz >= low) & (hz < high)].max(0) for low, high in edges])
    return (image - image.min()) / (image.max() - image.min() + 1e-9)


def samples_of(path: Path, seconds: float) -> NDArray[np.float32]:
    """Samples at 8 kHz."""
    audio, rate = librosa.load(path, sr=8000, duration=seconds)
    return librosa.util.fix_length(audio, size=round(seconds * rate))[None]


Hear = Callable[[Path, float], NDArray[np.float32]]


def obvious(labelled: LabelledSet, hear: Hear, seconds: float) -> Iterator[Batch]:
    """Batches, each made of files when it is asked for."""
    rng, frames = np.random.default_rng(0), None
    while True:
        places = rng.permutation(len(labelled))
        for at in range(0, len(places) - BATCH + 1, BATCH):
            heard = [hear(labelled.recordings[place].path, seconds) for place in places[at : at + BATCH]]
            frames = frames or heard[0].shape[1]
            x = np.stack([librosa.util.fix_length(one, size=frames, axis=1) for one in heard])
            yield torch.from_numpy(x).float(), torch.from_numpy(labelled.labels[places[at : at + BATCH]])


def cached(labelled: LabelledSet, input: Input, seconds: float) -> Iterator[Batch]:
    """Batches from the store, which has every clip already when the clock starts."""
    batches = Batches(encode(labelled, input, Segmenting(seconds=seconds)), BATCH)
    for number in range(1, sys.maxsize):
        yield from batches.epoch(number)


def clips_a_second(batches: Iterator[Batch], net: Net | None) -> float:
    """How many clips are trained on (or only read, where there is no network) in a second."""
    optimiser = torch.optim.AdamW(net.parameters()) if net else None
    next(batches)
    clips, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS_EACH or not clips:
        x, targets = next(batches)
        if net is not None and optimiser is not None:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x), targets).backward()
            optimiser.step()
        clips += len(x)
    return clips / spent


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/genres")
    labelled = open_set(folder)
    rows = []
    for name, hear, input, seconds, settings in (
        ("conv", image_of, None, 3.0, {}),
        ("dense", image_of, None, 3.0, {}),
        ("vgg", mel_of, Mel(), 1.0, {"filters": (8, 16, 16, 32)}),
        ("vgg", mel_of, Mel(), 1.0, {"filters": (16, 24, 32, 48)}),
        ("raw", samples_of, Waveform(sample_rate=8000), 5.0, {}),
    ):
        for with_step in (False, True):
            torch.manual_seed(0)
            nets = [build(name, labelled.classes, input, seconds, settings) for _ in range(2)]
            ours = clips_a_second(cached(labelled, nets[0].input, seconds), nets[0] if with_step else None)
            theirs = clips_a_second(obvious(labelled, hear, seconds), nets[1] if with_step else None)
            shape = "x".join(map(str, settings.get("filters", ())))
            rows.append(
                {
                    "network": f"{name} {shape}".strip(), "seconds": seconds,
                    "what": "training" if with_step else "data alone",
                    "ours, clips/s": ours, "theirs, clips/s": theirs, "ratio": ours / theirs,
                }
            )  # fmt: skip
    report("train", rows, batch=BATCH, threads=1)


if __name__ == "__main__":
    main()
