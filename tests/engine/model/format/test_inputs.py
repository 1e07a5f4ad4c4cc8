"""Inputs: equal to librosa and to slow twins on real recordings, of the shape that they declare, at any rate."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.model.format.inputs import (
    BandImage,
    Envelope,
    Input,
    LogBands,
    Mel,
    Waveform,
    features,
    frames_of,
    shape_of,
)
from dreampedal.engine.model.format.manifest import Bands

pytestmark = pytest.mark.any_recording

EVERY = (Waveform(), Waveform(sample_rate=8000), Envelope(), Mel(), Mel.musicnn(), LogBands(), BandImage())
NAMES = ("solo_egtr_em9", "drums_break", "mix_rock")
MELS = {
    "default": Mel(),
    "musicnn": Mel.musicnn(),
    "htk": Mel(scale="htk", bands=40, low_hz=30, high_hz=8000, window=2048, hop=500),
}


def resampled_by_definition(mono, rate, to):
    """Stuff with zeros, filter, keep every so-many-th sample; the filter written out."""
    up, down = to // np.gcd(rate, to), rate // np.gcd(rate, to)
    stuffed = np.zeros(len(mono) * up)
    stuffed[::up] = mono
    half = 10 * max(up, down)
    place = np.arange(-half, half + 1)
    filtered = np.sinc(place / max(up, down)) * np.kaiser(2 * half + 1, 5.0)
    filtered *= up / filtered.sum()
    length = 2 ** int(np.ceil(np.log2(len(stuffed) + 2 * half)))
    whole = np.fft.irfft(np.fft.rfft(stuffed, length) * np.fft.rfft(filtered, length))
    return whole[half : half + len(stuffed) : down]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mel", MELS.values(), ids=MELS)
def test_mel_bands_equal_librosa(name, mel, clip):
    audio, rate = clip(name)
    mono = audio[:, : 2 * rate].mean(axis=0, dtype=np.float64)
    mono = librosa.resample(mono, orig_sr=rate, target_sr=mel.sample_rate, res_type="polyphase")
    power = librosa.feature.melspectrogram(
        y=mono, sr=mel.sample_rate, n_fft=mel.window, hop_length=mel.hop, n_mels=mel.bands, fmin=mel.low_hz,
        fmax=mel.high_hz, htk=mel.scale == "htk", dtype=np.float64,
    )  # fmt: skip
    twin = np.log(np.maximum(power, 1e-6)) if mel.compression == "log" else np.log10(1 + 1e4 * power)
    heard = features(mel, audio[:, : 2 * rate], rate)
    assert heard.dtype == np.float32 and heard.shape[1] == 2 * mel.sample_rate // mel.hop
    assert np.abs(heard - twin[:, : heard.shape[1]]).max() < 1e-5


@pytest.mark.parametrize("to", [8000, 22_050, 48_000])
def test_a_waveform_at_its_own_rate_equals_the_definition_of_resampling(to, clip):
    audio, rate = clip("solo_egtr_em9")
    audio = audio[:, rate : rate + rate // 5]
    heard = features(Waveform(sample_rate=to), audio, rate)
    twin = resampled_by_definition(audio.mean(axis=0, dtype=np.float64), rate, to)
    assert heard.shape == (1, to // 5) and np.abs(heard[0] - twin).max() < 1e-5


def test_a_waveform_at_the_hosts_rate_is_the_mean_of_the_channels(clip):
    audio, rate = clip("solo_egtr_em9")
    assert np.abs(features(Waveform(), audio, rate)[0] - audio.mean(axis=0)).max() < 1e-6
    assert (features(Waveform(sample_rate=rate), audio[0], rate)[0] == audio[0]).all()


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_log_bands_are_the_features_of_the_engine(rate, clip):
    audio, _ = clip("drums_break")
    chosen = LogBands(bands=Bands(count=40, low_hz=80, high_hz=9000), window=1024, hop=256)
    layout = BandLayout(40, 80, 9000)
    stereo = np.stack([audio[0], audio[-1][::-1]])
    twin = log_band_features(stereo.mean(axis=0, keepdims=True), rate, layout, 1024, 256)[0]
    assert np.abs(features(chosen, stereo, rate) - twin).max() < 1e-5


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000])
@pytest.mark.parametrize("scale", ["amplitude", "decibels"])
def test_the_band_image_equals_a_slow_twin(rate, scale, clip):
    audio, _ = clip("drums_break")
    mono = audio.mean(axis=0, dtype=np.float64)[: 3 * rate]
    window = round(0.2 * rate)
    twin = np.zeros((12, 29))
    for step in range(29):
        frame = mono[int(0.1 * step * rate + 0.500001) :][:window]
        spectrum = np.abs(np.fft.fft(frame * np.hanning(window + 1)[:-1])) / (window / 4)
        for band in range(12):
            low, high = (40 * 400 ** (edge / 12) - 1e-6 for edge in (band, band + 1))
            inside = [spectrum[k] for k in range(window // 2 + 1) if low <= k * rate / window < high]
            twin[band, step] = max(inside, default=0)
    if scale == "decibels":
        twin = 20 * np.log10(np.maximum(twin, 1e-5))
    twin = (twin - twin.min()) / (twin.max() - twin.min())
    heard = features(BandImage(scale=scale), audio[:, : 3 * rate], rate)
    assert heard.shape == (12, 29) and heard.min() == 0 and heard.max() == 1
    assert np.abs(heard - twin).max() < 1e-5


def test_the_envelope_is_the_level_of_each_window(clip):
    audio, rate = clip("drums_break")
    mono = audio.mean(axis=0, dtype=np.float64)
    heard = features(Envelope(), audio, rate)
    for step in (0, 7, 123):
        frame = mono[round(step * 0.01 * rate) :][: round(0.02 * rate)]
        assert abs(heard[0, step] - np.log(np.sqrt(np.mean(frame**2)))) < 1e-5
    sine = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(features(Envelope(), sine, 48_000) - np.log(np.sqrt(0.5))).max() < 1e-4


def test_silence_is_finite_for_every_input():
    for chosen in EVERY:
        heard = features(chosen, np.zeros(44_100 * 3, np.float32), 44_100)
        assert heard.size and np.isfinite(heard).all() and (heard == heard[0, 0]).all()


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(EVERY), st.integers(0, 30_000), st.sampled_from([8000, 11_025, 22_050, 44_100, 48_000, 96_000]))
def test_features_have_the_shape_that_is_foretold(chosen, samples, rate):
    audio = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    heard = features(chosen, audio, rate)
    assert heard.dtype == np.float32 and np.isfinite(heard).all()
    assert heard.shape == shape_of(chosen, samples / rate, rate)


def test_a_long_recording_in_stretches_equals_the_frames_of_its_parts(clip):
    audio, rate = clip("mix_rock")
    mel = Mel(sample_rate=rate, window=1024, hop=32)
    heard = features(mel, audio[:, : 3 * rate], rate)
    first, last = 2500, 3000
    part = features(mel, audio[:, first * 32 : last * 32], rate)
    assert np.abs(part[:, 20:-20] - heard[:, first + 20 : last - 20]).max() < 1e-6


def test_inputs_are_told_apart_by_kind_in_json():
    read = TypeAdapter(Input)
    for chosen in EVERY:
        assert read.validate_json(chosen.model_dump_json()) == chosen
    with pytest.raises(ValidationError, match="kind"):
        read.validate_python({"kind": "smell"})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mel(high_hz=20_000),
        lambda: Mel(low_hz=9000, high_hz=8000),
        lambda: LogBands(window=1000),
        lambda: LogBands(hop=2000),
        lambda: BandImage(low_hz=100, high_hz=50),
        lambda: features(Mel(), np.zeros((1, 2, 3), np.float32), 44_100),
        lambda: features(Mel(), np.zeros(100, np.int16), 44_100),
        lambda: features(Mel(), np.full(100, np.nan, np.float32), 44_100),
        lambda: features(Mel(), np.zeros(100, np.float32), 0),
        lambda: frames_of(Mel(), 1.0, -1),
    ],
)
def test_what_cannot_be_heard_is_an_error(wrong):
    with pytest.raises(ValueError, match="expected"):
        wrong()
