"""Inputs: what a network gets of a sound, by one function that training and the engine share.

An input is declared data that a manifest carries; `features` turns audio into float32 of shape (rows, frames):

- `Waveform`: the samples, at a rate of its own or at the host's;
- `Envelope`: the level over time and nothing else;
- `Mel`: mel bands, as librosa counts them (Slaney 1998; McFee et al. 2015), also as musicnn does (Pons & Serra 2019);
- `LogBands`: the log bands in Hz that the engine streams (`engine.dsp.bands`);
- `BandImage`: the small image of Van Mieghem (2020), 12 bands by 29 steps.

An input with a rate of its own resamples every sound to it. The others take a sound at the rate that it has.

>>> shape_of(Mel(), seconds=1.0), shape_of(Mel.musicnn(), seconds=3.0), shape_of(BandImage(), seconds=3.0)
((96, 86), (96, 187), (12, 29))
>>> shape_of(Waveform(sample_rate=8000), seconds=5.0), shape_of(LogBands(), seconds=1.0, sample_rate=48_000)
((1, 40000), (96, 93))
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.model.format.input_spectra import band_image, envelope, mel_spectrogram
from dreampedal.engine.model.format.manifest import Bands, Strict

Audio = NDArray[np.float32]
Rate = Annotated[int, Field(ge=1000, le=384_000)]
Span = Annotated[float, Field(ge=0.001, le=10)]
"""Seconds of a window, or from one to the next."""


class Waveform(Strict):
    """The samples themselves: one row, a column a sample; at the host's rate where `sample_rate` is None."""

    kind: Literal["waveform"] = "waveform"
    sample_rate: Rate | None = None

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return 1


class Envelope(Strict):
    """The root mean square over `window_seconds` every `hop_seconds`, as natural logarithm: one row."""

    kind: Literal["envelope"] = "envelope"
    window_seconds: Span = 0.02
    hop_seconds: Span = 0.01
    floor_db: Annotated[float, Field(lt=0, ge=-300)] = -100.0

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return 1


class Mel(Strict):
    """Power in mel bands, from centred Hann windows beyond whose edges there is silence.

    Fields:
        sample_rate: that a sound is resampled to, in Hz.
        window, hop: in samples at that rate. The frames are the first samples // hop.
        bands: triangles of equal area, evenly spaced in mel from `low_hz` to `high_hz` (half of the rate if None).
        scale: "slaney" (linear to 1 kHz, then logarithmic) or "htk" (2595 log10(1 + f / 700)).
        compression: "log" is ln(max(power, 1e-6)), "log10_1p_1e4" is log10(1 + 10,000 power).
    """

    kind: Literal["mel"] = "mel"
    sample_rate: Rate = 22_050
    window: Annotated[int, Field(ge=16, le=65_536)] = 1024
    hop: Annotated[int, Field(ge=1, le=65_536)] = 256
    bands: Annotated[int, Field(ge=1, le=4096)] = 96
    low_hz: Annotated[float, Field(ge=0)] = 0.0
    high_hz: Annotated[float, Field(gt=0)] | None = None
    scale: Literal["slaney", "htk"] = "slaney"
    compression: Literal["log", "log10_1p_1e4"] = "log"

    @model_validator(mode="after")
    def _lies_below_nyquist(self) -> Mel:
        if not self.low_hz < self.top_hz <= self.sample_rate / 2:
            raise ValueError(
                f"mel bands from {self.low_hz:g} to {self.top_hz:g} Hz at {self.sample_rate} Hz: expected low_hz below "
                f"high_hz, and high_hz up to half of the rate"
            )
        return self

    @property
    def top_hz(self) -> float:
        """The upper edge of the highest band in Hz."""
        return self.sample_rate / 2 if self.high_hz is None else self.high_hz

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.bands

    @classmethod
    def musicnn(cls) -> Mel:
        """The input of musicnn (Pons & Serra 2019)."""
        return cls(sample_rate=16_000, window=512, hop=256, bands=96, compression="log10_1p_1e4")


