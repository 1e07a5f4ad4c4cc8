"""Plain equalisers, the honest baseline: one still curve for a whole recording, as a tone control has it.

A baseline is any function of a sound (1, samples) at 48 kHz and a target that gives a sound of the same shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.measure import matched
from dreampedal.engine.dsp.bands import BandLayout, lay, log_band_features
from dreampedal.engine.runtime.files import written_whole

Audio = NDArray[np.float32]
Curve = NDArray[np.float64]
"""dB of each of 96 bands, (96,)."""
Baseline = Callable[[Audio, float, str], Audio]
"""From a sound (channels, samples), its rate in Hz and a target to a sound of the same shape."""

LAYOUT = BandLayout()
RESOLUTION = 4096
"""Samples of the frames whose bins a curve is laid over."""
SPECTRA = Path(__file__).with_name("spectra.json")
"""Mean spectra of the families in the soundfonts that listeners are taught on."""
LEARNED = SPECTRA.with_name("curves.json")
"""Curves that were learned as students are (`bench.listening.curves`), within 18 dB; trained on request."""
SMOOTHED_BANDS = 5


def equalised(audio: Audio, sample_rate: float, curve_db: Curve) -> Audio:
    """A sound through one curve of zero phase, at the K-weighted loudness that it had.

    Args:
        audio: float32, (channels, samples).
        curve_db: gain of each band of `BandLayout()` in dB.
    """
    bands = lay(LAYOUT, sample_rate, RESOLUTION)
    curve = curve_db[bands.below] * (1 - bands.toward) + curve_db[bands.below + 1] * bands.toward
    gains = 10 ** (curve * bands.reach / 20)
    count = audio.shape[1] + RESOLUTION
    size = 1 << (count - 1).bit_length()
    places = np.fft.rfftfreq(size, 1 / RESOLUTION)
    spectrum = np.fft.rfft(audio.astype(np.float64), size) * np.interp(places, np.arange(gains.size), gains)
    return matched(np.fft.irfft(spectrum, size)[:, : audio.shape[1]].astype(np.float32), audio, sample_rate)


def spectrum_db(features: NDArray[np.floating]) -> Curve:
    """The mean spectrum of a sound, its level taken away and louder frames weighing more, (bands, frames) to (bands,).

    Features are natural logs of amplitude.
    """
    x = np.asarray(features, np.float64)
    level = 0.5 * np.log(np.exp(2 * x).sum(0))
    weights = np.exp(level - level.max())
    return np.asarray((np.maximum(x - level, -8) * (weights / weights.sum())).sum(1) * (20 / np.log(10)))


@dataclass(frozen=True)
class Matching:
    """Moves the mean spectrum of a recording to that of a family, within `reach_db`.

    Fields:
        spectra: of the families, dB, (96,) each.
    """

    spectra: Mapping[str, Curve]
    reach_db: float = 18.0

    def __call__(self, audio: Audio, sample_rate: float, target: str) -> Audio:
        """The sound, equalised; the target is `class:NAME`."""
        own = spectrum_db(log_band_features(audio.mean(0, keepdims=True), sample_rate, LAYOUT)[0])
        wanted = self.spectra[family_of(target, self.spectra)] - own
        kernel = np.ones(SMOOTHED_BANDS)
        smooth = np.convolve(wanted, kernel, "same") / np.convolve(np.ones(wanted.size), kernel, "same")
        # A curve has no level of its own: what is asked of all bands alike is loudness, and that is kept.
        smooth = smooth - np.median(smooth)
        return equalised(audio, sample_rate, self.reach_db * np.tanh(smooth / self.reach_db))


@dataclass(frozen=True)
class Curves:
    """The same curve for every recording, one a family, however it was found."""

    curves_db: Mapping[str, Curve]

    def __call__(self, audio: Audio, sample_rate: float, target: str) -> Audio:
        """The sound, equalised; the target is `class:NAME`."""
        return equalised(audio, sample_rate, self.curves_db[family_of(target, self.curves_db)])


def family_of(target: str, known: Mapping[str, Curve]) -> str:
    """The family that a target names; a ValueError where it is none of those that are known."""
    name = target.removeprefix("class:")
    if not target.startswith("class:") or name not in known:
        raise ValueError(f"target {target!r}: expected class:NAME, one of {', '.join(sorted(known))}")
    return name


def read_curves(path: Path) -> dict[str, Curve]:
    """Curves or spectra of 96 bands in a JSON file, `{"flute": [...]}`; a ValueError for anything else."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        found = {str(name): np.array(curve, np.float64) for name, curve in table.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}: expected JSON, 96 numbers a family") from None
    for name, curve in found.items():
        if curve.shape != (LAYOUT.count,) or not np.isfinite(curve).all():
            raise ValueError(f"{path}: {name} has shape {curve.shape}: expected {LAYOUT.count} finite numbers")
    return found


def write_curves(path: Path, curves: Mapping[str, Curve]) -> None:
    """Curves or spectra as `read_curves` reads them."""
    with written_whole(path) as part:
        lines = [f' "{name}": {json.dumps([round(float(db), 2) for db in curve])}' for name, curve in curves.items()]
        part.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
