"""Streaming frames: exact places, perfect reconstruction for any hop, against an obvious NumPy twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.dsp.stft import Frames, FrameState
from dreampedal.engine.dsp.windows import KINDS, dual_window, hann


def played(frames, signal, change=lambda planes: planes):
    state = FrameState.silent(frames, signal.shape[0])
    hops = range(0, signal.shape[1] - frames.hop_samples + 1, frames.hop_samples)
    return np.concatenate(
        [
            frames.synthesise(change(frames.analyse(signal[:, t : t + frames.hop_samples], state)), state).copy()
            for t in hops
        ],
        axis=1,
    )


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS), st.sampled_from([128, 256, 512, 1024, 2048]), st.integers(1, 128), st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_window_and_hop_give_the_signal_back(kind, window, divisor, channels, seed):
    hop = max(1, window // 2 // divisor)
    length = 3 * window // hop * hop + 2 * hop
    signal = np.random.default_rng(seed).standard_normal((channels, length)).astype(np.float32)
    frames = Frames(window, hop, kind)
    out = played(frames, signal)
    delay = frames.delay_samples
    error = out[:, delay:] - signal[:, : out.shape[1] - delay]
    assert np.sqrt(np.mean(error**2)) < 1e-6 * np.sqrt(np.mean(signal**2))  # -120 dB
    assert not out[:, :delay].any() or np.abs(out[:, :delay]).max() < 1e-5


def test_a_frame_ends_with_its_hop(clip):
    signal, _ = clip("solo_egtr_em9")
    frames, hop = Frames(1024, 300), 300
    state = FrameState.silent(frames, signal.shape[0])
    line = np.concatenate([np.zeros((signal.shape[0], 1024)), signal], axis=1)
    for t in range(20):
        planes = frames.analyse(np.ascontiguousarray(signal[:, t * hop : (t + 1) * hop]), state)
        twin = np.fft.rfft(line[:, (t + 1) * hop : (t + 1) * hop + 1024] * hann(1024), axis=1)
        assert np.abs(planes[0] + 1j * planes[1] - twin).max() < 1e-4


def test_changed_frames_equal_an_offline_overlap_add(clip):
    signal, _ = clip("solo_egtr_em9")
    signal = np.ascontiguousarray(signal[:, :20_480])
    frames, tilt = Frames(2048, 512), np.linspace(0, 2, 1025, dtype=np.float32)
    out = played(frames, signal, lambda planes: planes * tilt)
    line = np.concatenate([np.zeros((signal.shape[0], 1536)), signal], axis=1)
    twin = np.zeros_like(line)
    dual = dual_window(hann(2048), 512)
    for start in range(0, line.shape[1] - 2047, 512):
        frame = np.fft.rfft(line[:, start : start + 2048] * hann(2048)) * tilt
        twin[:, start : start + 2048] += np.fft.irfft(frame) * dual
    assert np.abs(out - twin[:, : out.shape[1]]).max() < 1e-6


@pytest.mark.parametrize("hop", [0, 1025, -3, 512.0, "512", None, True, float("nan")])
def test_a_hop_that_cannot_reconstruct_is_refused(hop):
    with pytest.raises(ValueError, match="expected a whole number from 1 to 1024"):
        Frames(2048, hop)


@pytest.mark.parametrize("window", [0, 8, 1000, -1024, 1024.0, "1024", None, float("inf"), 1 << 30])
def test_a_window_that_cannot_be_transformed_is_refused(window):
    with pytest.raises(ValueError, match="expected a power of two from 16 to 1048576"):
        Frames(window, 4)


def test_what_does_not_fit_the_frames_is_refused_before_a_kernel_reads_beyond_its_end():
    frames = Frames(256, 64)
    state, other = FrameState.silent(frames, 2), FrameState.silent(Frames(128, 32), 2)
    for shape in ((64,), (2, 63), (2, 10_000), (1, 64), (2, 64, 1)):
        with pytest.raises(ValueError, match=r"a hop of shape .*: expected \(2, 64\)"):
            frames.analyse(np.zeros(shape, np.float32), state)
    for shape in ((2, 129), (2, 2, 128), (2, 3, 129)):
        with pytest.raises(ValueError, match=r"a frame of shape .*: expected \(2, 2, 129\)"):
            frames.synthesise(np.zeros(shape, np.float32), state)
    with pytest.raises(ValueError, match="a state of frames of 128 samples every 32"):
        frames.analyse(np.zeros((2, 64), np.float32), other)
    with pytest.raises(ValueError, match="a hop of type complex64: expected real numbers"):
        frames.analyse(np.zeros((2, 64), np.complex64), state)
    for channels in (-1, 1.5, "2"):
        with pytest.raises(ValueError, match="channels: expected a whole number"):
            FrameState.silent(frames, channels)
