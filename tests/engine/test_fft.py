"""The FFT against NumPy's in float64, on noise of every level, for every size that frames use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.fft import irfft_add, plan, rfft, scratch

SIZES = [2**n for n in range(4, 15)]


def spectrum_of(samples, window):
    re, im = np.full((2, samples.size // 2 + 1), np.nan, np.float32)
    rfft(samples, window, re, im, *plan(samples.size), scratch(samples.size))
    return re + 1j * im


@pytest.mark.parametrize("size", SIZES)
def test_forward_equals_float64_twin(size):
    rng = np.random.default_rng(size)
    samples, window = rng.standard_normal((2, size)).astype(np.float32)
    twin = np.fft.rfft(samples.astype(np.float64) * window)
    assert np.abs(spectrum_of(samples, window) - twin).max() < 4e-7 * np.abs(twin).max()


@settings(deadline=None)  # the first call compiles
@given(st.sampled_from(SIZES), st.integers(0, 2**32 - 1), st.floats(-8, 4))
def test_inverse_adds_the_windowed_signal_at_any_level(size, seed, decades):
    rng = np.random.default_rng(seed)
    samples, onto, window = (rng.standard_normal((3, size)) * 10**decades).astype(np.float32)
    ones = np.ones(size, np.float32)
    wanted = onto.astype(np.float64) + samples.astype(np.float64) * window
    re, im = np.ascontiguousarray(spectrum_of(samples, ones).view(np.float32).reshape(-1, 2).T)
    irfft_add(re, im, window, onto, *plan(size), scratch(size))
    assert np.abs(onto - wanted).max() <= 2e-6 * max(np.abs(wanted).max(), np.abs(samples).max() * np.abs(window).max())


def test_an_impulse_turns_at_its_own_rate():
    samples = np.zeros(2048, np.float32)
    samples[3] = 1
    turns = np.exp(-2j * np.pi * 3 * np.arange(1025) / 2048)
    assert np.abs(spectrum_of(samples, np.ones(2048, np.float32)) - turns).max() < 1e-6


@pytest.mark.parametrize("size", [0, 8, 100, 2047, 3072])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        plan(size)
