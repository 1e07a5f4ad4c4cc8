"""What each mode of a dream delivers and costs: gain, latency, and the time of a block of 128 samples at 48 kHz.

For every preset that ascends and every recording, the change in the objective on the audio that comes out, loudness
matched and analysed afresh: as a share of the ideal change (the offset added to the features), and as a share of what
`studio` delivers.
Look-ahead is 0 in every mode, so that all dream the same. The times are those of the demo recording, mono and stereo.
Run with `python bench/modes.py FOLDER` (a folder of recordings); without one, the demo recording is used.
`--only gain` or `--only time` makes half of it: `results/modes.json`, or `results/modes_time.json`.
"""

from __future__ import annotations

import argparse
import gc
import time
from typing import Any

import numpy as np
from dreams import ideal_change
from harness.recordings import Audio, Recording, mono_at, recordings
from harness.report import report
from harness.trial import ascents
from numpy.typing import NDArray

from dreampedal import load_preset
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect

RATE = 48_000
MODES = ("studio", "live", "instant")
BLOCK = 128
SECONDS = 5
TIMED_PRESET = "hall_of_flutes"
TIMED_SECONDS = 60


def in_mode(name: str, mode: str) -> SpectralEffect:
    """A preset's own spectral effect in another mode, waiting for no frame."""
    effect: SpectralEffect = next(effect for effect in load_preset(name) if isinstance(effect, SpectralEffect))
    return type(effect)(**effect.parameters | {"mode": mode, "lookahead_frames": 0})


def delivered(name: str, audio: Audio, rate: float) -> dict[str, tuple[float, float]]:
    """Of each mode: the change in the objective, and the ideal one."""
    found = {}
    for mode in MODES:
        effect = in_mode(name, mode)
        trace, before = measure.trace(effect, audio, rate), measure.features_of(effect, audio, rate)
        change = measure.heard(effect, measure.matched(trace.wet, audio, rate), rate) - measure.objective(
            effect, before
        )
        found[mode] = change, ideal_change(effect, before, trace.offset)
    return found


def gain_rows(recordings: dict[str, Recording]) -> list[dict[str, Any]]:
    """A row for each preset: the mean over recordings of each mode's share, and the worst of them."""
    rows: list[dict[str, Any]] = []
    for name in ascents():
        all_found = [delivered(name, *recording) for recording in recordings.values()]
        row: dict[str, Any] = {"preset": name}
        for mode in MODES:
            row[f"{mode}: % of ideal"] = 100 * float(np.mean([found[mode][0] / found[mode][1] for found in all_found]))
        for mode in MODES[1:]:
            shares = [100 * found[mode][0] / found["studio"][0] for found in all_found]
            row[f"{mode}: % of studio"], row[f"{mode}: least"] = float(np.mean(shares)), float(np.min(shares))
        rows.append(row)
    last: dict[str, Any] = {"preset": "mean"}
    last |= {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "preset"}
    return [*rows, last]


def block_times(mode: str, channels: int) -> NDArray[np.float64]:
    """Seconds of each block of `TIMED_SECONDS` of the demo recording."""
    mono = mono_at(RATE)
    signal = np.tile(mono, (channels, -(-TIMED_SECONDS * RATE // mono.shape[1])))
    stream = in_mode(TIMED_PRESET, mode).stream(RATE, channels, BLOCK)
    blocks = [np.ascontiguousarray(signal[:, n : n + BLOCK]) for n in range(0, TIMED_SECONDS * RATE, BLOCK)]
    taken = np.zeros(len(blocks))
    gc.collect()
    gc.freeze()
    for n, block in enumerate(blocks):
        start = time.perf_counter()
        stream.process(block)
        taken[n] = time.perf_counter() - start
    return taken


def time_rows() -> list[dict[str, Any]]:
    """A row for each mode: its latency and the microseconds of a block; the period of one is 2,667."""
    rows: list[dict[str, Any]] = []
    for mode in MODES:
        effect = in_mode(TIMED_PRESET, mode)
        row: dict[str, Any] = {
            "mode": mode,
            "latency": effect.latency_at(RATE),
            "latency ms": 1000 * effect.latency_at(RATE) / RATE,
        }
        for channels, word in ((1, "mono"), (2, "stereo")):
            taken = 1e6 * block_times(mode, channels)
            row[f"{word}: median µs"] = float(np.median(taken))
            row[f"{word}: p99.9 µs"] = float(np.quantile(taken, 0.999))
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--only", choices=("gain", "time"))
    chosen = parser.parse_args()
    if chosen.only != "time":
        report("modes", gain_rows(recordings(chosen.folder, SECONDS)), seconds=SECONDS)
    if chosen.only != "gain":
        report("modes_time", time_rows(), preset=TIMED_PRESET, block=BLOCK, rate=RATE)


if __name__ == "__main__":
    main()
