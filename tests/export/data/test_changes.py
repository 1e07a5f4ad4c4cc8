"""Changes of sound: each does what it says to a real recording, and the same draw gives the same copy."""

import numpy as np
import pytest
from pydantic import ValidationError

from dreampedal.export.data.changes import EQUALISER_HZ, Recipe, changed, equalised, fitted, noise, stretched

pytestmark = pytest.mark.any_recording

NOTHING = dict.fromkeys(Recipe.model_fields)


def only(**fields):
    """A recipe of nothing else."""
    return Recipe(**{**NOTHING, **fields})


def made(audio, rate, seed=0, **fields):
    return changed(audio, rate, only(**fields), np.random.default_rng(seed))


def decibels(audio):
    return 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)))


@pytest.fixture
def cut(clip):
    audio, rate = clip("solo_cello")
    return np.ascontiguousarray(audio[:, :rate]), rate


def test_a_copy_has_the_shape_of_the_sound_and_follows_from_the_draw(cut):
    audio, rate = cut
    copies = [changed(audio, rate, Recipe(), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert all(copy.shape == audio.shape and copy.dtype == np.float32 for copy in copies)
    assert all(np.isfinite(copy).all() and np.abs(copy).max() > 0.01 for copy in copies)
    assert (copies[0] == copies[1]).all() and not np.allclose(copies[0], copies[2], atol=1e-3)
    assert (changed(audio, rate, only(), np.random.default_rng(0)) == audio).all()
    assert changed(audio[:, :0], rate, Recipe(), np.random.default_rng(0)).shape == (audio.shape[0], 0)


def test_gain_is_what_was_drawn(cut):
    audio, rate = cut
    assert np.abs(made(audio, rate, gain_db=(-6.0, -6.0)) - audio * 10 ** (-6 / 20)).max() < 1e-6
    drawn = [decibels(made(audio, rate, seed, gain_db=(-12.0, 4.0))) - decibels(audio) for seed in range(40)]
    assert -12.1 < min(drawn) < -8 and 0 < max(drawn) < 4.1


def test_a_shift_turns_the_clip_by_no_more_than_it_may(cut):
    audio, rate = cut
    places = set()
    for seed in range(10):
        moved = made(audio, rate, seed, shift_seconds=0.01)
        place = next(n for n in range(-rate // 100 - 1, rate // 100 + 2) if (np.roll(moved, n, 1) == audio).all())
        places.add(place)
    assert len(places) > 5 and max(map(abs, places)) > 100


def test_noise_lies_where_it_was_drawn_below_the_sound(cut):
    audio, rate = cut
    for level in (-40.0, -20.0):
        added = made(audio, rate, noise_db=(level, level)) - audio
        assert abs(decibels(added) - decibels(audio) - level) < 0.1
    for slope in (0.0, 1.0):
        line = noise(audio, 0.0, slope, np.random.default_rng(0))[0]
        power = np.abs(np.fft.rfft(line)) ** 2
        low, high = power[200:400].mean(), power[12_800:25_600].mean()
        octaves = np.log2(np.mean(np.arange(12_800, 25_600)) / 300)
        assert abs(10 * np.log10(low / high) - 10 * np.log10(2) * octaves * slope) < 1.0


def test_the_equaliser_gives_each_frequency_its_gain():
    rate, seconds = 44_100, 1
    time = np.arange(rate * seconds) / rate
    gains = np.array([6, -6, 3, 0, -12, 9, 0, -3, 6.0])
    for place, gain in enumerate(gains[1:-1], 1):
        sine = np.sin(2 * np.pi * EQUALISER_HZ[place] * time)[None].astype(np.float32)
        heard = equalised(sine, rate, gains)[:, 4410:-4410]
        assert abs(decibels(heard) - decibels(sine) - gain) < 0.5


def test_a_random_equaliser_stays_within_its_range(cut):
    audio, rate = cut
    before = np.abs(np.fft.rfft(audio[0]))
    after = np.abs(np.fft.rfft(made(audio, rate, 3, equaliser_db=6.0)[0]))
    bands = np.array_split(np.arange(100, 8000), 40)
    ratios = [20 * np.log10(np.linalg.norm(after[band]) / np.linalg.norm(before[band])) for band in bands]
    assert max(map(abs, ratios)) < 6.5 and np.ptp(ratios) > 1


def test_stretch_keeps_pitch_and_transposition_keeps_length():
    rate = 44_100
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)[None].astype(np.float32)

    def pitch(audio):
        line = audio[0, 4000:-4000] * np.hanning(audio.shape[1] - 8000)
        return np.argmax(np.abs(np.fft.rfft(line, 4 * rate))) / 4

    faster, higher = stretched(sine, rate, 1.25), stretched(sine, rate, 1.0, 3.0)
    assert abs(faster.shape[1] / sine.shape[1] - 0.8) < 0.02 and abs(pitch(faster) / 440 - 1) < 0.01
    assert abs(higher.shape[1] / sine.shape[1] - 1) < 0.02 and abs(pitch(higher) / 440 - 2 ** (3 / 12)) < 0.01


def test_a_copy_is_cut_or_padded_at_a_drawn_place():
    line = np.arange(1.0, 11)[None].astype(np.float32)
    starts = {float(fitted(line, 4, np.random.default_rng(seed))[0, 0]) for seed in range(60)}
    assert starts == set(range(1, 8))
    padded = fitted(line, 14, np.random.default_rng(0))
    assert padded.shape == (1, 14) and (padded[padded > 0] == line[0]).all()


@pytest.mark.parametrize("wrong", [{"stretch": (2, 1)}, {"gain_db": (0, 99)}, {"shift_seconds": 0}, {"echo": 1}])
def test_a_recipe_out_of_range_is_refused(wrong):
    with pytest.raises(ValidationError):
        Recipe(**wrong)
