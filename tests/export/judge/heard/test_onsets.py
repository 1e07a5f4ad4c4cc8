"""Onsets of clicks and of real recordings; mir_eval and librosa are the independent twins."""

import numpy as np
import pytest

from dreampedal.export.judge.heard.onsets import onsets, onsets_f, shared

pytestmark = pytest.mark.any_recording

RATE = 48_000


def clicks(times, seconds=4.0, level=0.5):
    sound = np.random.default_rng(0).standard_normal(round(seconds * RATE)) * 1e-4
    for time in times:
        at = round(time * RATE)
        sound[at : at + 2400] += level * np.exp(-np.arange(2400) / 400) * np.random.default_rng(1).standard_normal(2400)
    return sound[None].astype(np.float32)


TIMES = np.array([0.3, 0.75, 1.1, 1.62, 2.5, 3.3])


@pytest.mark.parametrize("level", [0.5, 0.02])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_clicks_are_found_where_they_are(level, rate):
    found = onsets(clicks(TIMES, level=level), rate)
    assert len(found) == len(TIMES)
    assert np.abs(found - TIMES * RATE / rate).max() < 0.02


def test_a_gain_and_an_equaliser_move_no_onset(clip):
    audio, rate = clip("solo_piano")
    assert len(onsets(audio, rate)) > 3
    assert onsets_f(audio, np.float32(0.2) * audio, rate) == 1.0
    darker = np.asarray(audio + 0.9 * np.pad(audio, ((0, 0), (1, 0)))[:, :-1], np.float32)
    assert onsets_f(audio, darker, rate) > 0.8


def test_onsets_that_move_or_double_are_lost():
    dry = clicks(TIMES)
    assert onsets_f(dry, clicks(TIMES + 0.1), RATE) == 0
    doubled = clicks(np.sort([*TIMES, *(TIMES + 0.15)]))
    assert onsets_f(dry, doubled, RATE) == pytest.approx(2 * 6 / 18, abs=0.05)
    assert onsets_f(dry, clicks(TIMES[:3]), RATE) == pytest.approx(2 * 3 / 9)


def test_steady_sounds_and_silence_have_none():
    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(RATE * 2) / RATE))[None].astype(np.float32)
    middle = tone[:, RATE // 2 :]
    assert len(onsets(np.zeros((1, RATE), np.float32), RATE)) == 0
    assert onsets_f(np.zeros_like(tone), np.zeros_like(tone), RATE) is None
    assert len(onsets(middle, RATE)) == 0  # that a recording begins and ends is no onset
    assert len(onsets(np.zeros((1, 100), np.float32), RATE)) == 0


def test_pairs_are_counted_as_mir_eval_counts_them():
    onset = pytest.importorskip("mir_eval.onset")
    random = np.random.default_rng(3)
    for _ in range(200):
        reference, found = (np.sort(random.uniform(0, 3, random.integers(1, 40))) for _ in range(2))
        f, _, _ = onset.f_measure(reference, found, window=0.05)
        assert 2 * shared(reference, found) / (len(reference) + len(found)) == pytest.approx(f)


@pytest.mark.parametrize("name", ["solo_piano", "solo_egtr_em9"])
def test_librosa_finds_nearly_the_same_ones(clip, name):
    librosa = pytest.importorskip("librosa")
    audio, rate = clip(name)
    twin = librosa.onset.onset_detect(y=audio.mean(0), sr=rate, units="time", hop_length=256)
    ours = onsets(audio, rate)
    assert 2 * shared(twin, ours) / (len(twin) + len(ours)) > 0.7
