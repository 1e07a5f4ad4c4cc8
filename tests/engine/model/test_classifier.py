"""What a recording is, by a model alone: the shipped one on real recordings, and sounds that cannot be judged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.dsp.bands import log_band_features
from dreampedal.engine.model.classifier import Classifier, _drawn, audible, frame_logits, softmax
from dreampedal.engine.model.model import Model

SHIPPED = Path(__file__).parents[3] / "presets" / "models" / "notes.onnx"
RATE = 44_100


@pytest.fixture(scope="module")
def notes():
    return Classifier.load(SHIPPED)


def test_clips_of_the_whole_sound_are_the_whole_sound(notes, clip):
    """A sound of one clip's length is judged as evaluation judges a recording: the mean over its audible frames."""
    audio, rate = clip("solo_egtr_em9")
    mono = audio.mean(0)[: round(notes.seconds(rate) * rate)]
    heard = log_band_features(mono[np.newaxis], rate)
    shares = softmax(frame_logits(Model.load(SHIPPED), heard)[0])[audible(heard[0], -11.5129)]
    assert np.allclose(notes.probabilities(mono, rate)[0], shares.mean(0), atol=1e-6)


@pytest.mark.parametrize(
    "name, family", [("solo_flute", "flute"), ("solo_cello", "string"), ("solo_piano", "keyboard")]
)
def test_real_recordings_are_named(name, family, notes, clip):
    assert notes.classes[notes.probabilities(*clip(name)).mean(0).argmax()] == family


@settings(deadline=None, max_examples=15)
@given(
    seconds=st.floats(0.11, 9), clips=st.integers(1, 15), seed=st.integers(0, 9), channels=st.integers(1, 3),
    rate=st.sampled_from([22_050, 44_100, 48_000]),
)  # fmt: skip
def test_any_sound_gives_probabilities(notes, seconds, clips, seed, channels, rate):
    rng = np.random.default_rng(seed)
    audio = rng.normal(0, 0.1, (channels, round(seconds * rate))).astype(np.float32)
    found = notes.probabilities(audio, rate, clips, seed)
    assert found.shape[1] == len(notes.classes) and 1 <= len(found) <= clips
    assert np.allclose(found.sum(1), 1, atol=1e-5) and (found >= 0).all()
    assert np.array_equal(found, notes.probabilities(audio, rate, clips, seed))


def test_silence_around_a_sound_is_not_judged(notes, clip):
    audio, rate = clip("solo_egtr_em9")
    sound = audio.mean(0)[: 4 * rate]
    alone = notes.probabilities(sound, rate).mean(0)
    among = notes.probabilities(np.pad(sound, (20 * rate, 20 * rate)), rate).mean(0)
    assert alone.argmax() == among.argmax()


def test_clips_are_heard_in_any_number(notes, clip):
    """However many are heard at a time, each is judged as by itself."""
    audio, rate = clip("solo_egtr_em9")
    found = notes.probabilities(audio, rate, clips=20, seed=1)
    drawn = _drawn(audio.mean(0), round(notes.seconds(rate) * rate), 20, 1)
    assert len(found) == len(drawn) > 16
    for at in (0, 15, 16, -1):
        assert np.allclose(found[at], notes.probabilities(drawn[at], rate)[0], atol=1e-6)


@pytest.mark.parametrize("hiss", [0.0, 1e-5])
@pytest.mark.parametrize("seed", range(4))
def test_a_short_sound_in_a_long_silence_is_found(seed, hiss, notes):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, RATE // 2)
    among = np.pad(sound, (60 * RATE, 90 * RATE))
    among = (among + rng.normal(0, hiss, among.shape)).astype(np.float32)
    (drawn,) = _drawn(among, RATE, 1, seed)
    assert drawn.size == RATE and np.abs(drawn).max() > 0.1
    assert np.isfinite(notes.probabilities(among, RATE, 1, seed)).all()


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros((2, RATE), np.float32), "silent"),
        (np.full(RATE, 1e-5, np.float32), "silent"),
        (np.ones(100, np.float32), "too short: 0.00227 s"),
        (np.zeros(0, np.float32), "too short"),
        (np.full(RATE, np.nan, np.float32), "NaN"),
        (np.ones((1, 2, RATE), np.float32), "shape"),
    ],
)
def test_what_cannot_be_judged(audio, words, notes):
    with pytest.raises(ValueError, match=words):
        notes.probabilities(audio, RATE)


def test_a_sound_so_loud_that_no_number_holds_it_is_an_error(notes):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="too loud"):
        notes.probabilities(np.resize(np.float32([3e38, -3e38]), RATE), RATE)


def test_a_rate_that_no_recording_has_is_an_error(notes):
    with pytest.raises(ValueError, match="a rate of 8 Hz: expected 1000 Hz at least"):
        notes.probabilities(np.ones(100, np.float32), 8)


def test_no_clips_are_no_judgement(notes):
    with pytest.raises(ValueError, match="clips = 0"):
        notes.probabilities(np.ones(RATE, np.float32), RATE, clips=0)
