"""The front door of phase: any spectrogram in, a signal out, or one clear reason why not."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal import phase

pytestmark = pytest.mark.any_recording


def spectrogram(audio, size=1024, hop=256):
    """Magnitudes of (channels, samples), centred: (channels, bins, frames)."""
    window = np.hanning(size + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(audio, ((0, 0), (size // 2, size // 2))), size, axis=1)
    return np.abs(np.fft.rfft(frames[:, ::hop] * window)).transpose(0, 2, 1)


def convergence_db(audio, magnitude, size=1024, hop=256):
    return 20 * np.log10(np.linalg.norm(spectrogram(audio, size, hop) - magnitude) / np.linalg.norm(magnitude))


@pytest.fixture
def drums(clip):
    audio = clip("drums_break")[0][0]
    return np.stack([audio[:51_200], 0.5 * audio[30_000:81_200]])


@pytest.mark.parametrize("method", phase.METHODS)
def test_every_method_gives_a_signal_with_those_magnitudes(method, drums):
    magnitude = spectrogram(drums)
    played = phase.reconstruct(magnitude, hop=256, method=method)
    assert played.shape == drums.shape and played.dtype == np.float32
    assert convergence_db(played, magnitude) < (-8 if method == "spsi" else -14)


def test_what_refines_a_frame_beats_what_passes_once(drums):
    magnitude = spectrogram(drums)
    found = {m: convergence_db(phase.reconstruct(magnitude, hop=256, method=m), magnitude) for m in phase.METHODS}
    once = min(found[method] for method in ("spsi", "rtpghi", "pghi"))
    assert max(found[method] for method in ("hybrid", "rtisi", "gsrtisi")) < once - 3, found
    assert found["hybrid"] < found["griffin_lim"], found


def test_one_channel_needs_no_axis_of_its_own(drums):
    magnitude = spectrogram(drums)
    assert np.array_equal(phase.reconstruct(magnitude[0], hop=256), phase.reconstruct(magnitude[:1], hop=256))


@pytest.mark.parametrize("length", [1, 12_345, 51_200, 51_300])
def test_length_cuts_or_goes_on(length, drums):
    magnitude = spectrogram(drums)
    whole = phase.reconstruct(magnitude, hop=256, method="rtpghi")
    found = phase.reconstruct(magnitude, hop=256, method="rtpghi", length=length)
    assert found.shape == (2, length)
    same = min(length, 50_000)
    assert length < 51_200 or np.array_equal(found[:, :same], whole[:, :same])


@settings(deadline=None, max_examples=25)
@given(
    method=st.sampled_from(phase.METHODS),
    power=st.integers(4, 9),
    parts=st.sampled_from([2, 4, 8]),
    frames=st.integers(2, 12),
    level=st.sampled_from([0.0, 1e-44, 1e-20, 1.0, 1e12, 1e29]),
    seed=st.integers(0, 9),
)
def test_any_spectrogram_gives_finite_samples_of_its_level(method, power, parts, frames, level, seed):
    size = 2**power
    magnitude = level * np.random.default_rng(seed).random((1, size // 2 + 1, frames))
    played = phase.reconstruct(magnitude, hop=size // parts, method=method)
    assert played.shape == (1, (frames - 1) * size // parts) and np.isfinite(played).all()
    assert np.abs(played).max() <= 100 * level * size


def test_silence_is_silence():
    for method in phase.METHODS:
        assert not phase.reconstruct(np.zeros((2, 129, 9)), hop=64, method=method, length=500).any()


def test_half_precision_is_loud_enough_and_what_float32_cannot_hold_is_silence():
    loud = np.full((129, 9), 6e4, np.float16)
    for method in phase.METHODS:
        half = phase.reconstruct(loud.astype(np.float16), hop=64, method=method)
        np.testing.assert_array_equal(
            half, phase.reconstruct(loud.astype(np.float16).astype(float), hop=64, method=method)
        )
        assert not phase.reconstruct(np.full((129, 9), 5e-324), hop=64, method=method).any()


def test_frames_after_silence_sound():
    magnitude = np.ones((129, 40))
    magnitude[:, 5:20] = 0
    for method in phase.METHODS:
        assert np.abs(phase.reconstruct(magnitude, hop=64, method=method)[:, 26 * 64 :]).max() > 1e-3


BAD = [
    (np.full((513, 9), np.nan), {}, "magnitude of nan in bin 0 of frame 0, channel 0: expected finite numbers from 0"),
    (np.full((513, 9), np.inf), {}, "magnitude of inf in bin 0"),
    (np.full((513, 9), -0.5), {}, "magnitude of -0.5 in bin 0"),
    (np.full((513, 9), 1e31), {}, "expected finite numbers from 0 to 1e"),
    (np.ones((513, 9), complex), {}, "magnitude of type complex128: expected real numbers"),
    (np.ones(513), {}, r"magnitude of shape \(513,\): expected \(bins, frames\) or \(channels, bins, frames\)"),
    (np.ones((513, 0)), {}, r"magnitude of shape \(513, 0\)"),
    (np.ones((513, 1)), {}, r"magnitude of shape \(513, 1\): expected at least 2 frames"),
    (np.ones((512, 9)), {}, "magnitude of 512 bins: expected window / 2 . 1, the window a power of two"),
    (np.ones((513, 9)), {"hop": 300}, "hop = 300: expected a hop that goes into the window of 1024 samples"),
    (np.ones((513, 9)), {"hop": 1024}, "hop = 1024: expected a whole number from 1 to 512"),
    (np.ones((513, 9)), {"hop": 25.6}, "hop = 25.6: expected a whole number"),
    (np.ones((513, 9)), {"window": "boxcar"}, "boxcar"),
    (np.ones((513, 9)), {"window": "asymmetric"}, "have a symmetric window"),
    (np.ones((513, 9)), {"method": "magic"}, "method = 'magic': expected one of hybrid"),
    (np.ones((513, 9)), {"method": "pghi", "iterations": 3}, "iterations = 3: method 'pghi' takes none"),
    (np.ones((513, 9)), {"method": "spsi", "lookahead_frames": 1}, "lookahead_frames = 1: method 'spsi' takes none"),
    (np.ones((513, 9)), {"lookahead_frames": 5}, "lookahead_frames = 5: expected a whole number from 0 to 4"),
    (np.ones((513, 9)), {"iterations": True}, "iterations = True: expected a whole number"),
    (np.full((513, 9), np.inf, np.float16), {}, "magnitude of inf in bin 0"),
    (np.ones((513, 9), bool), {}, "magnitude of type bool: expected real numbers"),
    ([[1.0, 2.0], [1.0]], {}, r"magnitude: .* expected an array \(bins, frames\)"),
    (np.ones((513, 9)), {"window": ["hann"]}, r"window \['hann'\]: expected one of hann"),
    (np.ones((513, 9)), {"hop": "256"}, "hop = '256': expected a whole number"),
    (np.ones((513, 9)), {"seed": -1}, "seed = -1: expected a whole number from 0"),
    (np.ones((513, 9)), {"seed": 1.5, "method": "pghi"}, "seed = 1.5: expected a whole number from 0"),
    (np.ones((513, 9)), {"iterations": 10**30}, "expected a whole number from 0 to 1000"),
    (np.ones((513, 9)), {"length": 0}, "length = 0: expected a whole number from 1 to 2304"),
]


@pytest.mark.parametrize("magnitude, how, message", BAD)
def test_what_does_not_fit_is_named(magnitude, how, message):
    with pytest.raises(ValueError, match=message):
        phase.reconstruct(magnitude, **({"hop": 256} | how))


def test_importing_dreampedal_does_not_load_it():
    code = "import sys, dreampedal; before = 'dreampedal.phase' in sys.modules; dreampedal.phase.reconstruct; "
    code += "print(before, 'dreampedal.phase' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
