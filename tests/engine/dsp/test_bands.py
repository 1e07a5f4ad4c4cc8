"""Bands: readings in decibels, the floor, Nyquist, and features equal to a float64 twin at every rate."""

import numpy as np
import pytest

from dreampedal.engine.dsp.bands import NARROWEST_HZ, BandLayout, lay, log_band_features, write_gains
from dreampedal.engine.dsp.rates import at_rate
from dreampedal.engine.dsp.windows import hann

RATES = [16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
LAYOUT = BandLayout()


def twin_features(audio, rate, frame):
    """Features of one frame in float64, straight from the definition."""
    window, hop = at_rate(2048, rate), at_rate(512, rate)
    line = np.concatenate([np.zeros(window), audio.astype(np.float64)])
    spectrum = np.abs(np.fft.rfft(line[(frame + 1) * hop :][:window] * hann(window))) / (window / 4)
    hz = np.arange(window // 2 + 1) * rate / window
    features = np.full(LAYOUT.count, LAYOUT.floor)
    step = LAYOUT.centres_hz[1] / LAYOUT.centres_hz[0]
    for band, centre in enumerate(LAYOUT.centres_hz):
        if centre < rate / 2:
            low, high = min(centre / step, centre - NARROWEST_HZ), max(centre * step, centre + NARROWEST_HZ)
            triangle = np.interp(hz, [low, centre, high], [0, 1, 0])
            features[band] = max(np.log(max(np.sqrt(triangle @ spectrum**2), 1e-30)), LAYOUT.floor)
    return features


@pytest.mark.parametrize("rate", RATES)
def test_features_equal_the_definition(rate, clip):
    audio, _ = clip("solo_egtr_em9")
    features = log_band_features(audio[:1], rate)
    for frame in (0, 3, 40):
        assert np.abs(features[0, :, frame] - twin_features(audio[0], rate, frame)).max() < 2e-3


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [110.0, 440.0, 3000.0])
def test_a_full_scale_sine_reads_zero_decibels_in_its_band(rate, hz):
    audio = np.sin(2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)[None]
    reading_db = log_band_features(audio, rate)[0, :, 60:].mean(axis=1) * 20 / np.log(10)
    band = np.argmin(np.abs(np.log(LAYOUT.centres_hz / hz)))
    assert np.argmax(reading_db) in (band - 1, band, band + 1)
    assert -3.5 < reading_db.max() < 2.0  # between two bands or two bins a sine reads lower, in wide bands higher


@pytest.mark.parametrize("rate", RATES)
def test_silence_and_bands_beyond_nyquist_hold_the_floor(rate):
    bands = lay(LAYOUT, rate, at_rate(2048, rate))
    assert (bands.audible == (LAYOUT.centres_hz < rate / 2)).all()
    noise = np.random.default_rng(1).standard_normal((1, rate // 2)).astype(np.float32)
    assert (log_band_features(noise, rate)[0, ~bands.audible] == np.float32(LAYOUT.floor)).all()
    assert (log_band_features(0 * noise, rate) == np.float32(LAYOUT.floor)).all()


def test_offset_becomes_gain_where_its_band_is():
    bands = lay(LAYOUT, 48_000, 2048)
    offset = np.zeros((1, LAYOUT.count), np.float32)
    gains = np.zeros((1, 1025), np.float32)
    write_gains(offset, bands.below, bands.toward, bands.reach, gains)
    assert (gains == 1).all()
    offset[0, 60] = np.log(2)
    write_gains(offset, bands.below, bands.toward, bands.reach, gains)
    hz = np.arange(1025) * 48_000 / 2048
    twin = 2 ** np.interp(np.log(hz[1:]), np.log(LAYOUT.centres_hz[59:62]), [0, 1, 0])
    assert np.abs(gains[0, 1:] - twin).max() < 1e-5


def test_offset_fades_beyond_the_outermost_bands():
    bands = lay(LAYOUT, 96_000, 4096)
    gains = np.zeros((1, 2049), np.float32)
    write_gains(np.full((1, LAYOUT.count), 1, np.float32), bands.below, bands.toward, bands.reach, gains)
    hz = np.arange(2049) * 96_000 / 4096
    assert gains[0, 0] == 1 and (gains[0, hz > 16_000 * 2 ** (1 / 3)] == 1).all()
    assert np.allclose(gains[0, (hz > 50) & (hz < 16_000)], np.e, rtol=1e-5)


def test_two_channels_are_features_of_their_own(clip):
    audio, rate = clip("solo_egtr_em9")
    both = log_band_features(audio, rate)
    assert (both[1] == log_band_features(audio[1:2], rate)[0]).all()
