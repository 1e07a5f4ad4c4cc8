"""What ships does what it says, on every recording: measured on the audio that comes out, analysed afresh."""

from itertools import combinations

import numpy as np
import pytest

from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.engine.dsp.bands import log_band_features
from dreampedal.engine.model.model import Model
from dreampedal.export.judge.heard.judges import Judge, shipped
from dreampedal.presets import DEMO_RECORDING, load_preset

SHIPPED = sorted(path.stem for path in DEMO_RECORDING.parents[1].glob("*.toml"))


def dream_of(board):
    """The first effect of a board that dreams."""
    return next(effect for effect in board if isinstance(effect, SpectralEffect))


ASCENTS = [name for name in SHIPPED if isinstance(dream_of(load_preset(name)).loaded_model(), Model)]
STUDENTS = [name for name in SHIPPED if name not in ASCENTS]


@pytest.mark.parametrize("name", STUDENTS)
def test_judges_that_took_no_part_hear_more_of_the_family(name, clip, clips):
    """Over all recordings: the mean of the logarithm of what they make of it."""
    board, judges = load_preset(name), [Judge(path) for path in shipped()]
    family = dream_of(board).target.removeprefix("class:")
    gained = []
    for recording in clips:
        audio, rate = clip(recording)
        audio = np.ascontiguousarray(audio[:, : 4 * int(rate)])
        for judge in judges:
            before, after = (heard.shares for heard in judge.hear([(audio, rate), (board(audio, rate), rate)]))
            place = judge.classes.index(family)
            gained.append(np.log(after[place] + 1e-6) - np.log(before[place] + 1e-6))
    assert np.mean(gained) > 0.3, f"{family}: {np.mean(gained):.2f}"


@pytest.mark.parametrize("name", ASCENTS)
@pytest.mark.any_recording
def test_the_network_hears_more_of_the_target_in_every_recording(name, clip, clips):
    board = load_preset(name)
    effect = dream_of(board)
    for recording in clips:
        audio, rate = clip(recording)
        audio = np.ascontiguousarray(audio[:, : 4 * int(rate)])
        wet = measure.matched(board(audio, rate), audio, rate)
        assert measure.heard(effect, wet, rate) > measure.heard(effect, audio, rate), recording


@pytest.mark.parametrize("name", SHIPPED)
def test_amount_zero_is_the_input_in_every_preset(name, clip):
    audio, rate = clip("solo_egtr_em9")
    effect = dream_of(load_preset(name))
    effect.amount, effect.mix, effect.listen, effect.output_db = 0.0, 1.0, "wet", 0.0
    assert np.array_equal(effect(audio, rate), audio)
    stream = effect.stream(rate, audio.shape[0], audio.shape[1])
    streamed = stream.process(audio)
    assert np.array_equal(streamed[:, stream.latency :], audio[:, : -stream.latency])


def test_at_least_six_presets_that_sound_different(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.ascontiguousarray(audio[:, : 4 * int(rate)])
    heard = {}
    for name in SHIPPED:
        wet = measure.matched(load_preset(name)(audio, rate), audio, rate)
        heard[name] = log_band_features(wet, rate) * 20 / np.log(10)
    loud = log_band_features(audio, rate) * 20 / np.log(10) > -60
    assert len(heard) >= 6
    for one, other in combinations(heard, 2):
        apart_db = np.sqrt(np.mean((heard[one] - heard[other])[loud] ** 2))
        assert apart_db > 2.5, f"{one} and {other} differ by {apart_db:.1f} dB only"
