"""Carriers in a stream: what is asked of them is added, within the loudness of the dry sound, in any partition."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import sosfilt

from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.effects.spectral.frame.guard import k_weighting
from dreampedal.effects.spectral.frame_effect import FrameEffect
from dreampedal.effects.spectral.stream import BandStream
from dreampedal.engine.host.contract.parameters import Number

RATE = 48_000
KNOBS = ("below", "deep", "above", "breath")


class Added(FrameEffect, family=True):
    """Adds every carrier at one amplitude in all bands, and changes no gain."""

    below = Number(0.0, 0.0, 1.0, doc="Level.")
    deep = Number(0.0, 0.0, 1.0, doc="Level.")
    above = Number(0.0, 0.0, 1.0, doc="Level.")
    breath = Number(0.0, 0.0, 1.0, doc="Level.")
    wanted = Number(1.0, 0.0, 2.0, doc="Amplitude.")
    carriers, broken = CARRIERS, False

    def offset_function(self, spec):
        return lambda features: np.zeros_like(features)

    def spec(self, sample_rate, channels):
        return replace(super().spec(sample_rate, channels), carriers=self.carriers)

    def carrier_levels(self):
        return {name: getattr(self, name) for name in KNOBS}

    def stream(self, sample_rate, channels, max_block=8192):
        return AddedStream(self, sample_rate, channels, max_block)


class AddedStream(BandStream):
    """Asks for that amplitude each hop."""

    def _forget(self):
        self.state.added[:] = 0

    def _find_offset(self, spectrum):
        self.state.added[:] = np.nan if self.effect.broken else self.effect.wanted


def played(stream, sound, sizes):
    """All that comes out of a stream for a sound given in blocks of such sizes, in turn."""
    out, at, turn = [], 0, 0
    while at < sound.shape[1]:
        size = sizes[turn % len(sizes)]
        out.append(stream.process(np.ascontiguousarray(sound[:, at : at + size])).copy())
        at, turn = at + size, turn + 1
    return np.concatenate(out, axis=1)


def tones(seconds=1.0, hz=(440.0, 880.0)):
    n = np.arange(int(seconds * RATE))
    return np.array([sum(0.1 * np.sin(2 * np.pi * f * n / RATE) for f in hz)], np.float32)


@pytest.mark.parametrize("mode", ["studio", "live"])
def test_any_partition_gives_the_same_samples(mode):
    random = np.random.default_rng(4)
    sound = np.concatenate([tones(0.4), 0.05 * random.standard_normal((1, 19_200)).astype(np.float32)])
    stream = Added(mode=mode, below=1.0, deep=0.5, above=0.7, breath=0.2, link=False).stream(RATE, 2)
    whole = played(stream, sound, [4096])
    stream.reset()
    assert np.array_equal(whole, played(stream, sound, [1, 63, 512, 64, 7, 777]))
    assert not np.array_equal(whole[:, stream.latency :], sound[:, : -stream.latency])


@pytest.mark.parametrize("mode", ["studio", "live"])
def test_carriers_at_0_leave_exactly_what_there_was(mode):
    sound = tones(0.3)
    effect, without = Added(mode=mode), Added(mode=mode)
    without.carriers = ()
    stream = effect.stream(RATE, 1)
    expected = played(without.stream(RATE, 1), sound, [512])
    assert np.array_equal(played(stream, sound, [512]), expected)
    effect.below = 1.0
    assert not np.array_equal(played(stream, sound, [512]), sound)
    effect.below = 0.0
    stream.reset()
    assert np.array_equal(played(stream, sound, [512]), expected)


def level_db(sound, hz):
    """Of a tone in a sound."""
    window, turned = np.hanning(sound.size), np.exp(-2j * np.pi * hz * np.arange(sound.size) / RATE)
    return 20 * np.log10(2 * abs(np.sum(sound * window * turned)) / window.sum())


@pytest.mark.parametrize("mode", ["studio", "live"])
@pytest.mark.parametrize(("knob", "hz"), [("below", 311.0), ("deep", 155.5), ("above", 1244.0)])
def test_a_tone_gets_its_octave(mode, knob, hz):
    sound = tones(1.2, (622.0,))
    stream = Added(mode=mode, **{knob: 1.0}).stream(RATE, 1)
    out = played(stream, sound, [480])[0, 9600:]
    kept, octave = level_db(out, 622.0), level_db(out, hz)
    assert -3 < octave - kept < 1.5
    rest = out.copy()
    for f in (622.0, hz):
        n = np.arange(out.size)
        basis = np.stack([np.cos(2 * np.pi * f * n / RATE), np.sin(2 * np.pi * f * n / RATE)], 1)
        rest -= basis @ np.linalg.lstsq(basis, rest, rcond=None)[0]
    assert 10 * np.log10(np.mean(rest**2) / np.mean(out**2)) < -18


def loudness_db(sound):
    """K-weighted."""
    rows = [np.concatenate([row[:3], [1.0], row[3:]]) for row in k_weighting(RATE)]
    return 10 * np.log10(np.mean(sosfilt(np.array(rows), sound.astype(float)) ** 2))


@pytest.mark.any_recording
@pytest.mark.parametrize("mode", ["studio", "live"])
def test_the_sum_is_as_loud_as_the_sound(mode, clip):
    sound = np.ascontiguousarray(clip("solo_cello")[0][:1, :144_000])
    stream = Added(mode=mode, wanted=1.5, below=1.0, deep=1.0, above=1.0, breath=0.3).stream(RATE, 1)
    out = played(stream, sound, [512])[:, stream.latency :]
    for begin in range(RATE // 2, out.shape[1] - RATE, RATE // 2):
        dry, wet = (loudness_db(x[0, begin : begin + RATE]) for x in (sound, out))
        assert abs(wet - dry) < 1, begin


@pytest.mark.parametrize("mode", ["studio", "live"])
def test_what_is_no_number_is_the_dry_sound_and_counted(mode):
    sound, effect = tones(0.2), Added(mode=mode, below=1.0)
    effect.broken = True
    stream = effect.stream(RATE, 1)
    out = played(stream, sound, [512])
    assert np.array_equal(out[:, stream.latency :], sound[:, : -stream.latency])
    assert stream.state.lost_hops > 0


def test_silence_stays_silent():
    stream = Added(below=1.0, deep=1.0, above=1.0, breath=1.0).stream(RATE, 1)
    assert not np.any(played(stream, np.zeros((1, 9600), np.float32), [480]))
