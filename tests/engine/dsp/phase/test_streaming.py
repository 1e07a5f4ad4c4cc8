"""The estimator as a thing that runs for ever: what it takes and refuses, silence, and the same bits every time."""

import copy
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.runtime import _nrt_python as runtime
from numba.core.runtime import rtsys
from numba.types import Array, BaseTuple

from dreampedal.engine.dsp.phase import METHODS, Estimator
from dreampedal.engine.dsp.phase.fitted import push_fitted
from dreampedal.engine.dsp.phase.gradient import push_gradient
from dreampedal.engine.dsp.phase.peaks import push_peaks
from dreampedal.engine.dsp.phase.refinement import push_refined
from dreampedal.engine.dsp.stft import Frames

from .frames_of import estimated, magnitudes

LOOKAHEAD = {"spsi": 0, "rtpghi": 1, "rtpghi_plain": 1, "rtisi": 2, "gsrtisi": 2, "hybrid": 3}
EVERY = pytest.mark.parametrize("method", METHODS)

any_method = st.sampled_from(METHODS)
any_frames = st.builds(
    Frames,
    st.sampled_from([128, 256]),
    st.sampled_from([8, 16, 32]),
    st.sampled_from(["hann", "hamming", "asymmetric"]),
)


def noise(seed, count, channels, bins, spread=2.0):
    """Magnitudes of any level between quiet and loud, (count, channels, bins)."""
    drawn = np.random.default_rng(seed).standard_normal((count, channels, bins)) * spread
    return np.exp(drawn).astype(np.float32)


def pushed(estimator, frames, *rest):
    return np.array([estimator.push(frame, *rest).copy() for frame in frames])