class LogBands(Strict):
    """Natural logarithm of the amplitude in bands given in Hz, at the host's rate: what the engine streams.

    Frames are causal: frame t sees the samples up to (t + 1) hops, and silence before the first. `window` and
    `hop` are in samples at 44.1 and 48 kHz, and scaled an octave away.
    """

    kind: Literal["log_bands"] = "log_bands"
    bands: Bands = Bands()
    window: Annotated[int, Field(ge=64, le=65_536)] = 2048
    hop: Annotated[int, Field(ge=1)] = 512

    @model_validator(mode="after")
    def _can_be_streamed(self) -> LogBands:
        if self.window & (self.window - 1) or self.hop > self.window // 2:
            raise ValueError(f"window {self.window}, hop {self.hop}: expected a power of two, and at most half of it")
        return self

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.bands.count


class BandImage(Strict):
    """The maximum of the magnitude spectrum over each of a few bands, the whole image scaled to 0 to 1.

    After Van Mieghem (2020): 12 bands, windows of 200 ms every 100 ms, 3 s. The bands here are evenly spaced in log
    frequency from `low_hz` to `high_hz`; a band above half of the host's rate is 0. `scale` "decibels" takes the
    logarithm (down to 100 dB below full scale) before the image is scaled.
    """

    kind: Literal["image"] = "image"
    bands: Annotated[int, Field(ge=1, le=512)] = 12
    seconds: Annotated[float, Field(gt=0, le=600)] = 3.0
    window_seconds: Span = 0.2
    hop_seconds: Span = 0.1
    low_hz: Annotated[float, Field(gt=0)] = 40.0
    high_hz: Annotated[float, Field(gt=0, validate_default=True)] = 16_000.0
    scale: Literal["amplitude", "decibels"] = "amplitude"

    @field_validator("high_hz")
    @classmethod
    def _lies_above_low(cls, high_hz: float, known: ValidationInfo) -> float:
        if high_hz <= known.data.get("low_hz", 0.0):
            raise ValueError(f"high_hz {high_hz:g} lies below low_hz {known.data['low_hz']:g}: expected it above")
        return high_hz

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.bands


Input = Annotated[Waveform | Envelope | Mel | LogBands | BandImage, Field(discriminator="kind")]
"""Any input, for a field of declared data: told apart by `kind`."""


def features(input: Input, audio: Audio, sample_rate: float) -> NDArray[np.float32]:
    """A sound as a network with this input gets it.

    Args:
        audio: float32, shape (samples,) or (channels, samples); channels are mixed by their mean.
        sample_rate: of `audio`, in Hz.

    Returns:
        float32, shape (rows, frames), frames = `frames_of(input, samples / sample_rate, sample_rate)`.

    Raises:
        ValueError: if `audio` has another shape or holds what is no finite number, or the rate is not above 0.
    """
    mono = _mono(audio)
    frames = _frames(input, mono.size, sample_rate)
    own = own_rate(input)
    if own is not None:
        mono = resampled(mono, sample_rate, own)
    if isinstance(input, Waveform):
        return mono[None, :frames].astype(np.float32)
    if isinstance(input, Mel):
        bank = (input.sample_rate, input.window, input.bands, input.low_hz, input.top_hz, input.scale)
        power = mel_spectrogram(mono, input.hop, frames, bank)
        levels = np.log(np.maximum(power, 1e-6)) if input.compression == "log" else np.log10(1 + 1e4 * power)
        return np.asarray(levels, np.float32)
    if isinstance(input, LogBands):
        layout = BandLayout(**input.bands.model_dump())
        line = mono[None].astype(np.float32)
        return np.asarray(log_band_features(line, sample_rate, layout, input.window, input.hop)[0])
    span = (input.window_seconds * sample_rate, input.hop_seconds * sample_rate)
    if isinstance(input, Envelope):
        return envelope(mono, *span, frames, input.floor_db)
    edges = np.geomspace(input.low_hz, input.high_hz, input.bands + 1) / sample_rate
    return band_image(mono, *span, frames, edges, decibels=input.scale == "decibels")


