"""Phase estimated in real time: how well it fits and what a hop costs, against peers on the same magnitudes.

C is the spectral convergence in dB, lower is better, averaged over the recordings in `../shared/data/clips` (the demo
recording where they are not), and over those of them that are voices and single sustained instruments (SOLO). A hop of
ours is estimation and synthesis, called from Python; everything runs on one core. librosa is offline (fast Griffin-Lim,
32 iterations), pghipy is offline (PGHI over the whole spectrogram), lws is online (look-ahead 3, 10 iterations).
Run with `python bench/phase.py`: it prints the table and writes results/phase.json and the page bench/phase.md;
`--quick` takes half of the recordings and three seconds of each, and writes no page.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from harness.recordings import recordings
from harness.report import RESULTS, machine, report

from dreampedal.engine.dsp.phase import Estimator, convergence_db
from dreampedal.engine.dsp.stft import Frames, FrameState

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips"
Clip = np.ndarray[Any, np.dtype[np.float32]]
Run = Callable[[Clip, Frames], tuple[Clip, Clip, Clip]]
"""From a sound to the magnitudes that were wanted, those that came out, and the seconds of each hop."""
Transform = Callable[[Any], Any]

SIZES = [(2048, 512), (2048, 256), (1024, 128), (512, 64)]
SETTINGS: list[tuple[str, int, int]] = [
    ("spsi", 0, 1), ("rtpghi_plain", 0, 1), ("rtpghi_plain", 1, 1), ("rtpghi", 0, 1), ("rtpghi", 1, 1), ("rtisi", 0, 8),
    ("rtisi", 3, 8), ("gsrtisi", 0, 16), ("gsrtisi", 1, 2), ("gsrtisi", 2, 16), ("gsrtisi", 3, 8), ("gsrtisi", 3, 40),
    ("hybrid", 0, 20), ("hybrid", 1, 2), ("hybrid", 2, 16), ("hybrid", 3, 8), ("hybrid", 3, 32),
]  # fmt: skip
"""Method, frames of look-ahead, iterations."""
WINDOWS = ("hamming", "blackman", "gauss", "asymmetric")
FEWER: list[tuple[str, int, int]] = [
    ("spsi", 0, 1), ("rtpghi_plain", 0, 1), ("rtpghi_plain", 1, 1), ("rtpghi", 0, 1), ("rtpghi", 1, 1),
    ("gsrtisi", 0, 16), ("gsrtisi", 3, 8), ("hybrid", 0, 20), ("hybrid", 3, 8), ("hybrid", 3, 32),
]  # fmt: skip
"""With the windows that are not Hann."""
PEERS: dict[str, tuple[Any, int]] = {"librosa": ("all", 32), "pghipy": ("all", 1), "lws": (3, 10)}
"""Look-ahead and iterations."""
SOLO = ("fiddle_irish", "solo_cello", "solo_egtr_em9", "solo_flute", "speech_female_en", "speech_male_en")
PAGE = RESULTS.parent / "phase.md"


def mono_sounds(quick: bool) -> dict[str, Clip]:
    """Mono sounds by name, as they are in the files."""
    sounds = {name: audio.mean(0) for name, (audio, _) in recordings(CLIPS if CLIPS.is_dir() else None).items()}
    return {name: sounds[name][: 3 * 44_100] for name in list(sounds)[::2]} if quick else sounds


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


def offline(way: Callable[[Frames], tuple[Transform, Transform]]) -> Run:
    """A peer that is given whole sounds: its transform, and its way back from the magnitudes of that, of all frames."""

    def run(audio: Clip, frames: Frames) -> tuple[Clip, Clip, Clip]:
        analyse, estimate = way(frames)
        wanted = np.abs(analyse(audio))
        start = time.perf_counter()
        sound = estimate(wanted)
        seconds = (time.perf_counter() - start) / len(wanted)
        found = np.abs(analyse(sound))
        count = min(len(wanted), len(found))
        return wanted[:count], found[:count], np.full(1, seconds)

    return run


def with_librosa(librosa: Any) -> Run:
    def way(frames: Frames) -> tuple[Transform, Transform]:
        own = {"n_fft": frames.window_samples, "hop_length": frames.hop_samples}
        back = partial(librosa.griffinlim, n_iter=32, random_state=0, **own)
        return lambda audio: librosa.stft(audio, **own).T, lambda wanted: back(wanted.T)

    return offline(way)


def with_lws(lws: Any) -> Run:
    def way(frames: Frames) -> tuple[Transform, Transform]:
        settings = {"mode": "music", "look_ahead": 3, "online_iterations": 10, "batch_iterations": 0}
        processor = lws.lws(frames.window_samples, frames.hop_samples, **settings)
        return (
            lambda audio: processor.stft(audio.astype(np.float64)),
            lambda wanted: processor.istft(processor.run_lws(wanted)),
        )

    return offline(way)


def with_pghipy(package: Any) -> Run:
    def way(frames: Frames) -> tuple[Transform, Transform]:
        own = frames.window_samples, frames.hop_samples, frames.window.astype(np.float64)

        def estimate(wanted: Clip) -> Clip:
            phase = package.pghi(wanted, *own[:2], frames.gamma, 1e-4)
            dual = package.calculate_synthesis_window(*own)
            return package.istft(wanted * np.exp(1j * phase), *own, dual)

        return lambda audio: package.stft(audio.astype(np.float64), *own), estimate

    return offline(way)


@dataclass(frozen=True)
class Measured:
    """C in dB over all recordings and the solo ones, microseconds a hop, and their 99th percentile over the median."""

    fit_db: float
    solo_db: float | None
    microseconds: float
    tail: float


def measure(run: Run, sounds: dict[str, Clip], frames: Frames) -> Measured:
    """All recordings through one estimator."""
    run(next(iter(sounds.values()))[:8192], frames)
    fits, medians, tails = {}, [], []
    for name, sound in sounds.items():
        wanted, found, seconds = run(sound, frames)
        fits[name] = convergence_db(wanted, found)
        medians.append(float(np.median(seconds)) * 1e6)
        tails.append(float(np.percentile(seconds, 99) / np.median(seconds)))
    solo = [fits[name] for name in SOLO if name in fits]
    mean = statistics.mean(solo) if solo else None
    return Measured(statistics.mean(fits.values()), mean, statistics.median(medians), statistics.median(tails))


def found_peers() -> tuple[dict[str, Run], list[str]]:
    """The peers that are installed, and the names of those that are not."""
    peers: dict[str, Run] = {}
    missing = []
    makers = {"librosa": with_librosa, "pghipy": with_pghipy, "lws": with_lws}
    for name, make in makers.items():
        try:
            peers[name] = make(import_module("pghipy.pghipy" if name == "pghipy" else name))
        except ImportError:
            missing.append(name)
    return peers, missing


def row(
    frames: Frames, name: str, ahead: Any, iterations: int, own: Measured, theirs: dict[str, Measured]
) -> dict[str, Any]:
    """One line of the table: `own` beside the peers' at these frames."""
    line = {
        "window/hop": f"{frames.window_samples}/{frames.hop_samples}", "window": frames.kind, "estimator": name,
        "look-ahead": ahead, "iterations": iterations, "C dB": round(own.fit_db, 2),
        "C dB, solo": "-" if own.solo_db is None else round(own.solo_db, 2), "µs/hop": round(own.microseconds, 1),
        "p99/median": "-" if name in PEERS else round(own.tail, 2),
    }  # fmt: skip
    for peer in ("librosa", "lws"):
        known = peer in theirs and name not in theirs
        line[f"{peer}: dB"] = round(own.fit_db - theirs[peer].fit_db, 1) if known else "-"
        line[f"{peer}: times faster"] = round(theirs[peer].microseconds / own.microseconds, 1) if known else "-"
    return line


