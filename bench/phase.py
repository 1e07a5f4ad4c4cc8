"""Phase estimated in real time: how well it fits and what a hop costs, against librosa and lws on the same magnitudes.

C is the spectral convergence in dB, lower is better, averaged over the recordings in `../shared/data/clips` (the demo
recording where they are not); a hop of ours is estimation and synthesis, called from Python; all on one core.
librosa is offline (fast Griffin-Lim, 32 iterations), lws online (look-ahead 3, 10 iterations).
Run with `python bench/phase.py`; `--quick` takes half of the recordings and three seconds of each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from pedalboard.io import AudioFile
from report import report

from dreampedal.engine.phase import Estimator, convergence_db
from dreampedal.engine.stft import Frames, FrameState
from dreampedal.presets import demo_recording

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips"
Clip = np.ndarray[Any, np.dtype[np.float32]]
Run = Callable[[Clip, Frames], tuple[Clip, Clip, Clip]]
"""From a sound to the magnitudes that were wanted, those that came out, and the seconds of each hop."""

SIZES = [(2048, 512), (2048, 256), (1024, 128), (512, 64)]
SETTINGS: list[tuple[str, int, int]] = [
    ("spsi", 0, 1), ("rtpghi", 0, 1), ("rtpghi", 1, 1), ("rtisi", 0, 8), ("rtisi", 3, 8), ("gsrtisi", 0, 16),
    ("gsrtisi", 2, 16), ("gsrtisi", 3, 8), ("gsrtisi", 3, 40), ("hybrid", 1, 2), ("hybrid", 2, 16), ("hybrid", 3, 8),
    ("hybrid", 3, 32),
]  # fmt: skip
"""Method, frames of look-ahead, iterations."""
PEERS: dict[str, tuple[Any, int]] = {"librosa": ("all", 32), "lws": (3, 10)}
"""Look-ahead and iterations."""
OTHER_WINDOWS = [("hybrid", 3, 8), ("rtpghi", 1, 1)]


def recordings(quick: bool) -> list[Clip]:
    """Mono sounds, as they are in the files."""
    paths = sorted(CLIPS.glob("*.flac"))
    sounds = [demo_recording()[0].mean(0)] if not paths else []
    for path in paths:
        with AudioFile(str(path)) as file:
            sounds.append(file.read(file.frames).mean(0))
    return [sound[: 3 * 44_100] for sound in sounds[::2]] if quick else sounds


def magnitudes(audio: Clip, frames: Frames) -> Clip:
    """Of frames that end with each hop, until the sound has left the window."""
    size, hop = frames.window_samples, frames.hop_samples
    count = (audio.size + size) // hop
    padded = np.zeros(size - hop + count * hop, np.float32)
    padded[size - hop : size - hop + audio.size] = audio[: count * hop]
    cut = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.abs(scipy.fft.rfft(cut * frames.window)).astype(np.float32)


def ours(method: str, ahead: int, iterations: int) -> Run:
    def run(audio: Clip, frames: Frames) -> tuple[Clip, Clip, Clip]:
        wanted = magnitudes(audio, frames)
        estimator, state = Estimator(frames, 1, method, ahead, iterations), FrameState.silent(frames, 1)
        rest = np.zeros((ahead + frames.window_samples // frames.hop_samples, frames.bins), np.float32)
        played, seconds = [], []
        for row in np.concatenate([wanted, rest])[:, np.newaxis]:
            start = time.perf_counter()
            hop = frames.synthesise(estimator.push(row), state)
            seconds.append(time.perf_counter() - start)
            played.append(hop[0].copy())
        # The first hop that was pushed comes out after the look-ahead and the delay of the frames.
        sound = np.concatenate(played)[ahead * frames.hop_samples + frames.delay_samples :]
        return wanted, magnitudes(sound, frames)[: len(wanted)], np.array(seconds)

    return run


def with_librosa(librosa: Any) -> Run:
    def run(audio: Clip, frames: Frames) -> tuple[Clip, Clip, Clip]:
        own = {"n_fft": frames.window_samples, "hop_length": frames.hop_samples}
        wanted = np.abs(librosa.stft(audio, **own))
        start = time.perf_counter()
        sound = librosa.griffinlim(wanted, n_iter=32, random_state=0, **own)
        seconds = (time.perf_counter() - start) / wanted.shape[1]
        found = np.abs(librosa.stft(sound, **own))
        count = min(wanted.shape[1], found.shape[1])
        return wanted[:, :count], found[:, :count], np.full(1, seconds)

    return run


def with_lws(lws: Any) -> Run:
    def run(audio: Clip, frames: Frames) -> tuple[Clip, Clip, Clip]:
        settings = {"mode": "music", "look_ahead": 3, "online_iterations": 10, "batch_iterations": 0}
        processor = lws.lws(frames.window_samples, frames.hop_samples, **settings)
        wanted = np.abs(processor.stft(audio.astype(np.float64)))
        start = time.perf_counter()
        sound = processor.istft(processor.run_lws(wanted))
        seconds = (time.perf_counter() - start) / len(wanted)
        found = np.abs(processor.stft(sound))
        count = min(len(wanted), len(found))
        return wanted[:count], found[:count], np.full(1, seconds)

    return run


def measure(run: Run, sounds: list[Clip], frames: Frames) -> tuple[float, float, float]:
    """C in dB, microseconds a hop, and the 99th percentile over the median of single hops."""
    run(sounds[0][:8192], frames)
    fits, medians, tails = [], [], []
    for sound in sounds:
        wanted, found, seconds = run(sound, frames)
        fits.append(convergence_db(wanted, found))
        medians.append(float(np.median(seconds)) * 1e6)
        tails.append(float(np.percentile(seconds, 99) / np.median(seconds)))
    return statistics.mean(fits), statistics.median(medians), statistics.median(tails)


def found_peers() -> tuple[dict[str, Run], list[str]]:
    """The peers that are installed, and the names of those that are not."""
    peers: dict[str, Run] = {}
    missing = []
    for name, make in (("librosa", with_librosa), ("lws", with_lws)):
        try:
            peers[name] = make(import_module(name))
        except ImportError:
            missing.append(name)
    return peers, missing


def row(frames: Frames, name: str, ahead: Any, iterations: int, own: Any, theirs: dict[str, Any]) -> dict[str, Any]:
    """One line of the table: `own` are C, microseconds and tail, `theirs` the same of each peer at these frames."""
    line = {
        "window/hop": f"{frames.window_samples}/{frames.hop_samples} {frames.kind}", "estimator": name,
        "look-ahead": ahead, "iterations": iterations, "C dB": round(own[0], 2), "µs/hop": round(own[1], 1),
        "p99/median": round(own[2], 2),
    }  # fmt: skip
    for peer in PEERS:
        known = peer in theirs and name not in theirs
        line[f"{peer}: dB"] = round(own[0] - theirs[peer][0], 1) if known else "-"
        line[f"{peer}: ratio"] = round(theirs[peer][1] / own[1], 1) if known else "-"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half of the recordings, three seconds of each")
    quick = parser.parse_args().quick
    sounds = recordings(quick)
    peers, missing = found_peers()
    rows = []
    for size, hop in SIZES:
        frames = Frames(size, hop)
        theirs = {name: measure(run, sounds, frames) for name, run in peers.items()}
        for name, own in theirs.items():
            rows.append(row(frames, name, *PEERS[name], own, theirs))
        for setting in SETTINGS:
            rows.append(row(frames, *setting, measure(ours(*setting), sounds, frames), theirs))
        print(f"{size}/{hop}: done", flush=True)
    for kind in ("hamming", "blackman", "gauss", "asymmetric"):
        frames = Frames(1024, 128, kind)
        for setting in OTHER_WINDOWS:
            rows.append(row(frames, *setting, measure(ours(*setting), sounds, frames), {}))
    for name in missing:
        print(f"{name} is not installed: pip install 'dreampedal[bench]'")
    report("phase", rows, recordings=len(sounds), quick=quick, missing=missing)


if __name__ == "__main__":
    main()
