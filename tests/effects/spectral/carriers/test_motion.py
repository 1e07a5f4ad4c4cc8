"""Vibrato, tremolo and strokes: what they do to tones, that they rest at 0, and that the guard still comes last."""

import numpy as np
import pytest

from dreampedal.effects.spectral.carriers.laws import LAWS, Law
from dreampedal.effects.spectral.carriers.motion import DECAY_DB, SHARP_DB, Depths, Motion
from dreampedal.effects.spectral.frame_effect import FrameEffect
from dreampedal.engine.host.contract.parameters import Number

RATE = 48_000
SECOND = np.arange(RATE) / RATE


class Moved(FrameEffect, family=True):
    """Changes no gain, and moves by one law."""

    vibrato = Number(0.0, 0.0, 1.0, doc="Depth.")
    tremolo = Number(0.0, 0.0, 1.0, doc="Depth.")
    strike = Number(0.0, 0.0, 1.0, doc="Depth.")

    def offset_function(self, spec):
        return lambda features: np.zeros_like(features)

    def motion(self):
        return Law(vibrato_cents=30.0), (self.vibrato, self.tremolo, self.strike)


def played(stream, sound, sizes=(480,)):
    """All that comes out of a stream for a sound given in blocks of such sizes, in turn."""
    out, at, turn = [], 0, 0
    while at < sound.shape[1]:
        size = sizes[turn % len(sizes)]
        out.append(stream.process(np.ascontiguousarray(sound[:, at : at + size])).copy())
        at, turn = at + size, turn + 1
    return np.concatenate(out, axis=1)


def moved(dry, added, law, knobs):
    """What becomes of a wet sound, hop by hop."""
    motion, out = Motion(dry.shape[0], RATE), []
    motion.aim(law, knobs)
    motion.reset()
    for begin in range(0, dry.shape[1], 64):
        x, y = (np.ascontiguousarray(z[:, begin : begin + 64], np.float32) for z in (dry, added))
        motion.move(x, y)
        out.append(x + y)
    return np.concatenate(out, axis=1)


def tone(hz=1000.0, level=0.1):
    return level * np.sin(2 * np.pi * hz * SECOND)[None].astype(np.float32)


def test_vibrato_goes_as_far_as_its_law_says_and_as_fast():
    law = Law(vibrato_hz=5.0, vibrato_cents=30.0)
    wet = moved(tone(), np.zeros((1, RATE), np.float32), law, (1.0, 0.0, 0.0))[0]
    mean = Depths.of(law, (1.0, 0.0, 0.0), RATE).delay / RATE
    delay = mean * (1 - np.cos(2 * np.pi * 5.0 * SECOND))
    assert np.abs(wet - 0.1 * np.sin(2 * np.pi * 1000.0 * (SECOND - delay)))[64:].max() < 1e-3
    cents = 1200 * np.log2(1 - np.gradient(delay, 1 / RATE))
    assert cents.max() == pytest.approx(30, abs=0.6)
    assert cents.min() == pytest.approx(-30, abs=0.6)


def test_tremolo_goes_as_far_as_its_law_says():
    wet = moved(tone(), np.zeros((1, RATE), np.float32), Law(tremolo_hz=5.0, tremolo_db=2.0), (0.0, 1.0, 0.0))[0]
    level = 20 * np.log10(np.sqrt(np.mean(wet.reshape(-1, 480) ** 2, axis=1)) / (0.1 / np.sqrt(2)))
    assert level.max() == pytest.approx(2, abs=0.1)
    assert level.min() == pytest.approx(-2, abs=0.1)
    assert 10 * np.log10(np.mean(wet**2) / 0.005) == pytest.approx(0, abs=0.3)


def gains_db(dry, law, knob=1.0):
    """The gain of strokes on a sound, every 10 ms."""
    wet = moved(dry, np.zeros_like(dry), law, (0.0, 0.0, knob))
    power = (np.mean(x.reshape(-1, 480) ** 2.0, axis=1) for x in (wet[0], dry[0]))
    return 10 * np.log10(np.divide(*power))


def test_an_onset_is_sharpened_and_a_sustained_sound_struck_again():
    law = Law(strike_seconds=0.4)
    gain = gains_db(tone(), law)
    assert gain[:2].max() > 0.6 * (SHARP_DB + DECAY_DB)
    strokes = np.flatnonzero(np.diff(gain) > 1.5)
    assert strokes.size == 2  # at 0.4 and 0.8 s
    assert abs(strokes[0] * 0.01 - 0.4) < 0.03
    assert gain.min() > -DECAY_DB
    assert abs(np.mean(gain[5:45])) < 1


def test_a_sound_that_fades_is_not_struck_again():
    dry = tone() * np.exp(-SECOND / 0.12).astype(np.float32)
    gain = gains_db(dry, Law(strike_seconds=0.4))
    assert np.flatnonzero(np.diff(gain) > 1.5).size == 0


def test_a_class_that_sustains_is_never_struck():
    assert np.abs(gains_db(tone(), LAWS["class:organ"])).max() < 1e-4


@pytest.mark.parametrize("mode", ["studio", "live"])
def test_any_partition_gives_the_same_samples_and_0_is_exactly_nothing(mode):
    random = np.random.default_rng(5)
    sound = (tone()[:, :24_000] + 0.02 * random.standard_normal((2, 24_000))).astype(np.float32)
    effect = Moved(mode=mode, vibrato=1.0, tremolo=0.5, strike=1.0)
    stream = effect.stream(RATE, 2)
    whole = played(stream, sound, [4096])
    stream.reset()
    assert np.array_equal(whole, played(stream, sound, [1, 63, 512, 64, 7, 777]))
    effect.vibrato = effect.tremolo = effect.strike = 0.0
    stream.reset()
    assert np.array_equal(played(stream, sound)[:, stream.latency :], sound[:, : -stream.latency])


@pytest.mark.parametrize("mode", ["studio", "live"])
def test_turning_a_motion_up_and_down_while_it_plays_clicks_nowhere(mode):
    sound, effect = np.tile(tone(), 2), Moved(mode=mode)
    stream = effect.stream(RATE, 1)
    parts = []
    for values in ((0.0, 0.0), (1.0, 1.0), (0.3, 1.0), (0.0, 0.0)):
        effect.vibrato, effect.tremolo = values
        parts.append(played(stream, sound[:, :24_000]))
    out = np.concatenate(parts, axis=1)[0, stream.latency :]
    steepest = 0.1 * 2 * np.pi * 1000.0 / RATE
    assert np.abs(np.diff(out)).max() < 1.5 * steepest
    expected = sound[0, (np.arange(out.size) % 24_000)[-9_600:]]
    assert np.abs(out[-9_600:] - expected).max() < 2e-3  # what was made up for in loudness fades
