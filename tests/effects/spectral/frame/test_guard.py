"""The guard: identity where nothing is added, within 3 dB always, and never NaN, measured on what comes out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt

from dreampedal.effects.spectral.frame.guard import (
    MARGIN_DB,
    MEMORY_SECONDS,
    Guard,
    farthest_gain,
    guard_hop,
    k_weighting,
    largest_gain,
)

HOP, RATE = 512, 48_000


def guarded(dry, added):
    """Guard a whole signal hop by hop; returns what may be added, and the state."""
    state, added = Guard.silent(RATE, dry.shape[0], HOP), added[:, : dry.shape[1] // HOP * HOP].copy()
    for start in range(0, added.shape[1], HOP):
        part = np.ascontiguousarray(added[:, start : start + HOP])
        guard_hop(np.ascontiguousarray(dry[:, start : start + HOP]), part, state)
        added[:, start : start + HOP] = part
    return added, state


def whole_hops(signal):
    return signal[:, : signal.shape[1] // HOP * HOP]


def loudness_db(signal):
    """Running K-weighted loudness, from coefficients of BS.1770's tables (48 kHz)."""
    sos = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1, -1.99004745483398, 0.99007225036621],
    ]
    power = (sosfilt(sos, signal.astype(np.float64), axis=1) ** 2).sum(axis=0)
    power = power[: power.size // HOP * HOP].reshape(-1, HOP).mean(axis=1)
    keep, mean, means = np.exp(-HOP / RATE / MEMORY_SECONDS), 0.0, []
    for value in power:
        mean = keep * mean + (1 - keep) * value
        means.append(mean)
    return 10 * np.log10(np.maximum(means, 1e-12))


def test_k_weighting_is_the_standards():
    tables = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    assert np.abs(k_weighting(48_000) - tables).max() < 1e-8


def test_nothing_added_stays_nothing(clip):
    dry, _ = clip("solo_egtr_em9")
    added, state = guarded(dry, np.zeros_like(dry))
    assert not added.any() and state.held_hops[0] == 0


@pytest.mark.parametrize("gain", [-3.0, -1.0, -0.5, 0.3, 2.0, 30.0])
@pytest.mark.parametrize("name", ["solo_egtr_em9", "drums_break", "speech_female_en"])
def test_loudness_of_the_sum_stays_within_the_margin(clip, name, gain):
    dry = whole_hops(clip(name)[0])
    added, _ = guarded(dry, gain * dry)
    change = (loudness_db(dry + added) - loudness_db(dry))[loudness_db(dry) > -60]
    assert np.abs(change).max() < MARGIN_DB + 1.5  # the gain takes an eighth of a hop to come down
    assert np.quantile(np.abs(change), 0.9) < MARGIN_DB + 0.2


def test_added_noise_over_silence_is_held_back():
    rng = np.random.default_rng(0)
    added, state = guarded(np.zeros((1, RATE), np.float32), rng.standard_normal((1, RATE)).astype(np.float32))
    assert np.abs(added[:, HOP:]).max() < 1e-5 and state.held_hops[0] > 0


def test_nan_and_infinity_are_muted_and_counted(clip):
    dry, _ = clip("solo_egtr_em9")
    added = 0.1 * dry
    added[0, 1000], added[0, 2000], added[0, 3000] = np.nan, np.inf, -np.inf
    out, state = guarded(dry, added)
    assert np.isfinite(out).all() and state.muted_samples[0] == 3


def test_dc_is_removed(clip):
    dry, _ = clip("solo_egtr_em9")
    out, _ = guarded(dry, np.full_like(dry, 0.001))
    assert np.abs(out[:, RATE:].mean()) < 1e-6


@settings(deadline=None, max_examples=300)
@given(st.floats(1e-9, 10), st.floats(-1, 1), st.floats(1e-9, 1e4), st.floats(1.05, 4))
def test_largest_gain_is_the_largest(dry, correlation, added, ratio):
    cross = correlation * np.sqrt(dry * added)
    gain = largest_gain(dry, cross, added, ratio)

    def change(s):
        return (dry + 2 * s * cross + s * s * added) / dry

    steps = np.linspace(0, gain, 50)
    assert 0 <= gain <= 1
    assert change(steps).max() < ratio * 1.001 and change(steps).min() > 1 / ratio / 1.001 - 1e-9
    if gain < 0.999:
        beyond = change(gain * 1.01)
        assert beyond > ratio * 0.999 or beyond < 1.001 / ratio


@settings(deadline=None, max_examples=300)
@given(st.floats(1e-3, 10), st.floats(-1, 1), st.floats(1e-3, 1e3), st.floats(1.05, 4))
def test_farthest_gain_is_the_whole_wherever_the_whole_is_as_loud_as_the_dry_sound(dry, correlation, added, ratio):
    cross = correlation * np.sqrt(dry * added)
    gain = farthest_gain(dry, cross, added, ratio)

    def change(s):
        return (dry + 2 * s * cross + s * s * added) / dry

    assert 0 <= gain <= 1 and 1 / ratio / 1.001 <= change(gain) <= ratio * 1.001
    if 1 / ratio < change(1) < ratio:
        assert gain == 1
    assert gain >= largest_gain(dry, cross, added, ratio) - 1e-9
