"""What the presets of the model `songs` do to real recordings, heard by the published network it was distilled from.

For every preset whose model is `songs` and every recording: the logit that musicnn (Pons and Serra 2019) gives the tag
which the preset turns up, before and after (loudness matched), and the best of 20 random offsets of the same power
spectrum over bands and frames. The student that dreams has no say in the figures. Run with
`python -m bench.research.songs FOLDER` (a folder of recordings); without one, the demo recording is used.
"""

from __future__ import annotations

import sys

import torch

from bench.harness.recordings import Audio, recordings
from bench.harness.report import report
from bench.harness.trial import Trial
from dreampedal import load_preset
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.export.musicnn.networks import Tagger
from dreampedal.export.musicnn.published import load
from dreampedal.export.musicnn.wheel import published_wheel
from dreampedal.presets import preset_names

MODEL = "songs"


def measured(network: Tagger, name: str, recording: str, audio: Audio, rate: float) -> dict[str, object]:
    """One row: a preset on one recording."""
    trial = Trial(name, audio, rate)
    tag = trial.effect.target.removeprefix("class:")
    row = trial.row(name, recording, trial.played(trial.trace.wet), lambda sound: network.tag_logits(sound, rate)[tag])
    return {"preset": name, "recording": recording, "tag": tag} | row


def turns_up_a_tag(name: str) -> bool:
    """Whether a preset dreams of a tag with the model `songs`."""
    effect = next(effect for effect in load_preset(name) if isinstance(effect, SpectralEffect))
    return effect.model == MODEL and effect.target.startswith("class:")


def main() -> None:
    sounds, names = recordings(*sys.argv[1:2]), filter(turns_up_a_tag, preset_names())
    torch.set_num_threads(1)
    network = load(published_wheel(), "mtt_musicnn")
    rows = [measured(network, name, key, *sound) for name in names for key, sound in sounds.items()]
    report("songs", rows, higher=sum(bool(row["higher"]) for row in rows), of=len(rows))


if __name__ == "__main__":
    main()
