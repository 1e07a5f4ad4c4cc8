"""A whole spectrogram back into a signal, against librosa's fast Griffin-Lim on the same magnitudes.

Both begin with the same random phases in the first row, so that C is the same as well; then with our own. One core;
Hann; C is the spectral convergence in dB, the mean over the recordings (lower is better), by librosa's own
transform; seconds are the minimum of several runs, for a second of sound. Run with `python bench/reconstruct.py FOLDER`
(a folder of recordings); without one, the demo recording is used.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import librosa
import numpy as np
from harness.recordings import recordings
from harness.report import report
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dreampedal.engine.dsp.phase.offline.griffin_lim import griffin_lim
from dreampedal.phase import Frames, reconstruct

SECONDS, RUNS = 5, 3
SETTINGS = ((2048, 512), (2048, 256), (1024, 128))
OURS: dict[str, dict[str, object]] = {
    "fast Griffin-Lim, 32 iterations, librosa's own start": {"method": "fast_griffin_lim", "iterations": 32},
    "fast Griffin-Lim, 32 iterations": {"method": "fast_griffin_lim", "iterations": 32},
    "PGHI": {"method": "pghi"},
    "hybrid, 3 frames, 8 iterations": {"method": "hybrid", "lookahead_frames": 3, "iterations": 8},
}


def convergence_db(signal: NDArray[np.float32], magnitude: NDArray[np.float32], window: int, hop: int) -> float:
    """Spectral convergence C of a signal (samples,) with `magnitude` (bins, frames)."""
    found = np.abs(librosa.stft(signal, n_fft=window, hop_length=hop, pad_mode="constant"))
    return float(20 * np.log10(np.linalg.norm(found - magnitude) / np.linalg.norm(magnitude)))


def timed(works: list[Callable[[], NDArray[np.float32]]]) -> list[tuple[NDArray[np.float32], float]]:
    """What each work gives, and the least seconds that it took; they take turns."""
    least, given = [np.inf] * len(works), [np.zeros(0, np.float32)] * len(works)
    for _ in range(RUNS):
        for n, work in enumerate(works):
            start = time.perf_counter()
            given[n] = work()
            least[n] = min(least[n], time.perf_counter() - start)
    return list(zip(given, least, strict=True))


def with_librosa(magnitude: NDArray[np.float32], window: int, hop: int) -> NDArray[np.float32]:
    """Fast Griffin-Lim by the library that most would pick."""
    return librosa.griffinlim(magnitude, n_iter=32, hop_length=hop, n_fft=window, momentum=0.99, random_state=0)


def from_their_start(magnitude: NDArray[np.float32], window: int, hop: int) -> Callable[[], NDArray[np.float32]]:
    """Our fast Griffin-Lim, begun with the random phases that librosa draws for `random_state=0`."""
    angle = 2 * np.pi * np.random.RandomState(0).random(magnitude.shape)
    start = np.stack([magnitude * np.cos(angle), magnitude * np.sin(angle)]).transpose(0, 2, 1).astype(np.float32)
    columns, frames = np.ascontiguousarray(magnitude.T), Frames(window, hop)
    length = (magnitude.shape[1] - 1) * hop
    return partial(griffin_lim, columns, np.ascontiguousarray(start), frames, length, 32, 0.99)


def rows_of(sounds: list[NDArray[np.float32]], rate: float, window: int, hop: int) -> list[dict[str, object]]:
    """A row for each of our methods."""
    figures = np.zeros((1 + len(OURS), 2))
    for sound in sounds:
        magnitude = np.abs(librosa.stft(sound, n_fft=window, hop_length=hop, pad_mode="constant"))
        works = [partial(with_librosa, magnitude, window, hop)]
        works += [from_their_start(magnitude, window, hop)]
        works += [partial(reconstruct, magnitude, hop=hop, **how) for how in list(OURS.values())[1:]]
        for n, (signal, seconds) in enumerate(timed(works)):
            figures[n] += convergence_db(signal.reshape(-1), magnitude, window, hop), seconds * rate / sound.size
    (their_c, their_time), *found = (figures / len(sounds)).tolist()
    return [
        {
            "method": name,
            "window/hop": f"{window}/{hop}",
            "C dB": c,
            "s a second": seconds,
            "librosa C dB": their_c,
            "librosa s": their_time,
            "times faster": their_time / seconds,
        }
        for name, (c, seconds) in zip(OURS, found, strict=True)
    ]


def main() -> None:
    found = list(recordings(*sys.argv[1:2], seconds=SECONDS).values())
    sounds, rate = [audio[0] for audio, _ in found], found[-1][1]
    with threadpool_limits(1):
        for how in OURS.values():
            reconstruct(np.ones((1025, 8)), hop=512, **how)
        rows = [row for window, hop in SETTINGS for row in rows_of(sounds, rate, window, hop)]
    report("reconstruct", rows, recordings=len(sounds), librosa=librosa.__version__)


if __name__ == "__main__":
    main()
