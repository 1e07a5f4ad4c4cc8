"""The knobs of resynthesis on a dream: what they are refused, and the motion that its target has."""

import numpy as np
import pytest

from dreampedal.effects.dream import Dream
from dreampedal.effects.spectral.carriers.laws import GENERAL, LAWS

RATE = 48_000


@pytest.mark.parametrize("knob", ["below", "deep", "above", "breath"])
def test_a_carrier_that_the_model_does_not_ask_for_is_refused_by_name(knob):
    with pytest.raises(ValueError, match=rf"Dream\.{knob} = 1\.0: model 'notes' adds none: expected 0\.0"):
        Dream(model="notes", **{knob: 1.0})
    dream = Dream(model="notes")
    with pytest.raises(ValueError, match=rf"Dream\.{knob} = 0\.5: model 'notes' adds none"):
        setattr(dream, knob, 0.5)


@pytest.mark.parametrize(
    ("knob", "why"), [("breath", "has no frames to make carriers of"), ("vibrato", "adds what one filter makes")]
)
def test_instant_refuses_what_it_cannot_play(knob, why):
    with pytest.raises(ValueError, match=rf"Dream\.{knob} = 1\.0: mode = 'instant' {why}"):
        Dream(mode="instant", **{knob: 1.0})


def test_a_dream_moves_as_its_classes_do():
    assert Dream(model="notes", target="class:flute", vibrato=0.5).motion() == (LAWS["class:flute"], (0.5, 0.0, 0.0))
    assert Dream(model="notes", target="conv2:5", strike=1.0).motion() == (GENERAL, (0.0, 0.0, 1.0))
    law, _ = Dream(model="notes", target="class:flute + class:organ - class:vocal").motion()
    assert law.tremolo_hz == pytest.approx((LAWS["class:flute"].tremolo_hz + LAWS["class:organ"].tremolo_hz) / 2)


def test_motion_rests_at_0_and_may_begin_while_it_plays():
    dream = Dream(model="notes", amount=0.0, mode="live")
    stream, sound = dream.stream(RATE, 1), 0.1 * np.ones((1, 4800), np.float32)
    sound *= np.sin(2 * np.pi * 500 * np.arange(4800) / RATE).astype(np.float32)
    still = stream.process(sound).copy()
    assert np.array_equal(still[:, stream.latency :], sound[:, : -stream.latency])
    dream.vibrato = 1.0
    moved = stream.process(sound).copy()
    assert np.abs(moved[:, 2400:] - still[:, 2400:]).max() > 1e-3
