"""What `fill` wants of a frame, against the obvious NumPy, and the loudness that it is settled at."""

import numpy as np
import pytest

from dreampedal.effects.spectral.frame.fill import (
    HANGS_OVER,
    NOISE,
    OPEN,
    PINK_FROM,
    Floors,
    Wanted,
    bandwidth_of,
    level_of,
    makeup_of,
    match_filled_loudness,
    tilt,
    write_wanted,
)
from dreampedal.effects.spectral.frame.guard import k_gain
from dreampedal.effects.spectral.frame.kernels import Limits
from dreampedal.effects.spectral.frame.state import Played
from dreampedal.effects.spectral.frame.tables import BandTables, MovingBands
from dreampedal.engine.dsp.bands import BandLayout, lay, write_gains
from dreampedal.engine.dsp.stft import Frames, FrameState

pytestmark = pytest.mark.any_recording

BINS = 1025


def frame_of(audio, frames):
    """The newest frame of `audio` (channels, samples), planes."""
    state = FrameState.silent(frames, audio.shape[0])
    for start in range(0, audio.shape[1] - frames.hop_samples, frames.hop_samples):
        frames.analyse(np.ascontiguousarray(audio[:, start : start + frames.hop_samples]), state)
    return state.spectrum


def twin(spectrum, gains, floors, estimated, makeup, keeps, noise, followed):
    """`write_wanted` in float64; returns what it writes, and the floor as it now is."""
    frame, gain = (planes[0].astype(complex) + 1j * planes[1] for planes in (spectrum, gains))
    gain = np.repeat(gain, frame.shape[0] // gain.shape[0], axis=0)
    magnitude, by = np.abs(frame), np.abs(gain)
    opened = np.log(np.maximum(by, 1e-6)) / OPEN
    least = floors * np.sqrt(np.sum(magnitude**2, axis=1, keepdims=True))
    aim = least * by * np.clip(opened, 0, 1)
    now = aim + np.where(aim > followed, *keeps) * (followed - aim)
    now = np.minimum(now, HANGS_OVER * least * np.maximum(by, 1))
    lacks = makeup * np.maximum(now - magnitude * by, 0)
    wanted = magnitude * by + lacks
    missing = lacks / np.maximum(wanted, 1e-30)
    kept = (1 - estimated * np.minimum(np.abs(opened), 1)) * (1 - missing)
    stray = noise[0] + 1j * noise[1]
    return frame * gain + lacks * stray / np.abs(stray), wanted, (1 - kept) * (1 - NOISE * missing), now


class Asked:
    """`write_wanted` with arrays of its own, and a floor that has been followed to `followed`."""

    def __init__(self, channels, followed=0.0):
        noise = np.random.default_rng(2).normal(size=(2, BINS)).astype(np.float32)
        self.floors = Floors(tilt(BINS, 44.0), 1.2, np.array([0.7, 0.8], np.float32), noise)
        self.wanted = Wanted.silent(channels, BINS)
        self.wanted.followed[:] = followed
        self.known, self.magnitude, self.weight, self.followed = self.wanted

    def want(self, spectrum, gains, floor, estimated):
        write_wanted(spectrum, gains, floor, estimated, self.floors, self.wanted)


@pytest.mark.parametrize("floor, estimated", [(0.0, 0.0), (0.01, 0.0), (0.0, 1.0), (0.1, 0.4)])
@pytest.mark.parametrize("rows", [1, 2])
def test_what_is_wanted_is_that_of_the_twin(rows, floor, estimated, clip):
    audio, _ = clip("solo_piano")
    spectrum = frame_of(np.ascontiguousarray(np.resize(audio, (2, 20_000))), Frames(2048, 512))
    chance, asked = np.random.default_rng(1), Asked(2)
    followed, (levels, makeup, keeps, noise) = asked.followed.astype(float), asked.floors
    for loud in (1.0, 1.0, 0.1, 0.001, 3.0):  # it rises and falls, and falls too fast to hang over
        frame = (loud * spectrum).astype(np.float32)
        gains = np.exp(chance.normal(0, 0.7, (2, rows, BINS))).astype(np.float32)
        asked.want(frame, gains, floor, estimated)
        known, wanted, share, followed = twin(
            frame, gains, floor * levels.astype(float), estimated, makeup, keeps, noise, followed
        )
        scale = wanted.max()
        assert np.abs(asked.known[0] + 1j * asked.known[1] - known).max() < 2e-6 * scale
        assert np.abs(asked.magnitude - wanted).max() < 2e-6 * scale
        assert np.abs(asked.weight - share).max() < 1e-3 and asked.weight.min() >= 0 and asked.weight.max() <= 1
        assert floor or estimated or not asked.weight.any()


def test_a_gain_of_one_keeps_a_frame_to_the_bit():
    spectrum = np.random.default_rng(0).normal(size=(2, 1, BINS)).astype(np.float32)
    gains = np.stack([np.ones((1, BINS)), np.zeros((1, BINS))]).astype(np.float32)
    asked = Asked(1)
    asked.want(spectrum, gains, 1.0, 1.0)
    assert np.array_equal(asked.known, spectrum) and not asked.weight.any() and not asked.followed.any()


def test_in_silence_a_floor_is_gone_at_once_and_where_nothing_is_turned_up_soon():
    gains = np.stack([np.ones((1, BINS)), np.zeros((1, BINS))]).astype(np.float32)
    asked = Asked(1, followed=1.0)
    asked.want(np.zeros((2, 1, BINS), np.float32), 2 * gains, 1.0, 0.0)
    assert not asked.followed.any() and not asked.magnitude.any() and not asked.weight.any()
    spectrum = np.random.default_rng(0).normal(size=(2, 1, BINS)).astype(np.float32)
    asked = Asked(1, followed=1.0)
    for _ in range(150):
        asked.want(spectrum, gains, 1.0, 0.0)
    assert np.array_equal(asked.known, spectrum) and not asked.weight.any() and not asked.followed.any()


def test_gains_that_are_not_finite_keep_the_frame():
    spectrum = np.random.default_rng(0).normal(size=(2, 1, BINS)).astype(np.float32)
    gains = np.full((2, 1, BINS), np.nan, np.float32)
    gains[:, :, ::2] = np.inf
    asked = Asked(1)
    asked.want(spectrum, gains, 1.0, 1.0)
    assert np.array_equal(asked.known, spectrum) and not asked.weight.any() and np.isfinite(asked.magnitude).all()
    assert np.isfinite(asked.followed).all()


@pytest.mark.parametrize("floor", [0.003, 0.03, 0.3])
def test_a_filled_frame_is_as_loud_as_it_was(floor, clip):
    audio, rate = clip("solo_egtr_em9")
    frames, layout = Frames(2048, 512), BandLayout()
    bands = lay(layout, rate, 2048)
    spectrum = frame_of(np.ascontiguousarray(audio[:1, :40_000]), frames)
    scaled = (0.5 + np.sin(np.linspace(0, 9, layout.count))).astype(np.float32)[None]
    gains, mask = np.ones((1, BINS), np.float32), np.ones(layout.count, np.float32)
    loudness = (bands.reach * k_gain(np.arange(BINS) * rate / 2048)).astype(np.float32)
    write_gains(scaled, bands.below, bands.toward, bands.reach, gains)
    level, shape = level_of(frames.window), scaled - scaled.mean()
    played = Played(scaled, gains, np.ones(1, np.float32), np.zeros(1))
    moving, limits = MovingBands(mask, mask, loudness), Limits(1.0, 6.0, -70.0, 0.8)
    match_filled_loudness(spectrum, floor, level, BandTables.of(bands), moving, played, limits)
    planes = np.stack([gains, np.zeros_like(gains)])
    floors = floor * level * tilt(BINS, PINK_FROM)
    _, wanted, _, _ = twin(spectrum, planes, floors, 0.0, 1.0, (0, 0), np.ones((2, BINS)), np.zeros((1, BINS)))
    before = np.sum(loudness * np.sum(spectrum[:, 0] ** 2, axis=0))
    assert 10 * np.log10(np.sum(loudness * wanted**2) / before) == pytest.approx(0, abs=1.0)
    assert np.abs(scaled - scaled.mean() - shape).max() < 1e-4  # lowered as a whole


def test_what_a_floor_loses_to_overlap_add_is_made_up_for():
    """Bins at random phases, each at its own frequency: played and analysed afresh, they have their energy."""
    for frames in (Frames(2048, 512), Frames(1024, 128), Frames(1024, 64, "asymmetric")):
        size, hop, rng = frames.window_samples, frames.hop_samples, np.random.default_rng(5)
        state, again, energy = FrameState.silent(frames, 1), FrameState.silent(frames, 1), []
        angle, advance = rng.uniform(0, 2 * np.pi, frames.bins), 2 * np.pi * np.arange(frames.bins) * hop / size
        for t in range(4 * size // hop):
            phase = angle + t * advance
            played = frames.synthesise(np.stack([np.cos(phase), np.sin(phase)])[:, None].astype(np.float32), state)
            found = frames.analyse(played.copy(), again)
            energy.append(np.mean(found[0] ** 2 + found[1] ** 2))
        made_up = makeup_of(frames.window, frames.dual, hop) ** 2 * np.mean(energy[2 * size // hop :])
        assert made_up == pytest.approx(1, abs=0.25)


def test_a_floor_of_the_same_density_is_higher_in_wider_bins():
    noise = np.random.default_rng(0).standard_normal((1, 200_000)).astype(np.float32)
    means = []
    for frames in (Frames(2048, 512), Frames(1024, 64)):
        state, found = FrameState.silent(frames, 1), []
        for start in range(0, 199_000, frames.hop_samples):
            block = np.ascontiguousarray(noise[:, start : start + frames.hop_samples])
            spectrum = frames.analyse(block, state)
            found.append(np.mean(spectrum**2) / frames.window.sum() ** 2)  # a sine of amplitude 1 has ¼
        means.append(np.sqrt(np.mean(found)) / bandwidth_of(frames.window))
    assert means[0] == pytest.approx(means[1], rel=0.02)
