"""The kernels around a student against slow, plain twins."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.effects.spectral.frame.answers import LOUDEST, SMALLEST, follow, hear


@given(seed=st.integers(0, 1 << 16), rows=st.sampled_from([1, 2]), gate_db=st.floats(-90, 0))
def test_hear(seed, rows, gate_db):
    rng = np.random.default_rng(seed)
    spectrum = (10 ** rng.uniform(-3, 3) * rng.normal(size=(2, 2, 129))).astype(np.float32)
    newest = rng.normal(0, 8, (rows, 12)).astype(np.float32)
    heard, awake = np.zeros_like(newest), np.zeros(rows, np.bool_)
    hear(spectrum, newest, gate_db, heard, awake)
    assert np.array_equal(heard, np.minimum(newest, np.float32(LOUDEST)))
    power = np.sum(spectrum.astype(np.float64) ** 2, axis=(0, 2))
    level = 10 * np.log10(2 * power / (256 * 0.375 * 256))
    for row in range(rows):
        loudest = level.max() if rows == 1 else level[row]
        if abs(loudest - gate_db) > 1e-3:
            assert awake[row] == (loudest >= gate_db)


@given(seed=st.integers(0, 1 << 16), scale=st.floats(0, 1), kept=st.floats(0, 1))
def test_follow(seed, scale, kept):
    rng = np.random.default_rng(seed)
    answer, wanted = (rng.normal(0, 10.0 ** rng.uniform(-10, 0), (3, 8)).astype(np.float32) for _ in range(2))
    awake = rng.random(3) < 0.5
    faded = wanted * np.float32(kept)
    faded[np.abs(faded) < np.float32(SMALLEST)] = 0
    expected = np.where(awake[:, None], answer * np.float32(scale), faded)
    follow(answer, scale, kept, awake, wanted)
    np.testing.assert_allclose(wanted, expected, rtol=1e-6, atol=0)