@settings(deadline=None)
@given(any_method, any_frames, st.integers(1, 3), st.integers(0, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_magnitudes_come_back_after_the_lookahead(method, frames, channels, ahead, iterations, seed):
    ahead = min(ahead, LOOKAHEAD[method])
    estimator = Estimator(frames, channels, method, ahead, iterations)
    wanted = noise(seed, 8, channels, frames.bins)
    played = pushed(estimator, wanted)
    assert estimator.latency_frames == ahead
    assert not played[:ahead].any()
    length = np.hypot(played[ahead:, 0], played[ahead:, 1])
    assert np.abs(length / wanted[: 8 - ahead] - 1).max() < 1e-5


@EVERY
def test_channels_do_not_hear_each_other(method):
    frames, both = Frames(256, 64), noise(3, 12, 2, 129)
    together = pushed(Estimator(frames, 2, method, LOOKAHEAD[method]), both)
    for channel in range(2):
        alone = pushed(Estimator(frames, 1, method, LOOKAHEAD[method]), both[:, channel : channel + 1])
        assert np.array_equal(alone[:, :, 0], together[:, :, channel])


@EVERY
def test_a_copied_state_goes_on_with_the_same_bits_beside_another_stream(method):
    frames, sound = Frames(256, 64), noise(4, 20, 1, 129)
    first, second = (Estimator(frames, 1, method, LOOKAHEAD[method]) for _ in range(2))
    whole = pushed(first, sound)
    first.reset()
    parts = [first.push(frame).copy() for frame in sound[:9]]
    second.state = copy.deepcopy(first.state)
    for frame in sound[9:]:
        parts.append(second.push(frame).copy())
        first.push(frame[:, ::-1])
    assert np.array_equal(np.array(parts), whole)


@EVERY
def test_level_changes_nothing_but_the_level(method):
    frames, sound = Frames(256, 64), noise(5, 10, 1, 129, spread=0.5)
    ahead = LOOKAHEAD[method]
    reference = pushed(Estimator(frames, 1, method, ahead), sound)[ahead:]
    for level in (2.0**-20, 2.0**20):
        found = pushed(Estimator(frames, 1, method, ahead), sound * np.float32(level))[ahead:] / level
        assert np.linalg.norm(found - reference) < 0.02 * np.linalg.norm(reference)


@EVERY
@pytest.mark.parametrize("hops", [0, 1, 7, 500])
def test_silence_is_silence_and_what_follows_sounds(method, hops):
    frames, ahead = Frames(256, 64), LOOKAHEAD[method]
    estimator = Estimator(frames, 1, method, ahead)
    silence, sound = np.zeros((hops, 1, 129), np.float32), noise(6, 6, 1, 129)
    assert not pushed(estimator, silence).any()
    played = pushed(estimator, np.concatenate([sound, np.zeros((ahead + 300, 1, 129), np.float32)]))[ahead:]
    assert np.abs(np.hypot(played[:6, 0], played[:6, 1]) / sound - 1).max() < 1e-5
    assert not played[6:].any()
    again = pushed(estimator, sound)[ahead:]
    assert np.abs(np.hypot(again[:, 0], again[:, 1]) / sound[: 6 - ahead] - 1).max() < 1e-5


@EVERY
@pytest.mark.parametrize("value", [1e-45, 1e-38, 1e-20, 1e15])
def test_denormal_and_huge_magnitudes_stay_finite(method, value):
    estimator = Estimator(Frames(256, 64), 1, method, LOOKAHEAD[method])
    frame = np.full((1, 129), value, np.float32)
    for _ in range(20):
        played = estimator.push(frame)
        assert np.isfinite(played).all()
        assert np.hypot(*played).max() <= np.float32(value) * 1.001 + 1e-44


@EVERY
@pytest.mark.any_recording
def test_an_onset_after_silence_is_an_onset(clip, method):
    frames, ahead = Frames(512, 128), LOOKAHEAD[method]
    audio = clip("drums_break")[0][0, 22_050:44_100]
    quiet = np.zeros(44_100, np.float32)
    magnitude = magnitudes(np.concatenate([quiet, audio]), frames)
    spectra = estimated(magnitude, frames, method=method, lookahead_frames=ahead)
    assert np.isfinite(spectra).all()
    assert np.allclose(np.abs(spectra), magnitude, rtol=1e-4, atol=1e-7)


@EVERY
def test_known_bins_come_back_to_the_bit_and_the_rest_is_estimated(method):
    frames, ahead, rng = Frames(256, 64), LOOKAHEAD[method], np.random.default_rng(8)
    estimator = Estimator(frames, 2, method, ahead)
    known = rng.standard_normal((10, 2, 2, 129)).astype(np.float32)
    magnitude = np.hypot(known[:, 0], known[:, 1])
    weight = rng.choice([0, 0.5, 1], (10, 2, 129)).astype(np.float32)
    played = np.array([estimator.push(*frame).copy() for frame in zip(magnitude, known, weight, strict=True)])[ahead:]
    free = pushed(Estimator(frames, 2, method, ahead), magnitude)[ahead:]
    known, weight = known[: 10 - ahead], np.stack([weight[: 10 - ahead]] * 2, 1)
    assert np.array_equal(played[weight == 0], known[weight == 0])
    assert np.abs(np.hypot(played[:, 0], played[:, 1]) / magnitude[: 10 - ahead] - 1).max() < 1e-5
    assert np.abs(played - known)[weight == 1].mean() > 0.3
    kept = (played * known).sum(1) / magnitude[: 10 - ahead] ** 2
    assert kept[weight[:, 0] == 0.5].min() > -0.01
    assert not np.array_equal(played, free)


@EVERY
def test_weight_one_is_the_estimate_and_weight_zero_costs_no_freedom_later(method):
    frames, ahead = Frames(256, 64), LOOKAHEAD[method]
    magnitude = noise(9, 10, 1, 129)
    known = np.stack([magnitude, 0 * magnitude], 1)
    leaning, free = (Estimator(frames, 1, method, ahead, 2) for _ in range(2))
    ones = np.ones((1, 129), np.float32)
    led = np.array([leaning.push(m, k, ones).copy() for m, k in zip(magnitude, known, strict=True)])
    assert np.linalg.norm(led - pushed(free, magnitude)) < 1e-2 * np.linalg.norm(led)
    for m, k in zip(magnitude, known, strict=True):
        leaning.push(m, k, 0 * ones)
    later = pushed(leaning, magnitude)[ahead:]
    assert np.abs(later[:, 1]).max() > 0.1


def test_a_frame_that_is_known_passes_through_when_it_starts_in_the_middle():
    estimator = Estimator(Frames(256, 64), 1, "hybrid", 3)
    sound = noise(10, 4, 1, 129)
    pushed(estimator, sound)
    known = np.stack([sound[0], 0 * sound[0]])
    played = [estimator.push(sound[0], known, np.zeros((1, 129), np.float32)).copy() for _ in range(4)]
    for t in range(3):
        assert np.abs(np.hypot(*played[t]) / sound[1 + t] - 1).max() < 1e-5
    assert np.array_equal(played[3], known)


@EVERY
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, -1e-6, 1e16])
def test_bad_magnitudes_are_refused_and_leave_no_trace(method, bad):
    frames, sound = Frames(256, 64), noise(11, 10, 1, 129)
    clean, tried = (Estimator(frames, 1, method, LOOKAHEAD[method]) for _ in range(2))
    wanted, found = pushed(clean, sound), []
    for frame in sound:
        spoilt = frame.copy()
        spoilt[0, 77] = bad
        with pytest.raises(ValueError, match="expected numbers from 0 to 1e\\+15"):
            tried.push(spoilt)
        found.append(tried.push(frame).copy())
    assert np.array_equal(np.array(found), wanted)


