"""What the presets do to real recordings, measured on the audio that comes out, analysed afresh.

For every preset and recording: the objective before and after (loudness matched), the same for the best of 20 random
offsets of the same RMS and smoothness (the preset's own offset with the phases of its two-dimensional spectrum drawn at
random), and how much of the ideal change (the offset added to the features) survives resynthesis.
Run with `python bench/dreams.py FOLDER` (a folder of recordings); without one, the demo recording is used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile
from report import report

from dreampedal import load_preset
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.presets import demo_recording, preset_names

RANDOM_OFFSETS = 20


def random_like(offset: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise with the power spectrum of `offset` over bands and frames, hence its RMS and its smoothness."""
    spectrum = np.abs(np.fft.fft2(offset))
    phases = np.angle(np.fft.fft2(rng.standard_normal(offset.shape)))
    return np.real(np.fft.ifft2(spectrum * np.exp(1j * phases))).astype(np.float32)


def ideal_change(effect: SpectralEffect, features: NDArray[np.float32], offset: NDArray[np.float32]) -> float:
    """The change in the objective if the offset were added to the features themselves, loudness matched in bands."""
    centres = effect.layout.centres_hz
    weight = k_gain(centres)[None, :, None]
    before = np.sum(weight * np.exp(2.0 * features))
    after = np.sum(weight * np.exp(2.0 * (features + offset)))
    level = 0.5 * np.log(before / after)
    dreamed = (features + offset + level).astype(np.float32)
    return measure.objective(effect, dreamed) - measure.objective(effect, features)


def measured(name: str, recording: str, audio: NDArray[np.float32], rate: float) -> dict[str, object]:
    """One row: a preset on one recording. Random offsets take the place of its spectral effect, the rest plays on."""
    board = load_preset(name)
    place = next(n for n, effect in enumerate(board) if isinstance(effect, SpectralEffect))
    effect: SpectralEffect = board[place]
    rng = np.random.default_rng(7)
    source = board[:place](audio, rate)
    trace = measure.trace(effect, source, rate)

    def heard(wet: NDArray[np.float32]) -> float:
        return measure.heard(effect, measure.matched(board[place + 1 :](wet, rate), audio, rate), rate)

    before = measure.heard(effect, audio, rate)
    out = board(audio, rate)
    after = measure.heard(effect, measure.matched(out, audio, rate), rate)
    others = (random_like(trace.offset, rng) for _ in range(RANDOM_OFFSETS))
    drawn = [heard(measure.with_offset(effect, source, rate, other)) for other in others]
    ideal = ideal_change(effect, measure.features_of(effect, source, rate), trace.offset)
    return {
        "preset": name,
        "recording": recording,
        "before": before,
        "after": after,
        "best random": max(drawn),
        "higher": bool(after > max(before, *drawn)),
        "survives %": 100 * (after - before) / ideal,
        "loudness dB": measure.loudness_db(out, rate) - measure.loudness_db(audio, rate),
        "offset RMS dB": float(np.sqrt(np.mean(trace.offset**2)) * 20 / np.log(10)),
    }


def main() -> None:
    recordings: dict[str, tuple[NDArray[np.float32], float]] = {"demo": demo_recording()}
    if len(sys.argv) > 1:
        recordings = {}
        for path in sorted(Path(sys.argv[1]).glob("*.flac")):
            with AudioFile(str(path)) as file:
                recordings[path.stem] = (file.read(file.frames), file.samplerate)
    rows = [measured(name, key, *value) for name in preset_names() for key, value in recordings.items()]
    report("dreams", rows, higher=sum(bool(row["higher"]) for row in rows), of=len(rows))


if __name__ == "__main__":
    main()
