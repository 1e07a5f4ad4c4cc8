"""Windows: every kind gives the signal back, and lies next to the Gaussian that it is taken for."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.dsp.windows import GAMMA, KINDS, SYMMETRIC, asymmetric_pair, gaussian, window_pair

SIZES = st.sampled_from([64, 128, 512, 1024, 2048, 4096])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KINDS), SIZES, st.integers(1, 10**6))
def test_the_products_add_up_to_one_for_any_hop(kind, size, number):
    hop = number % (size // 2) + 1
    analysis, synthesis = window_pair(kind, size, hop)
    total = np.zeros(hop)
    np.add.at(total, np.arange(size) % hop, (analysis * synthesis)[::-1])
    assert np.abs(total - 1).max() < 1e-12


@pytest.mark.parametrize("kind", ["hann", "hamming", "blackman"])
def test_named_windows_are_those_of_scipy(kind):
    wanted = scipy.signal.get_window(kind, 512, fftbins=True)
    assert np.abs(SYMMETRIC[kind](512) - wanted).max() < 1e-12


def test_the_gauss_window_is_its_own_gaussian():
    gamma, centre = gaussian("gauss", SYMMETRIC["gauss"](1024))
    assert np.abs(SYMMETRIC["gauss"](1024) - np.exp(-np.pi * (np.arange(1024) - centre) ** 2 / gamma)).max() < 1e-12
    assert SYMMETRIC["gauss"](1024)[0] == pytest.approx(0.01)


@pytest.mark.parametrize("kind", GAMMA)
def test_gamma_is_near_that_of_the_nearest_gaussian(kind):
    """In least squares, over a fine grid; the published values come from fits that are not described."""
    window, place = SYMMETRIC[kind](2048), np.arange(2048) - 1024
    grid = np.linspace(0.1, 0.4, 601)
    errors = [np.sum((window - np.exp(-np.pi * place**2 / (g * 2048**2))) ** 2) for g in grid]
    assert grid[np.argmin(errors)] == pytest.approx(GAMMA[kind], rel=0.025)


def test_an_asymmetric_window_takes_gamma_from_its_spread():
    """The same rule, used on a Gaussian that stands aside, finds it; on Hann it is 2 % from the published value."""
    aside = np.exp(-np.pi * (np.arange(2048) - 1500) ** 2 / 90_000)
    assert gaussian("asymmetric", aside) == (pytest.approx(90_000), pytest.approx(1500))
    gamma, centre = gaussian("asymmetric", SYMMETRIC["hann"](2048))
    assert gamma == pytest.approx(GAMMA["hann"] * 2048**2, rel=0.03) and centre == pytest.approx(1024)
    assert Frames(2048, 128, "asymmetric").centre > 1200


def test_a_short_synthesis_hears_only_the_end_of_a_long_frame():
    analysis, synthesis = asymmetric_pair(1024, 64, 4)
    assert (synthesis[:768] == 0).all() and (synthesis[768:] > 0).all() and (analysis > 0).all()
    assert analysis.argmax() == 1024 - 128 - 1 and Frames(1024, 64, "asymmetric").delay_samples == 192
    assert Frames(1024, 64).delay_samples == 960


def test_an_unknown_window_is_refused():
    with pytest.raises(ValueError, match="'kaiser': expected one of hann, hamming, blackman, gauss, asymmetric"):
        Frames(1024, 256, "kaiser")
