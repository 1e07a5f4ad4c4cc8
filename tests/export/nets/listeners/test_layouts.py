"""How listeners see sound: bands against librosa's, levels, and where they lie."""

import math

import librosa
import numpy as np
import pytest
import torch

from dreampedal.engine.dsp.bands import log_band_features
from dreampedal.export.nets.listeners.layouts import (
    BANDS,
    FLOOR,
    LAYOUTS,
    LONG,
    NEPERS,
    SAMPLE_RATE,
    Layout,
    power_of,
    spectra,
    weights_of,
)  # fmt: skip


def sine(hz, samples=8192, amplitude=1.0):
    return torch.tensor(amplitude * np.sin(2 * np.pi * hz / SAMPLE_RATE * np.arange(samples)), dtype=torch.float32)


@pytest.mark.parametrize(("scale", "htk"), [("mel", True), ("slaney", False)])
def test_scales_and_triangles_are_librosas(scale, htk):
    hz = librosa.mel_frequencies(n_mels=42, fmin=300, fmax=15_000, htk=htk)
    layout = Layout("same", 40, hz[1], hz[-2], scale, window=8192)
    assert np.allclose(layout.edges_hz, hz, rtol=1e-6)
    theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=8192, n_mels=40, fmin=300, fmax=15_000, htk=htk, norm=None)
    assert np.abs(weights_of(layout).numpy().T - theirs).max() < 1e-4


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda one: one.name)
def test_bands_rise_within_what_can_be_heard_and_none_is_empty(layout):
    centres, weights = layout.centres_hz.numpy(), weights_of(layout).numpy()
    assert len(centres) == layout.count and (np.diff(centres) > 0).all()
    assert centres[0] == pytest.approx(layout.low_hz) and centres[-1] == pytest.approx(layout.high_hz)
    assert layout.edges_hz[-1] < SAMPLE_RATE / 2 and (weights.sum(0) > 0).all()
    if layout.by_area:
        assert np.allclose(weights.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda one: one.name)
def test_a_tone_is_seen_in_its_band_and_6_db_less_is_6_db_less(layout):
    hz = float(layout.centres_hz[layout.count // 2])
    loud, soft = (layout.heard(sine(hz, amplitude=a)[None])[0, :, 2] for a in (0.5, 0.25))
    assert abs(int(loud.argmax()) - layout.count // 2) <= 1
    assert float((loud - soft).max()) == pytest.approx(math.log(2), abs=0.02)
    assert layout.heard(torch.zeros(1, 8192)).amax().item() == pytest.approx(FLOOR, abs=0.02)


def test_bands_are_those_that_the_engine_sees(clip):
    audio, rate = clip("solo_cello")
    line = np.ascontiguousarray(librosa.resample(audio[:1, :60_000], orig_sr=rate, target_sr=SAMPLE_RATE), np.float32)
    theirs = log_band_features(line, SAMPLE_RATE)[0]
    ours = BANDS.heard(torch.from_numpy(line))[0].numpy()
    shared = min(ours.shape[1], theirs.shape[1] - 3)  # theirs are counted by where they end, a window behind
    difference = np.where(
        ours[:, :shared] > FLOOR + 20 * NEPERS, np.abs(theirs[:, 3 : 3 + shared] - ours[:, :shared]), 0
    )
    wide = BANDS.centres_hz.numpy() > 420  # below, triangles are as narrow as a bin, which the engine counts as 24 Hz
    assert (difference > 0).sum() > 5_000
    assert difference[wide].max() < 0.03 and np.percentile(difference[~wide], 99) < 0.3


def test_frames_lie_wherever_a_whole_window_does():
    assert spectra(torch.zeros(2, 2048)).shape == (2, 1, 1025)
    assert power_of(torch.zeros(1, 4096 + 512), LONG.window, LONG.hop).shape == (1, 2, 2049)