@pytest.mark.parametrize("shape", [(129,), (2, 129), (1, 128), (1, 129, 1), (0, 129)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(channels, bins\) = \(1, 129\)"):
        Estimator(Frames(256, 64), 1).push(np.zeros(shape, np.float32))


def test_known_frames_need_weights_and_both_their_shapes_and_ranges():
    estimator, flat = Estimator(Frames(256, 64), 1), np.zeros((1, 129), np.float32)
    with pytest.raises(ValueError, match="both or neither"):
        estimator.push(flat, np.zeros((2, 1, 129), np.float32))
    with pytest.raises(ValueError, match=r"expected \(2, 1, 129\) and \(1, 129\)"):
        estimator.push(flat, np.zeros((1, 1, 129), np.float32), flat)
    for known, weight in ((np.nan, 0.5), (np.inf, 0.5), (0, np.nan), (0, -0.1), (0, 1.1)):
        with pytest.raises(ValueError, match="weights from 0 to 1"):
            estimator.push(flat, np.full((2, 1, 129), known, np.float32), np.full((1, 129), weight, np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "guess"}, "phase method 'guess': expected one of spsi, rtpghi"),
        ({"channels": 0}, "0 channels: expected a whole number from 1"),
        ({"channels": 10**9}, "channels: expected a whole number from 1 to 65536"),
        ({"channels": "2"}, "'2' channels: expected a whole number"),
        ({"lookahead_frames": 1.0}, "look-ahead of 1.0 frames: expected 0 to 4"),
        ({"lookahead_frames": float("nan")}, "look-ahead of nan frames"),
        ({"method": "rtpghi", "lookahead_frames": 2}, "look-ahead of 2 frames: expected 0 to 1 for rtpghi"),
        ({"method": "spsi", "lookahead_frames": 1}, "expected 0 to 0 for spsi"),
        ({"lookahead_frames": -1}, "expected 0 to 4 for hybrid"),
        ({"lookahead_frames": 5}, "expected 0 to 4 for hybrid"),
        ({"iterations": 0}, "0 iterations: expected a whole number from 1 to 1000"),
        ({"iterations": float("inf")}, "inf iterations: expected a whole number"),
        ({"iterations": 10**30}, "iterations: expected a whole number from 1 to 1000"),
        ({"momentum": 1 - 1e-12}, "expected 0 to below 1"),
        ({"momentum": None}, "momentum of None: expected 0 to below 1"),
        ({"method": ["hybrid"]}, r"phase method \['hybrid'\]: expected one of"),
        ({"momentum": 1.0}, "momentum of 1.0: expected 0 to below 1"),
        ({"momentum": float("nan")}, "momentum of nan: expected 0 to below 1"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        Estimator(Frames(256, 64), **{"channels": 1, **settings})


def test_frames_and_what_is_no_magnitude_are_named():
    with pytest.raises(ValueError, match=r"frames = \(256, 64\): expected Frames"):
        Estimator((256, 64), 1)
    estimator, flat = Estimator(Frames(256, 64), 1), np.ones((1, 129), np.float32)
    for kind in (complex, str, object):
        with pytest.raises(ValueError, match=r"magnitudes of type .*: expected real numbers"):
            estimator.push(flat.astype(kind))
    with pytest.raises(ValueError, match="a known frame of type complex128"):
        estimator.push(flat, np.ones((2, 1, 129), complex), flat)
    with pytest.raises(ValueError, match="expected numbers from 0 to 1e"):
        estimator.push(np.full((1, 129), 1e300))


@EVERY
def test_a_known_frame_that_is_refused_leaves_no_trace(method):
    frames, sound = Frames(256, 64), noise(13, 8, 1, 129)
    clean, tried = (Estimator(frames, 1, method, LOOKAHEAD[method]) for _ in range(2))
    with pytest.raises(ValueError, match="a finite known frame"):
        tried.push(sound[0], np.full((2, 1, 129), np.nan, np.float32), np.zeros((1, 129), np.float32))
    assert np.array_equal(pushed(tried, sound), pushed(clean, sound))


@EVERY
def test_a_steady_stream_keeps_no_memory(method):
    estimator, frame = Estimator(Frames(2048, 512), 2, method, LOOKAHEAD[method]), noise(12, 1, 2, 1025)[0]
    for _ in range(20):
        estimator.push(frame)
    tracemalloc.start()
    for _ in range(50):
        estimator.push(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4000  # less than one row of bins


KERNELS = {
    "spsi": push_peaks, "rtpghi": push_fitted, "rtpghi_plain": push_gradient, "rtisi": push_refined,
    "gsrtisi": push_refined, "hybrid": push_refined,
}  # fmt: skip


def arrays_in(kinds):
    return sum(arrays_in(kind.types) if isinstance(kind, BaseTuple) else isinstance(kind, Array) for kind in kinds)


@pytest.mark.parametrize("method", METHODS)
def test_a_hop_allocates_nothing(method, request):
    """numba allocates a handle for each array that it is passed; an array made inside would add to that."""
    estimator, magnitude = Estimator(Frames(256, 64), 2, method, LOOKAHEAD[method]), np.ones((2, 129), np.float32)
    estimator.push(magnitude)
    runtime.memsys_enable_stats()
    request.addfinalizer(runtime.memsys_disable_stats)
    before = rtsys.get_allocation_stats()
    for _ in range(10):
        estimator.push(magnitude)
    after = rtsys.get_allocation_stats()
    handles = {arrays_in(s.args) for s in KERNELS[method].nopython_signatures}
    assert {(after.alloc - before.alloc) // 10} == handles
    assert after.alloc - before.alloc == after.free - before.free
