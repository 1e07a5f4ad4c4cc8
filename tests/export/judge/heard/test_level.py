"""Loudness, peaks and pumping against sounds whose figures are known by hand."""

import numpy as np
import pytest

from dreampedal.effects.spectral.measure import loudness_db
from dreampedal.export.judge.heard.level import loudness_difference_db, pulsing, pumping_db, true_peak_db

pytestmark = pytest.mark.any_recording

RATE = 48_000
TIME = np.arange(4 * RATE) / RATE


def tremolo(carrier, hz, depth):
    return np.asarray(carrier * (1 + depth * np.sin(2 * np.pi * hz * TIME)), np.float32)[None]


@pytest.fixture
def noise():
    return np.random.default_rng(1).standard_normal(TIME.size) * 0.05


@pytest.mark.parametrize("hz", [5, 6, 8, 12])
@pytest.mark.parametrize("depth", [0.1, 0.3])
def test_a_tremolo_pulses_with_half_its_depth_squared(hz, depth):
    tone = 0.2 * np.sin(2 * np.pi * 440 * TIME)
    assert pulsing(tremolo(tone, hz, depth), RATE) == pytest.approx(depth**2 / 2, rel=0.15)


@pytest.mark.parametrize("level_db", [-30, 0, 12])
def test_a_deeper_tremolo_pumps_by_so_many_decibels_at_any_level(level_db):
    tone = 0.1 * np.sin(2 * np.pi * 300 * TIME)
    dry, wet = tremolo(tone, 6, 0.2), tremolo(tone, 6, 0.4) * np.float32(10 ** (level_db / 20))
    assert pumping_db(dry, wet, RATE) == pytest.approx(6.02, abs=0.4)


def test_a_tremolo_on_noise_and_on_a_recording_shows(noise, clip):
    assert pumping_db(noise[None].astype(np.float32), tremolo(noise, 6, 0.5), RATE) > 6
    audio, rate = clip("solo_cello")
    clock = np.arange(audio.shape[1]) / rate
    wet = audio * (1 + 0.6 * np.sin(2 * np.pi * 6 * clock)).astype(np.float32)
    assert pumping_db(audio, wet, rate) > 1.5
    assert pumping_db(audio, audio, rate) == 0
    assert pumping_db(audio, 0.1 * audio, rate) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("hz", [0.5, 1, 40])
def test_slower_and_faster_changes_are_no_pumping(hz):
    tone = 0.2 * np.sin(2 * np.pi * 440 * TIME)
    assert pulsing(tremolo(tone, hz, 0.3), RATE) < 0.1 * 0.3**2 / 2


def test_silence_does_not_pump():
    silence = np.zeros((2, RATE), np.float32)
    assert pulsing(silence, RATE) == 0 and pumping_db(silence, silence, RATE) == 0
    assert pulsing(silence[:, :100], RATE) == 0


def test_the_second_that_differs_most_counts_and_silence_does_not(noise):
    dry = noise[None].astype(np.float32)
    wet = dry.copy()
    wet[:, 2 * RATE : 3 * RATE] *= 2
    assert loudness_difference_db(dry, wet, RATE) == pytest.approx(6.02, abs=0.1)
    wet = dry * np.float32(0.5)
    assert loudness_difference_db(dry, wet, RATE) == pytest.approx(-6.02, abs=0.01)
    dry[:, 2 * RATE :] *= 1e-3
    wet = dry.copy()
    wet[:, 3 * RATE :] *= 100
    assert abs(loudness_difference_db(dry, wet, RATE)) < 0.2


def test_loudness_of_a_whole_sound_is_that_of_the_engine(clip):
    audio, rate = clip("solo_flute")
    wet = np.asarray(audio * np.float32(0.7) + 0.01 * np.roll(audio, 999, 1), np.float32)
    whole = loudness_difference_db(audio, wet, rate, seconds=audio.shape[1] / rate)
    assert whole == pytest.approx(loudness_db(wet, rate) - loudness_db(audio, rate), abs=1e-3)


def test_a_true_peak_lies_between_samples():
    quarter = np.sin(2 * np.pi * (np.arange(4800) / 4 + 1 / 8))[None].astype(np.float32)
    assert np.abs(quarter).max() == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert true_peak_db(quarter[:, :4800] * np.hanning(4800).astype(np.float32)) == pytest.approx(0, abs=0.1)
    assert true_peak_db(np.zeros((1, 100), np.float32)) == -200