def write_page(rows: list[dict[str, Any]], recordings: int) -> None:
    """The whole table as a page."""
    lines = [
        "# Phase, estimated in real time: every method, window and setting",
        "",
        f"Written by `python bench/phase.py` ({machine()}, {date.today().isoformat()}; {recordings} recordings).",
        "C is the spectral convergence in dB over all recordings, and over the voices and single instruments alone;",
        "lower is better. µs/hop is estimation and synthesis of one hop on one core; `dB` and `times faster` compare a",
        "row with librosa (fast Griffin-Lim, 32 iterations, offline) and lws (online, look-ahead 3, 10 iterations) on",
        "the same magnitudes in the same run; pghipy is PGHI over the whole spectrogram, offline. `rtpghi_plain` is",
        "RTPGHI as published; `rtpghi` hears each of its frames once among those around it before handing it out.",
        "",
        "| " + " | ".join(rows[0]) + " |",
        "| " + " | ".join("---" for _ in rows[0]) + " |",
        *("| " + " | ".join(str(value).replace("-", "−", 1) for value in row.values()) + " |" for row in rows),
    ]
    PAGE.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half of the recordings, three seconds of each")
    quick = parser.parse_args().quick
    sounds = mono_sounds(quick)
    peers, missing = found_peers()
    rows = []
    for size, hop in SIZES:
        frames = Frames(size, hop)
        theirs = {name: measure(run, sounds, frames) for name, run in peers.items()}
        for name, own in theirs.items():
            rows.append(row(frames, name, *PEERS[name], own, theirs))
        for setting in SETTINGS:
            rows.append(row(frames, *setting, measure(ours(*setting), sounds, frames), theirs))
        for kind in WINDOWS:
            other = Frames(size, hop, kind)
            for setting in FEWER:
                rows.append(row(other, *setting, measure(ours(*setting), sounds, other), {}))
        print(f"{size}/{hop}: done", flush=True)
    for name in missing:
        print(f"{name} is not installed: pip install 'dreampedal[bench]'")
    report("phase", rows, recordings=len(sounds), quick=quick, missing=missing)
    if not quick:
        write_page(rows, len(sounds))


if __name__ == "__main__":
    main()
