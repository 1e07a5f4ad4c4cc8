"""The ceiling: nothing above it, nothing changed below it, the same for any blocks."""

from itertools import pairwise

import numpy as np
import pytest

from dreampedal.engine.dsp.ceiling import RELEASE_SECONDS, Ceiling


def by_hand(audio, peak, keep):
    """The same, one sample after the other."""
    held, gain = audio.copy(), 1.0
    for at in range(audio.shape[1]):
        loudest = float(np.abs(audio[:, at]).max())
        gain = 1 - (1 - gain) * keep
        gain = min(gain, peak / loudest) if loudest else gain
        held[:, at] = np.clip(audio[:, at] * gain, -peak, peak)
    return held


@pytest.fixture
def loud():
    return np.random.default_rng(0).normal(0, 0.6, (2, 5000)).astype(np.float32)


def test_equals_the_obvious_loop(loud):
    peak = np.float32(10 ** (-6 / 20))
    wanted = by_hand(loud, peak, np.exp(-1 / (RELEASE_SECONDS * 48_000)))
    np.testing.assert_allclose(Ceiling(-6, 48_000).process(loud), wanted, atol=1e-6)


def test_never_above_and_untouched_below(loud):
    assert np.abs(Ceiling(-12, 44_100).process(loud * 100)).max() <= np.float32(10 ** (-12 / 20))
    quiet = loud * 0.1
    np.testing.assert_array_equal(Ceiling(-1, 44_100).process(quiet), quiet)


def test_any_blocks_give_the_same_samples(loud):
    ceiling, cuts = Ceiling(-6, 48_000), [0, 1, 2, 700, 4096, 5000]
    parts = [ceiling.process(loud[:, a:b]) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts, 1), Ceiling(-6, 48_000).process(loud))


@pytest.mark.parametrize("ceiling_db", [1, -100, float("nan")])
def test_refuses_what_is_no_ceiling(ceiling_db):
    with pytest.raises(ValueError, match="expected -60 to 0"):
        Ceiling(ceiling_db, 48_000)
