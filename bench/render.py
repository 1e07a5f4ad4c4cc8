"""Offline rendering: times real time of `Dream` with 4 steps at 48 kHz mono on one core, and peak memory by length.

Theirs is the loop that a user would write: a transform for each hop with librosa and four steps of torch autograd over
the network's receptive field. Memory is the peak of a whole `dreampedal process`, for 1 and 30 minutes of audio.
Run with `python bench/render.py`; `--minutes 1 5` chooses other lengths.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import torch
from ascent import SHIPPED, network_of, newest
from harness.recordings import mono_at
from harness.report import median_seconds, report
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from dreampedal import Dream
from dreampedal.engine.dsp.bands import BandLayout, lay, log_band_features
from dreampedal.engine.model.model import Model

RATE = 48_000
STEPS = 4
PRESET = "deep_layer"
THEIR_SECONDS = 2

WATCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between us and the measured one: a child's peak counts what its parent held when it was forked."""


def their_loop(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dream of the last layer's energy with librosa and torch: the whole receptive field again for every step."""
    model = Model.load(SHIPPED, device="cpu")
    network, layout = network_of(model), BandLayout()
    bands = lay(layout, RATE, 2048)
    spectrum = librosa.stft(audio[0], n_fft=2048, hop_length=512)
    features = torch.from_numpy(log_band_features(audio, RATE))
    dreamed, offsets = features.clone(), torch.zeros_like(features)
    for t in range(network.history_frames, features.shape[2]):
        for _ in range(STEPS):
            moving = dreamed[:, :, t : t + 1].clone().requires_grad_()
            x = torch.cat([dreamed[:, :, t - network.history_frames : t], moving], 2)
            found, _ = newest(network, x, 1, with_head=False)
            (gradient,) = torch.autograd.grad(0.5 * found["conv3"].square().mean(), moving)
            offsets[:, :, t : t + 1] += 0.1 * gradient / (gradient.square().mean().sqrt() + 1e-10)
            dreamed[:, :, t] = features[:, :, t] + offsets[:, :, t]
    columns = [
        np.interp(bands.below + bands.toward, np.arange(layout.count), column) for column in offsets[0].numpy().T
    ]
    gains = np.exp(np.stack(columns, axis=1))
    frames = min(gains.shape[1], spectrum.shape[1])
    return np.asarray(librosa.istft(spectrum[:, :frames] * gains[:, :frames], hop_length=512))[None]


def peak_megabytes(minutes: float, audio: NDArray[np.float32]) -> tuple[float, float]:
    """Peak memory and seconds of `dreampedal process` over a file of so many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.wav", Path(folder) / "out.wav"
        with AudioFile(str(source), "w", RATE, 1) as file:
            for _ in range(round(minutes * 60 * RATE / audio.shape[1])):
                file.write(audio)
        command = [sys.executable, "-m", "dreampedal", "process", str(source), "-o", str(target), "--preset", PRESET]
        start = time.perf_counter()
        kilobytes = subprocess.run([sys.executable, "-c", WATCH, *command], check=True, capture_output=True).stdout
        return int(kilobytes) / 1024, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1.0, 30.0])
    lengths = parser.parse_args().minutes
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    audio = mono_at(RATE)
    effect, short = Dream(steps=STEPS), audio[:, : THEIR_SECONDS * RATE]
    ours = median_seconds(lambda: effect(audio, RATE), runs=7)[0] / (audio.shape[1] / RATE)
    theirs = median_seconds(lambda: their_loop(short), runs=3, warmup=1)[0] / THEIR_SECONDS
    rows: list[dict[str, object]] = [
        {"what": f"Dream, {STEPS} steps: × real time", "ours": 1 / ours, "theirs": 1 / theirs, "ratio": theirs / ours}
    ]
    for minutes in lengths:
        megabytes, seconds = peak_megabytes(minutes, audio)
        rows.append({"what": f"process, {minutes:g} min: peak MB", "ours": megabytes, "theirs": "-", "ratio": "-"})
        speed = minutes * 60 / seconds
        rows.append({"what": f"process, {minutes:g} min: × real time", "ours": speed, "theirs": "-", "ratio": "-"})
    report("render", rows, own_peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
