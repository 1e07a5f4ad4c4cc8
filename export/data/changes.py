"""Random changes of a sound that leave its class as it is: stretch, pitch, shift, equaliser, gain, noise.

They are made before features are taken, and so cost time: `data.store.encode` makes changed copies once and keeps them.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pedalboard import time_stretch
from pydantic import Field, model_validator
from scipy.fft import irfft, next_fast_len, rfft

from dreampedal.engine.model.format.manifest import Strict

EQUALISER_HZ = np.geomspace(50, 16_000, 9)
"""Where the random equaliser draws its gains, about an octave apart; straight lines over log frequency between."""

Range = tuple[float, float]


class Recipe(Strict):
    """How far the changes go; each is drawn evenly from its range, and None leaves it out.

    Fields:
        stretch: speed as a factor, pitch kept (drawn evenly in its logarithm).
        pitch_semitones: transposition, length kept.
        shift_seconds: rotation of the clip in time, up to so much either way.
        equaliser_db: gains of the random equaliser, up to so much either way.
        gain_db: of the whole clip.
        noise_db: level of noise below the clip's own RMS; its slope is drawn between white and pink.
    """

    stretch: tuple[Annotated[float, Field(ge=0.25)], Annotated[float, Field(le=4)]] | None = (0.9, 1.1)
    pitch_semitones: tuple[Annotated[float, Field(ge=-24)], Annotated[float, Field(le=24)]] | None = (-1.0, 1.0)
    shift_seconds: Annotated[float, Field(gt=0, le=600)] | None = 0.5
    equaliser_db: Annotated[float, Field(gt=0, le=40)] | None = 6.0
    gain_db: tuple[Annotated[float, Field(ge=-80)], Annotated[float, Field(le=40)]] | None = (-9.0, 3.0)
    noise_db: tuple[Annotated[float, Field(ge=-120)], Annotated[float, Field(le=20)]] | None = (-60.0, -30.0)

    @model_validator(mode="after")
    def _ranges_rise(self) -> Recipe:
        for name in ("stretch", "pitch_semitones", "gain_db", "noise_db"):
            if (found := getattr(self, name)) is not None and found[0] > found[1]:
                raise ValueError(f"{name} from {found[0]:g} to {found[1]:g}: expected the lower one first")
        return self


def changed(
    audio: NDArray[np.float32], sample_rate: float, recipe: Recipe, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A changed copy of a sound, of the same length.

    Args:
        audio: float32, shape (channels, samples); all channels are changed alike, but for the noise.
        sample_rate: in Hz.
        rng: what is drawn, and so the copy, is the same for the same state of it.
    """
    if audio.shape[1] == 0:
        return audio.copy()
    line = audio
    if recipe.stretch is not None or recipe.pitch_semitones is not None:
        speed = np.exp(rng.uniform(*np.log(recipe.stretch))) if recipe.stretch else 1.0
        semitones = rng.uniform(*recipe.pitch_semitones) if recipe.pitch_semitones else 0.0
        line = fitted(stretched(line, sample_rate, float(speed), float(semitones)), audio.shape[1], rng)
    if recipe.shift_seconds is not None:
        line = np.roll(line, round(rng.uniform(-1, 1) * recipe.shift_seconds * sample_rate), axis=1)
    if recipe.equaliser_db is not None:
        line = equalised(line, sample_rate, rng.uniform(-1, 1, len(EQUALISER_HZ)) * recipe.equaliser_db)
    if recipe.noise_db is not None:
        line = line + noise(line, float(rng.uniform(*recipe.noise_db)), float(rng.uniform(0, 1)), rng)
    if recipe.gain_db is not None:
        line = line * np.float32(10 ** (rng.uniform(*recipe.gain_db) / 20))
    return np.ascontiguousarray(line, np.float32)


def stretched(
    audio: NDArray[np.float32], sample_rate: float, speed: float, semitones: float = 0.0
) -> NDArray[np.float32]:
    """A sound `speed` times as fast and transposed, by Rubber Band; about samples / speed long."""
    line = np.ascontiguousarray(audio, np.float32)
    # The faster of Rubber Band's two engines: this is for training, not for listening.
    return np.atleast_2d(time_stretch(line, sample_rate, speed, semitones, high_quality=False))


def fitted(audio: NDArray[np.float32], samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A sound cut, or padded with silence, to `samples` at a place that is drawn."""
    spare = audio.shape[1] - samples
    place = int(rng.integers(abs(spare) + 1))
    if spare >= 0:
        return audio[:, place : place + samples]
    return np.pad(audio, ((0, 0), (place, -spare - place)))


def equalised(audio: NDArray[np.float32], sample_rate: float, gains_db: NDArray[np.float64]) -> NDArray[np.float32]:
    """A sound through a zero-phase equaliser with `gains_db` at `EQUALISER_HZ`."""
    samples = audio.shape[1]
    size = next_fast_len(samples + round(0.05 * sample_rate), real=True)
    hz = np.maximum(np.arange(size // 2 + 1) * sample_rate / size, 1.0)
    curve = 10 ** (np.interp(np.log(hz), np.log(EQUALISER_HZ), gains_db) / 20)
    return np.asarray(
        irfft(rfft(audio, size, axis=1) * curve.astype(np.float32), size, axis=1)[:, :samples], np.float32
    )


def noise(audio: NDArray[np.float32], level_db: float, slope: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of the shape of a sound, at `level_db` against its RMS; power falls as 1 / f^slope (0 white, 1 pink)."""
    samples = audio.shape[1]
    spectrum = rfft(rng.standard_normal(audio.shape, np.float32), axis=1)
    spectrum *= np.maximum(np.arange(spectrum.shape[1]), 1.0).astype(np.float32) ** (-slope / 2)
    line = irfft(spectrum, samples, axis=1) if samples > 1 else np.zeros(audio.shape, np.float32)
    own, wanted = (
        np.sqrt(np.mean(line**2)),
        np.sqrt(np.mean(np.asarray(audio, np.float64) ** 2)) * 10 ** (level_db / 20),
    )
    return np.asarray(line * (wanted / max(float(own), 1e-20)), np.float32)
