"""Logarithm, sine and cosine against NumPy's in float64, over all that they are used for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.dsp.phase.arithmetic import SMALLEST, cosine, logarithms, sine


def logarithm(values):
    values = np.asarray(values, np.float32)
    out, work = np.full((2, values.size), np.nan, np.float32)
    logarithms(values, out, work)
    return out


def test_logarithm_over_all_magnitudes():
    values = np.float32(10.0) ** np.linspace(-29, 15, 100_001).astype(np.float32)
    wanted = np.log(values.astype(np.float64))
    assert np.abs(logarithm(values) - wanted).max() < 1e-5
    near = values[np.abs(wanted) < 10]
    assert np.abs(logarithm(near) - np.log(near.astype(np.float64))).max() < 2e-6


@given(st.floats(0, float(np.float32(SMALLEST)), width=32))
def test_logarithm_of_silence_and_denormals_is_that_of_the_smallest(value):
    assert logarithm([value])[0] == pytest.approx(np.log(SMALLEST), abs=1e-5)


def test_sine_and_cosine_over_a_turn():
    turns = np.linspace(-0.5, 0.5, 4001, dtype=np.float32)
    angles = 2 * np.pi * turns.astype(np.float64)
    assert max(abs(cosine(t) - np.cos(a)) for t, a in zip(turns, angles, strict=True)) < 1e-6
    assert max(abs(sine(t) - np.sin(a)) for t, a in zip(turns, angles, strict=True)) < 1e-6
