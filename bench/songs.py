"""What the presets of the model `songs` do to real recordings, heard by the published network it was distilled from.

For every preset whose model is `songs` and every recording: the logit that musicnn (Pons and Serra 2019) gives the tag
which the preset turns up, before and after (loudness matched), and the best of 20 random offsets of the same power
spectrum over bands and frames. The student that dreams has no say in the figures. Run with
`python bench/songs.py FOLDER` (a folder of recordings); without one, the demo recording is used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from dreams import RANDOM_OFFSETS, random_like
from numpy.typing import NDArray
from pedalboard.io import AudioFile
from report import report

from dreampedal import load_preset
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.export.musicnn.networks import Tagger
from dreampedal.export.musicnn.published import load
from dreampedal.export.musicnn.wheel import published_wheel
from dreampedal.presets import demo_recording, preset_names

MODEL = "songs"


def measured(
    network: Tagger, name: str, recording: str, audio: NDArray[np.float32], rate: float
) -> dict[str, object] | None:
    """One row: a preset on one recording; None if it dreams with another model."""
    board = load_preset(name)
    place = next(n for n, effect in enumerate(board) if isinstance(effect, SpectralEffect))
    effect: SpectralEffect = board[place]
    if effect.model != MODEL or not effect.target.startswith("class:"):
        return None
    tag = effect.target.removeprefix("class:")
    source = board[:place](audio, rate)
    trace = measure.trace(effect, source, rate)
    rng = np.random.default_rng(7)

    def heard(wet: NDArray[np.float32]) -> float:
        return network.heard(measure.matched(board[place + 1 :](wet, rate), audio, rate), rate)[tag]

    before, after = network.heard(audio, rate)[tag], heard(trace.wet)
    others = (random_like(trace.offset, rng) for _ in range(RANDOM_OFFSETS))
    drawn = [heard(measure.with_offset(effect, source, rate, other)) for other in others]
    return {
        "preset": name,
        "recording": recording,
        "tag": tag,
        "before": before,
        "after": after,
        "best random": max(drawn),
        "higher": bool(after > max(before, *drawn)),
    }


def main() -> None:
    recordings: dict[str, tuple[NDArray[np.float32], float]] = {"demo": demo_recording()}
    if len(sys.argv) > 1:
        recordings = {}
        for path in sorted(Path(sys.argv[1]).glob("*.flac")):
            with AudioFile(str(path)) as file:
                recordings[path.stem] = (file.read(file.frames), file.samplerate)
    torch.set_num_threads(1)
    network = load(published_wheel(), "mtt_musicnn")
    found = (measured(network, name, key, *value) for name in preset_names() for key, value in recordings.items())
    rows = [row for row in found if row is not None]
    report("songs", rows, higher=sum(bool(row["higher"]) for row in rows), of=len(rows))


if __name__ == "__main__":
    main()
