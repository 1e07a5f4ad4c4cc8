"""The torch twin of how offsets are played, beside the engine itself."""

import numpy as np
import pytest
import torch

from dreampedal.effects.spectral.base import BandEffect
from dreampedal.effects.spectral.frame_effect import FrameEffect
from dreampedal.engine.dsp.bands import log_band_features
from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.nets.listeners.layouts import SAMPLE_RATE, power_of, spectra
from dreampedal.export.train.distil import played

REACH = 1.5


class Given(FrameEffect, family=True):
    """Plays the offsets that it is given, a hop after another."""

    def __init__(self, course, **values):
        self.course = course
        super().__init__(**values)

    def offset_function(self, spec):
        hops = iter(self.course)
        return lambda features: next(hops, np.zeros(96, np.float32))


@pytest.fixture
def sound(clip):
    audio, rate = clip("solo_cello")
    return resampled(audio.mean(0, keepdims=True), rate, SAMPLE_RATE)[:, 24_000:96_000].astype(np.float32)


def test_features_are_those_of_the_engine(sound):
    found = played.features(power_of(torch.from_numpy(sound)))[0].numpy()
    expected = log_band_features(sound, SAMPLE_RATE)[0][:, 3:]  # the first three of the stream begin before the sound
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], atol=2e-3)


def test_frames_come_back_as_they_were(sound):
    whole = torch.from_numpy(sound)
    again = played.overlap_added(spectra(whole))
    inside = slice(3 * played.HOP, again.shape[1] - 3 * played.HOP)
    np.testing.assert_allclose(again[:, inside], whole[:, inside], atol=1e-6)


def test_it_plays_what_the_engine_plays(sound, monkeypatch):
    """All but the guard and the slow make-up gain, which the twin leaves out."""
    monkeypatch.setattr(BandEffect, "keeps_loudness", True)
    monkeypatch.setattr("dreampedal.effects.spectral.frame.kernels.MAKEUP_SHARE", 0.0)
    rng = np.random.default_rng(0)
    frames = 1 + (sound.shape[1] - played.WINDOW) // played.HOP
    coarse = rng.normal(0, 0.5, (12, 1 + frames // 12))
    course = np.kron(coarse, np.ones((8, 12)))[:, :frames].astype(np.float32)
    silent = np.zeros((3, 96), np.float32)
    effect = Given([*silent, *course.T], reach_db=REACH * 20 / np.log(10), gate_db=-120.0)
    wet = effect(sound, SAMPLE_RATE)
    dry = spectra(torch.from_numpy(sound))
    offset = played.matched(dry.abs().square(), torch.from_numpy(course)[None], torch.full((1,), REACH))
    twin = played.overlap_added(dry * played.gains(offset)).numpy()
    inside = slice(8 * played.HOP, twin.shape[1] - 4 * played.HOP)
    apart = np.sqrt(np.mean((wet[:, inside] - twin[:, inside]) ** 2) / np.mean(twin[:, inside] ** 2))
    changed = np.sqrt(np.mean((wet[:, inside] - sound[:, inside]) ** 2) / np.mean(sound[:, inside] ** 2))
    assert apart < 0.05 * changed


def test_a_frame_stays_as_loud_as_it_was(sound):
    power = power_of(torch.from_numpy(sound))
    frames = power.shape[1]
    offset = torch.linspace(-0.4, 0.6, 96)[None, :, None].expand(1, 96, frames)
    gain = played.gains(played.matched(power, offset, torch.full((1,), 3.0)))
    weighed = power * played.loudness_of_bins()
    louder = 10 * torch.log10((weighed * gain.square()).sum(-1) / weighed.sum(-1))
    assert louder.abs().median() < 0.3
    assert (played.matched(power, offset, torch.full((1,), 0.2)).abs() <= 0.2).all()