def frames_of(input: Input, seconds: float, sample_rate: float) -> int:
    """Columns that `features` gives for round(seconds * sample_rate) samples.

    >>> frames_of(Mel(), 1.0, 48_000), frames_of(Waveform(), 1.0, 48_000)
    (86, 48000)
    """
    return _frames(input, round(seconds * sample_rate), sample_rate)


def shape_of(input: Input, seconds: float, sample_rate: float = 44_100) -> tuple[int, int]:
    """Rows and columns that `features` gives for a sound of `seconds` at `sample_rate` Hz."""
    return input.rows, frames_of(input, seconds, sample_rate)


def own_rate(input: Input) -> int | None:
    """The rate in Hz to which this input resamples every sound; None where it takes the rate that a sound has."""
    return input.sample_rate if isinstance(input, Waveform | Mel) else None


def resampled(audio: NDArray[np.floating], sample_rate: float, to: float) -> NDArray[np.float64]:
    """A sound at another rate, shape (..., samples) to (..., ceil(samples * to / sample_rate)).

    By a polyphase filter (`scipy.signal.resample_poly`), zero phase, 10 zero crossings a side under a Kaiser window.
    """
    if to == sample_rate or audio.shape[-1] == 0:
        return audio.astype(np.float64)
    from scipy.signal import resample_poly

    ratio = _ratio(sample_rate, to)
    line = audio.astype(np.float64)
    # The stubs of SciPy know the name of a window here, and not the coefficients that resample_poly takes as well.
    made = resample_poly(line, *ratio.as_integer_ratio(), axis=-1, window=_lowpass(ratio))  # type: ignore[call-overload]
    return np.asarray(made, np.float64)


@lru_cache(maxsize=32)
def _lowpass(ratio: Fraction) -> NDArray[np.float64]:
    """The filter that `resampled` uses: cut off at the lower of the two Nyquist frequencies."""
    from scipy.signal import firwin

    widest = max(ratio.numerator, ratio.denominator)
    return np.asarray(firwin(20 * widest + 1, 1 / widest, window=("kaiser", 5.0)))


def _ratio(sample_rate: float, to: float) -> Fraction:
    return (Fraction(to) / Fraction(sample_rate)).limit_denominator(100_000)


def _frames(input: Input, samples: int, sample_rate: float) -> int:
    """Columns for so many samples at `sample_rate`."""
    if not 0 < sample_rate < np.inf:
        raise ValueError(f"a sample rate of {sample_rate} Hz: expected one above 0")
    if isinstance(input, LogBands):
        return samples // at_rate(input.hop, sample_rate)
    if isinstance(input, Waveform | Mel):
        own = own_rate(input)
        count = samples if own is None else int(samples * _ratio(sample_rate, own))
        return count if isinstance(input, Waveform) else count // input.hop
    window, hop = input.window_seconds * sample_rate, input.hop_seconds * sample_rate
    return max(0, int((samples - round(window)) / hop + 1e-3) + 1) if samples >= round(window) else 0


def _mono(audio: Audio) -> NDArray[np.float64]:
    """The mean of all channels, shape (samples,)."""
    line = np.asarray(audio)
    if line.ndim not in (1, 2) or not np.issubdtype(line.dtype, np.floating) or (line.ndim == 2 and not len(line)):
        raise ValueError(
            f"audio of shape {line.shape} and type {line.dtype}: expected floating-point samples of shape (samples,) "
            f"or (channels, samples)"
        )
    mono = line.astype(np.float64) if line.ndim == 1 else line.mean(axis=0, dtype=np.float64)
    if not np.isfinite(mono).all():
        raise ValueError("audio holds NaN or infinity: expected finite samples")
    return mono
