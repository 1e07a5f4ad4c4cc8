"""Tilt on real recordings: a straight line over octaves, in every mode, and nothing at all at 0 dB."""

import numpy as np
import pytest

from dreampedal import Board, Tilt

from ..signals import in_parts, streamed

MODES = ["studio", "live", "instant"]
every_mode = pytest.mark.parametrize("mode", MODES)
LOWEST_HZ = {"studio": 100, "live": 500, "instant": 500}
"""From where on a mode's frames resolve the tilt: below, a filter of so few taps runs neighbours together."""


def change_db(dry, wet, hz, low, high):
    """By how much power rose between two frequencies."""
    inside = (hz >= low) & (hz < high)
    return 10 * np.log10(wet[inside].sum() / dry[inside].sum())


def spectrum(audio):
    return np.abs(np.fft.rfft(audio * np.hanning(audio.size))) ** 2


@every_mode
@pytest.mark.parametrize("slope", [-3.0, 3.0])
@pytest.mark.parametrize("name", ["mix_rock", "speech_female_en", "drums_break"])
def test_thirds_of_octaves_move_by_the_slope(name, slope, mode, clip):
    audio, rate = clip(name)
    audio = np.ascontiguousarray(audio[:1, : 4 * rate])
    wet = Tilt(db_per_octave=slope, pivot_hz=800.0, mode=mode)(audio, rate)
    settled = slice(rate // 4, None)
    before, after = spectrum(audio[0, settled]), spectrum(wet[0, settled])
    hz = np.fft.rfftfreq(audio[0, settled].size, 1 / rate)
    tilted = before * 10 ** (slope * np.log2(np.maximum(hz, 1) / 800) / 10)
    loud = [centre for centre in 800 * 2.0 ** (np.arange(-9, 13) / 3) if LOWEST_HZ[mode] <= centre <= 10_000]
    apart = [change_db(tilted, after, hz, centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6)) for centre in loud]
    assert np.abs(apart).max() < 0.4 and np.median(np.abs(apart)) < 0.05


@every_mode
def test_no_slope_is_the_input(mode, guitar):
    audio, rate = guitar
    assert np.array_equal(Tilt(mode=mode)(audio, rate), audio)
    assert np.array_equal(Tilt(mode=mode, db_per_octave=6.0, amount=0.0)(audio, rate), audio)
    assert np.array_equal(Tilt(mode=mode, db_per_octave=6.0, mix=0.0)(audio, rate), audio)


@every_mode
def test_any_partition_gives_the_same_samples_at_the_latency_that_is_reported(mode, guitar):
    audio, rate = guitar
    effect = Tilt(db_per_octave=2.0, mode=mode)
    assert np.array_equal(in_parts(effect, audio, rate, [1, 700, 64, 9]), effect(audio, rate))
    out, stream = streamed(effect, audio, rate, [100])
    assert stream.latency == effect.latency_at(rate) == {"studio": 2048, "live": 256, "instant": 0}[mode]
    assert np.array_equal(out[:, stream.latency :], effect(audio, rate)[:, : out.shape[1] - stream.latency])


@every_mode
def test_a_change_of_slope_is_heard_and_never_clicks(mode, guitar):
    audio, rate = guitar
    effect = Tilt(mode=mode)
    stream, out = effect.stream(rate, 2, 512), []
    for start in range(0, 51_200, 512):
        effect.db_per_octave = 3.0 if start >= 25_600 else 0.0
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 512])).copy())
    out = np.concatenate(out, axis=1)
    steady = Tilt(mode=mode, db_per_octave=3.0)(audio, rate)
    assert np.abs(np.diff(out)).max() < 1.2 * np.abs(np.diff(steady)).max()
    assert np.array_equal(out[:, stream.latency : 25_600], audio[:, : 25_600 - stream.latency])
    later = slice(40_000, 51_200)
    assert np.abs(out[:, later] - audio[:, later.start - stream.latency : later.stop - stream.latency]).max() > 0.01


def test_frozen_it_stays_as_it_was(guitar):
    audio, rate = guitar
    effect = Tilt(db_per_octave=3.0)
    stream = effect.stream(rate, 2, 20_480)
    stream.process(np.ascontiguousarray(audio[:, :20_480]))
    effect.freeze, effect.db_per_octave = True, 0.0
    held = stream.process(np.ascontiguousarray(audio[:, 20_480:40_960]))
    assert np.abs(held - audio[:, 20_480 - 2048 : 40_960 - 2048]).max() > 0.01


def test_values_and_boards():
    with pytest.raises(ValueError, match=r"Tilt.db_per_octave = 7: expected a number from -6 to 6 dB/octave"):
        Tilt(db_per_octave=7)
    with pytest.raises(ValueError, match=r"Tilt.mode = 'fast': expected one of studio, live, instant"):
        Tilt(mode="fast")
    with pytest.raises(ValueError, match=r"Tilt.low_hz = 500 is above high_hz = 100"):
        Tilt(low_hz=500, high_hz=100)
    assert Board([Tilt(mode="live"), Tilt()]).latency_at(48_000) == 256 + 2048
    assert repr(Tilt(db_per_octave=1.5)).endswith("db_per_octave=1.5, pivot_hz=1000.0)")
