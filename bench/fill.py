"""What `fill` gives that gain cannot, on recordings, analysed afresh.

Of the energy that is wanted of the bands that gain alone leaves under half of it: what gain gives, what is there with
fill (and what of it would be, were it wanted at once), how far it moves from frame to frame, how loud its bursts are,
and what that does to the loudness and to the target. Run with `python bench/fill.py FOLDER` (a folder of
recordings); without one, the demo recording is used. With `--pictures FOLDER`, before and after are drawn (matplotlib).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from harness.recordings import Audio, recordings
from harness.report import report

from dreampedal import Dream
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.measure_fill import filled, magnitudes

SECONDS = 4
TARGETS = ("class:flute", "conv3")


def measured(name: str, audio: Audio, rate: float, mode: str, target: str) -> dict[str, object]:
    """One row: a recording and a target, with and without fill."""
    effect, plain = Dream(mode=mode, target=target, fill=1.0), Dream(mode=mode, target=target)
    found = filled(effect, audio, rate)

    def heard(wet: Audio) -> float:
        return measure.heard(effect, measure.matched(wet, audio, rate), rate)

    return {
        "recording": name,
        "target": target,
        "mode": mode,
        "short %": 100 * found.short,
        "by gain %": 100 * found.by_gain,
        "there %": 100 * found.there,
        "at once %": 100 * found.at_once,
        "moves dB": found.moves_db,
        "above 9 kHz dB": burst_db(found.wet, rate),
        "loudness dB": measure.loudness_db(found.wet, rate) - measure.loudness_db(audio, rate),
        "heard dry": heard(audio),
        "by gain": heard(plain(audio, rate)),
        "filled": heard(found.wet),
    }


def burst_db(audio: Audio, rate: float) -> float:
    """The loudest 10 ms above 9 kHz, against the mean of all."""
    from scipy.signal import butter, sosfilt

    high = sosfilt(butter(6, 9000, "high", fs=rate, output="sos"), np.asarray(audio[0], np.float64))
    length = round(rate / 100)
    parts = np.square(high[: high.size // length * length]).reshape(-1, length).mean(axis=1)
    return float(10 * np.log10(max(parts.max(), 1e-12) / max(float(np.square(audio).mean()), 1e-12)))


def draw(folder: Path, name: str, audio: Audio, rate: float) -> None:
    """The recording, the dream by gain alone, and the dream with fill, as spectrograms side by side."""
    from matplotlib.figure import Figure

    effect = Dream(target=TARGETS[0])
    sounds = {
        "dry": audio,
        "by gain alone": effect(audio, rate),
        "fill = 1": Dream(target=TARGETS[0], fill=1.0)(audio, rate),
    }
    figure = Figure(figsize=(16, 5), layout="constrained")
    for axes, (title, sound) in zip(figure.subplots(1, 3, sharey=True), sounds.items(), strict=True):
        level = 20 * np.log10(np.maximum(magnitudes(effect.frames_at(rate), sound), 1e-6)).T
        extent = (0, audio.shape[1] / rate, 0, rate / 2000)
        image = axes.imshow(level, origin="lower", aspect="auto", extent=extent, vmin=-60, vmax=40, cmap="magma")
        axes.set(title=f"{name}: {title}", xlabel="s", ylabel="kHz", ylim=(0, 12))
    figure.colorbar(image, label="dB")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"fill_{name}.png", dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    sounds = recordings(asked.folder, SECONDS)
    heard = {name: (np.ascontiguousarray(audio[:1]), rate) for name, (audio, rate) in sounds.items()}
    cases = [(name, mode, target) for mode in ("studio", "live") for target in TARGETS for name in heard]
    rows = [measured(name, *heard[name], mode, target) for name, mode, target in cases]
    report("fill", rows)
    if asked.pictures:
        for name, (audio, rate) in heard.items():
            draw(asked.pictures, name, audio, rate)


if __name__ == "__main__":
    main()
