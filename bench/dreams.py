"""What the presets do to real recordings, measured on the audio that comes out, analysed afresh.

For every preset and recording: the objective before and after (loudness matched), the same for the best of 20 random
offsets of the same RMS and smoothness (the preset's own offset with the phases of its two-dimensional spectrum drawn at
random), and how much of the ideal change (the offset added to the features) survives resynthesis.
Run with `python bench/dreams.py FOLDER` (a folder of recordings); without one, the demo recording is used.
"""

from __future__ import annotations

import sys

import numpy as np
from harness.recordings import Audio, recordings
from harness.report import report
from harness.trial import Trial, ascents

from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.frame.guard import k_gain


def ideal_change(effect: SpectralEffect, features: Audio, offset: Audio) -> float:
    """The change in the objective if the offset were added to the features themselves, loudness matched in bands."""
    centres = effect.layout.centres_hz
    weight = k_gain(centres)[None, :, None]
    before = np.sum(weight * np.exp(2.0 * features))
    after = np.sum(weight * np.exp(2.0 * (features + offset)))
    level = 0.5 * np.log(before / after)
    dreamed = (features + offset + level).astype(np.float32)
    return measure.objective(effect, dreamed) - measure.objective(effect, features)


def measured(name: str, recording: str, audio: Audio, rate: float) -> dict[str, object]:
    """One row: a preset on one recording. Random offsets take the place of its spectral effect, the rest plays on."""
    trial = Trial(name, audio, rate)
    effect, offset = trial.effect, trial.trace.offset
    out = trial.board(audio, rate)
    row = trial.row(
        name, recording, measure.matched(out, audio, rate), lambda sound: measure.heard(effect, sound, rate)
    )
    change = float(row["after"]) - float(row["before"])
    ideal = ideal_change(effect, measure.features_of(effect, trial.source, rate), offset)
    return row | {
        "survives %": 100 * change / ideal,
        "loudness dB": measure.loudness_db(out, rate) - measure.loudness_db(audio, rate),
        "offset RMS dB": float(np.sqrt(np.mean(offset**2)) * 20 / np.log(10)),
    }


def main() -> None:
    sounds = recordings(*sys.argv[1:2])
    rows = [measured(name, key, *sound) for name in ascents() for key, sound in sounds.items()]
    report("dreams", rows, higher=sum(bool(row["higher"]) for row in rows), of=len(rows))


if __name__ == "__main__":
    main()
