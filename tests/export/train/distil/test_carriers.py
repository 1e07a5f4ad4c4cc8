"""The twin of resynthesis in torch: the carriers of the engine, and amplitudes that go straight between bands."""

import numpy as np
import pytest
import torch

from dreampedal.effects.spectral.carriers.frame import (
    CARRIERS,
    CarrierState,
    CarrierTables,
    add_carriers,
    write_amplitudes,
    write_carriers,
)
from dreampedal.effects.spectral.carriers.whole import FRAMES
from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.engine.dsp.stft import FrameState
from dreampedal.export.nets.listeners.layouts import spectra
from dreampedal.export.train.distil.carriers import carried, carrier_spectra

RATE = 48_000


@pytest.mark.any_recording
@pytest.mark.parametrize("name", ["solo_cello", "solo_piano"])
def test_what_training_adds_is_what_the_engine_adds(name, clip):
    sound = np.ascontiguousarray(clip(name)[0][:1, :20_480])
    added = torch.rand(1, 4, 96, 37, generator=torch.Generator().manual_seed(1)) * 2
    expected = carried(carrier_spectra(torch.from_numpy(sound)), added)[0].numpy()
    state, tables = FrameState.silent(FRAMES, 1), CarrierTables.of(FRAMES, RATE)
    own, laid = CarrierState.silent(1, FRAMES.bins), lay(BandLayout(), RATE, 2048)
    for start in range(0, 1536, 512):
        FRAMES.analyse(np.ascontiguousarray(sound[:, start : start + 512]), state)
    for frame in range(expected.shape[0]):
        start = 1536 + frame * 512
        spectrum = FRAMES.analyse(np.ascontiguousarray(sound[:, start : start + 512]), state)
        write_carriers(spectrum, frame, tables, np.ones(4, bool), own)
        amplitudes, out = np.zeros((1, 4, FRAMES.bins), np.float32), np.zeros_like(spectrum)
        bands = np.ascontiguousarray(added[:, :, :, frame].numpy())
        write_amplitudes(bands, laid.below, laid.toward, laid.reach, amplitudes)
        add_carriers(own.carriers, amplitudes, out)
        found = out[0, 0] + 1j * out[1, 0]
        assert np.linalg.norm(found - expected[frame]) < 1e-5 * np.linalg.norm(expected[frame])


def test_carriers_come_in_the_order_asked_and_lie_on_the_frames_of_listeners():
    sound = torch.randn(3, 8192, generator=torch.Generator().manual_seed(2))
    every, some = carrier_spectra(sound), carrier_spectra(sound, ["breath", "below"])
    frames, bins = spectra(sound).shape[1:]
    assert every.shape == (3, 4, frames, bins)
    assert torch.equal(some[:, 0], every[:, CARRIERS.index("breath")])
    assert torch.equal(some[:, 1], every[:, CARRIERS.index("below")])


def test_an_amplitude_is_learned_through():
    sound = torch.randn(2, 8192, generator=torch.Generator().manual_seed(3))
    found = carrier_spectra(sound, ["breath"])
    added = torch.full((2, 1, 96, found.shape[2]), 0.5, requires_grad=True)
    carried(found, added).abs().sum().backward()
    assert torch.isfinite(added.grad).all()
    assert (added.grad[:, :, 30:] != 0).all()  # below, bands lie closer than bins
