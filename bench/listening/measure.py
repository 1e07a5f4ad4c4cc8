"""What judges that took no part hear in ascents on one network and on several: `python -m bench.listening.measure`.

Rows: nothing; `notes` as it ships; `notes` by log probabilities behind no and behind four random equalisers; and each
model that is given (`--model build/ensemble.onnx`). Each is played live with 8 steps a hop and offline with `--steps`.
Columns: how often the judges name the wanted family first, over the tuning clips of the prototype and families that are
not their own. The judges are two listeners taught on TimGM6mb alone, which nothing else here has heard.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from pedalboard.io import AudioFile

from bench.harness.report import report
from dreampedal.effects import Dream
from dreampedal.engine.model.library import library
from dreampedal.engine.model.model import Model
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import rendered
from dreampedal.export.nets.causal import Ensemble, Network
from dreampedal.export.nets.listeners import layouts
from dreampedal.export.nets.listeners.table import Listener
from dreampedal.export.train.distil.listening import HEARD, Schooling, taught

TUNING = {
    "fiddle_irish": "string", "solo_cello": "string", "solo_egtr_em9": "guitar", "solo_flute": "flute",
    "solo_piano": "keyboard",
}  # fmt: skip
"""The clips that the prototype was tuned on, and their families."""
SEVEN = "string", "brass", "flute", "organ", "vocal", "guitar", "reed"
JUDGES = (
    (Listener("judge_statistics", "statistics", layouts.SEMITONES), 4000),
    (Listener("judge_recurrent", "recurrent", layouts.FINE, adversarial_db=2), 4000),
)
"""With the steps of their training."""
SEED = 7
RATE = 48_000
PEAK = 0.5
EQUALISER_DB = 6.0

Heard = Mapping[str, tuple[torch.nn.Module, layouts.Layout]]


def judges(font: Path, cache: Path) -> Heard:
    """Both judges by name, taught on a soundfont where they are not in `cache` yet."""
    phrases = rendered(font, 4400, 4, cache / "phrases")
    return {
        listener.name: (taught(listener, [phrases], Schooling(steps=steps), SEED, cache), listener.layout)
        for listener, steps in JUDGES
    }


@torch.no_grad()
def named(sound: np.ndarray, by: Heard) -> dict[str, str]:
    """The family that each judge names, windows of a second averaged."""
    mono = torch.from_numpy(sound.mean(0) / max(float(np.abs(sound).max()), 1e-6) * PEAK)[None]
    found = {}
    for name, (net, layout) in by.items():
        x, wide = layout.heard(mono), HEARD.stop - HEARD.start
        begins = range(0, max(1, x.shape[2] - wide + 1), wide // 2)
        logits = net(torch.cat([x[:, :, begin : begin + wide] for begin in begins]))
        found[name] = CLASSES[int(logits.log_softmax(1).mean(0).argmax())]
    return found


def network_in(path: Path) -> Network:
    """The one causal network of a model file, with its normalisation folded in, as torch has it."""
    manifest = Model.load(path).manifest
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    first = weights[f"{manifest.layers[0].name}.weight"]
    taps = {layer.name: weights[f"{layer.name}.weight"].shape[2] for layer in manifest.layers}
    dilations = [manifest.states[name][0] // (count - 1) for name, count in taps.items()]
    filters = [layer.filters for layer in manifest.layers]
    network = Network(
        first.shape[1], manifest.classes, filters, first.shape[2], dilations, batch_norm=False,
        context_frames=manifest.context_frames,
    )  # fmt: skip
    with torch.no_grad():
        network.mean.zero_()
        network.std.fill_(1)
        for block, layer in zip(network.blocks.values(), manifest.layers, strict=True):
            block.conv.weight.copy_(torch.tensor(weights[f"{layer.name}.weight"]))
            assert block.conv.bias is not None
            block.conv.bias.copy_(torch.tensor(weights[f"{layer.name}.bias"]))
        network.head.weight.copy_(torch.tensor(weights["head.weight"]))
        network.head.bias.copy_(torch.tensor(weights["head.bias"]))
    return network.eval()


def made(cache: Path) -> Iterator[tuple[str, str]]:
    """`notes` as an ensemble of itself: name of the row and model."""
    notes = library.find("model", "notes")
    training = Training(data="as notes", licence="as notes", seed=0)
    for name, count, most_db in (("notes, log probabilities", 1, 0.0), ("notes, four equalisers", 4, EQUALISER_DB)):
        path = cache / f"notes_{count}.onnx"
        ensemble = Ensemble([network_in(notes)] * count, most_db)
        if not path.exists():
            export_ascent(ensemble, path, name=path.stem, training=training, steps=4)
        yield name, str(path)


def clip(path: Path, seconds: float) -> np.ndarray:
    """The beginning of a recording, mono, (1, samples)."""
    with AudioFile(str(path)).resampled_to(RATE) as file:
        return file.read(int(seconds * RATE)).mean(0, keepdims=True)


def row(
    name: str, settings: Mapping[str, Any] | None, sounds: Mapping[str, np.ndarray], by: Heard, families: list[str]
) -> dict[str, Any]:
    """How often each judge names the wanted family first; no settings: the sounds as they are."""
    right: dict[str, list[bool]] = {judge: [] for judge in by}
    seven: dict[str, list[bool]] = {judge: [] for judge in by}
    for key, sound in sounds.items():
        for family in families:
            if family == TUNING[key]:
                continue
            wet = sound if settings is None else Dream(target=f"class:{family}", amount=1.0, **settings)(sound, RATE)
            for judge, found in named(np.asarray(wet), by).items():
                right[judge].append(found == family)
                if family in SEVEN:
                    seven[judge].append(found == family)
    share = {f"{judge} %": 100 * float(np.mean(hits)) for judge, hits in right.items()}
    return {"method": name} | share | {f"{judge}, seven %": 100 * float(np.mean(hits)) for judge, hits in seven.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=Path("../shared/data/clips"))
    parser.add_argument("--font", type=Path, default=Path("/usr/share/sounds/sf2/TimGM6mb.sf2"))
    parser.add_argument("--cache", type=Path, default=Path("build/ensembles"))
    parser.add_argument("--model", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=24, help="offline")
    parser.add_argument("--reach", type=float, default=18.0, help="dB")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--families", nargs="*", default=list(CLASSES))
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    by = judges(given.font, given.cache)
    sounds = {key: clip(given.clips / f"{key}.flac", given.seconds) for key in TUNING}
    models = [("notes", "notes"), *made(given.cache), *((path.stem, str(path)) for path in given.model)]
    ways = {"live, 8 steps": {"mode": "live", "steps": 8}, f"offline, {given.steps}": {"steps": given.steps}}
    rows = [row("none", None, sounds, by, given.families)]
    for name, model in models:
        for way, settings in ways.items():
            chosen = {"model": model, "reach_db": given.reach} | settings
            rows.append(row(f"{name} ({way})", chosen, sounds, by, given.families))
            print(rows[-1], file=sys.stderr, flush=True)
    facts = {"seconds": given.seconds, "families": given.families, "reach_db": given.reach}
    report("ensemble", rows, **facts)


if __name__ == "__main__":
    main()
