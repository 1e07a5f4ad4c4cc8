"""Streaming frames, the FFT alone, and one frame-iteration of Griffin-Lim, against what a Python user would pick.

librosa has no streaming transform: a user transforms the newest window of a ring buffer and overlap-adds by hand.
Run with `python bench/stft.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import scipy.fft
from harness.report import median_seconds, report
from numba import njit
from pyroomacoustics.transform import STFT

from dreampedal.engine.dsp.fft.real import FASTMATH, irfft_add, plan_for, rfft
from dreampedal.engine.dsp.stft import Frames, FrameState
from dreampedal.engine.dsp.windows import hann
from dreampedal.presets import demo_recording

HOPS = 200
PLAIN = "ours, plain loops"
ITERATIONS = 32

Row = dict[str, Any]
Work = Callable[[], object]


def compare(what: str, size: str, ours: Work, peers: dict[str, Work], difference: Callable[[str], float]) -> list[Row]:
    """A row for each peer; every work does `HOPS` of what is timed."""
    times = median_seconds(ours, *peers.values())
    return [
        {
            "what": what,
            "size": size,
            "peer": peer,
            "ours µs": times[0] / HOPS * 1e6,
            "theirs µs": seconds / HOPS * 1e6,
            "ratio": seconds / times[0],
            "largest difference": difference(peer),
        }
        for peer, seconds in zip(peers, times[1:], strict=True)
    ]


def streaming(audio: np.ndarray, window: int, hop: int) -> list[Row]:
    """Analysis and synthesis, a hop at a time."""
    frames = Frames(window, hop)
    hops = [np.ascontiguousarray(audio[:1, t * hop : (t + 1) * hop]) for t in range(HOPS)]
    norm = librosa.filters.window_sumsquare(window="hann", n_frames=64, hop_length=hop, n_fft=window)
    norm = norm[norm.size // 2]
    shape = librosa.filters.get_window("hann", window).astype(np.float32)
    outputs: dict[str, list[np.ndarray]] = {}

    def ours() -> None:
        state = FrameState.silent(frames, 1)
        outputs["ours"] = [frames.synthesise(frames.analyse(x, state), state).copy() for x in hops]

    def with_librosa() -> None:
        line, overlap = np.zeros(window, np.float32), np.zeros(window, np.float32)
        outputs["librosa"] = []
        for x in hops:
            line = np.concatenate([line[hop:], x[0]])
            frame = librosa.stft(line, n_fft=window, hop_length=window, center=False)
            overlap += np.fft.irfft(frame[:, 0]).astype(np.float32) * shape / norm
            outputs["librosa"].append(overlap[:hop].copy())
            overlap = np.concatenate([overlap[hop:], np.zeros(hop, np.float32)])

    def with_pyroomacoustics() -> None:
        stft = STFT(
            window, hop=hop, analysis_window=shape, synthesis_window=shape / norm, channels=1, precision="single"
        )
        outputs["pyroomacoustics"] = []
        for x in hops:
            stft.analysis(x[0])
            outputs["pyroomacoustics"].append(stft.synthesis().copy())

    def difference(peer: str) -> float:
        a, b = (np.concatenate([part.reshape(-1) for part in outputs[name]]) for name in ("ours", peer))
        return float(np.abs(a - b).max())

    peers = {"librosa": with_librosa, "pyroomacoustics": with_pyroomacoustics}
    return compare("pass-through, a hop", f"{window}/{hop}", ours, peers, difference)


@njit(nogil=True, fastmath=FASTMATH)
def transform(times, samples, window, re, im, plan):  # type: ignore[no-untyped-def]
    for _ in range(times):
        rfft(samples, window, re, im, plan)


@njit(nogil=True, fastmath=FASTMATH)
def transform_back(times, re, im, window, onto, plan):  # type: ignore[no-untyped-def]
    for _ in range(times):
        onto[:] = 0
        irfft_add(re, im, window, onto, plan)


def alone(samples: np.ndarray) -> list[Row]:
    """The window and the transform, and the inverse with window and addition, called as each is used at its best.

    Ours is inlined into a kernel; scipy.fft is called from Python. The plain loops that stand in for
    our vectors where those do not compile are a peer as well.
    """
    size = samples.size
    window = hann(size).astype(np.float32)
    tables = plan_for(size)
    re, im = np.zeros((2, size // 2 + 1), np.float32)
    onto, theirs = np.zeros(size, np.float32), np.zeros(size, np.float32)
    spectrum = scipy.fft.rfft(samples * window)
    plain = plan_for(size, "plain")
    plain_re, plain_im = np.zeros((2, size // 2 + 1), np.float32)
    plain_onto = np.zeros(size, np.float32)

    def with_scipy() -> None:
        for _ in range(HOPS):
            scipy.fft.rfft(samples * window)

    def back_with_scipy() -> None:
        for _ in range(HOPS):
            theirs[:] = 0
            np.add(theirs, scipy.fft.irfft(spectrum) * window, out=theirs)

    peers: dict[str, Work] = {
        "scipy.fft": with_scipy,
        PLAIN: lambda: transform(HOPS, samples, window, plain_re, plain_im, plain),
    }
    rows = compare(
        "window and FFT", str(size), lambda: transform(HOPS, samples, window, re, im, tables), peers,
        lambda _: float(np.abs(re + 1j * im - spectrum).max() / np.abs(spectrum).max()),
    )  # fmt: skip
    return rows + compare(
        "inverse FFT, window, addition", str(size),
        lambda: transform_back(HOPS, re, im, window, onto, tables),
        {"scipy.fft": back_with_scipy,
         PLAIN: lambda: transform_back(HOPS, re, im, window, plain_onto, plain)},
        lambda peer: float(np.abs(onto - (plain_onto if peer == PLAIN else theirs)).max()),
    )  # fmt: skip


@njit(nogil=True, fastmath=FASTMATH, error_model="numpy")
def iterate(times, samples, window, dual, wanted, onto, re, im, plan):  # type: ignore[no-untyped-def]
    """Frame-iterations: window, transform, wanted magnitude, inverse, window, addition."""
    for _ in range(times):
        rfft(samples, window, re, im, plan)
        for k in range(wanted.size):
            scale = wanted[k] / np.sqrt(re[k] * re[k] + im[k] * im[k] + np.float32(1e-20))
            re[k] *= scale
            im[k] *= scale
        onto[:] = 0
        irfft_add(re, im, dual, onto, plan)


def iteration(audio: np.ndarray, size: int, hop: int) -> list[Row]:
    """One frame of one iteration of Griffin-Lim; librosa does a whole spectrogram at once, and is timed a frame."""
    frames = Frames(size, hop)
    samples = np.ascontiguousarray(audio[0, :size])
    wanted = np.abs(scipy.fft.rfft(audio[0, size : 2 * size] * frames.window)).astype(np.float32)
    re, im = np.zeros((2, frames.bins), np.float32)
    onto, theirs, plan = np.zeros(size, np.float32), np.zeros(size, np.float32), plan_for(size)
    long = np.abs(librosa.stft(audio[0, : HOPS * hop], n_fft=size, hop_length=hop))

    def ours() -> None:
        iterate(HOPS, samples, frames.window, frames.dual, wanted, onto, re, im, plan)

    def with_scipy() -> None:
        for _ in range(HOPS):
            spectrum = scipy.fft.rfft(samples * frames.window)
            spectrum *= wanted / np.abs(spectrum)
            theirs[:] = 0
            np.add(theirs, scipy.fft.irfft(spectrum) * frames.dual, out=theirs)

    def with_librosa() -> None:
        librosa.griffinlim(long, n_iter=ITERATIONS, hop_length=hop, n_fft=size, momentum=0.0)

    rows = compare(
        "frame-iteration", f"{size}/{hop}", ours, {"scipy.fft": with_scipy},
        lambda _: float(np.abs(onto - theirs).max()),
    )  # fmt: skip
    whole, own = median_seconds(with_librosa, ours, runs=5, warmup=1)
    theirs_us = whole / ITERATIONS / long.shape[1] * 1e6
    ours_us = own / HOPS * 1e6
    return [
        *rows,
        {**rows[0], "peer": "librosa", "ours µs": ours_us, "theirs µs": theirs_us, "ratio": theirs_us / ours_us,
         "largest difference": "another start"},
    ]  # fmt: skip


def main() -> None:
    audio, _ = demo_recording()
    rows = [row for size in (512, 1024, 2048, 4096) for row in alone(np.ascontiguousarray(audio[0, :size]))]
    for window, hop in [(2048, 512), (2048, 256), (1024, 128)]:
        rows += streaming(audio, window, hop)
    for window, hop in [(2048, 512), (1024, 128)]:
        rows += iteration(audio, window, hop)
    report("stft", rows)


if __name__ == "__main__":
    main()
