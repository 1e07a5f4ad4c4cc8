"""The loss of pitch: nothing where a sound stays, much where another pitch takes over."""

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE, power_of
from dreampedal.export.train.distil import pitch


@pytest.fixture
def sound(clip):
    audio, rate = clip("fiddle_irish")
    return resampled(audio.mean(0, keepdims=True), rate, SAMPLE_RATE)[:, :96_000].astype(np.float32)


def powers(sound):
    return power_of(torch.from_numpy(np.ascontiguousarray(sound)))


def test_a_tone_has_its_period():
    tone = np.sin(2 * np.pi * 200 * np.arange(24_000) / SAMPLE_RATE)[None].astype(np.float32)
    found = pitch.autocorrelation(powers(tone))[0, 3]
    lags = torch.arange(pitch.SHORTEST, pitch.LONGEST)
    expected = torch.cos(2 * np.pi * 200 * lags / SAMPLE_RATE)
    assert (found - expected).abs().max() < 0.05


def test_what_stays_loses_nothing(sound):
    power = powers(sound)
    assert pitch.lost(power, power) < 0.02
    assert pitch.lost(power, 4 * power) < 0.02


def test_noise_and_another_pitch_lose_much(sound):
    power = powers(sound)
    noise = np.random.default_rng(0).normal(0, 0.2, sound.shape).astype(np.float32)
    faster = np.interp(np.arange(sound.shape[1]) * 1.26 % sound.shape[1], np.arange(sound.shape[1]), sound[0])
    assert pitch.lost(power, powers(noise)) > 0.4
    assert pitch.lost(power, powers(faster[None].astype(np.float32))) > 0.15


def test_it_can_be_climbed(sound):
    power = powers(sound)
    gain = torch.ones(power.shape[-1], requires_grad=True)
    pitch.lost(power, power * gain.square() + 1e-3 * torch.rand(power.shape, generator=torch.manual_seed(0))).backward()
    assert torch.isfinite(gain.grad).all() and gain.grad.abs().max() > 0
