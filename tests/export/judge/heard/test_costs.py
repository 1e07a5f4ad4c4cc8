"""All figures of one dream together."""

import numpy as np
import pytest

from dreampedal.export.judge.heard.costs import costs

pytestmark = pytest.mark.any_recording


def test_a_recording_beside_itself_costs_nothing(clip):
    pytest.importorskip("parselmouth")
    audio, rate = clip("solo_egtr_em9")
    found = costs(audio, audio.copy(), rate).to_json()
    assert found == {
        "pitch": 1.0, "notes": None, "onsets": 1.0, "loudness_db": 0.0, "peak_db": 0.0, "pumping_db": 0.0,
    }  # fmt: skip


def test_without_praat_the_rest_is_measured(clip):
    audio, rate = clip("solo_egtr_em9")
    found = costs(audio, 2 * audio, rate, praat=False)
    assert found.pitch is None
    assert (found.loudness_db, found.peak_db) == pytest.approx((6.02, 6.02), abs=0.01)


def test_sounds_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match=r"dry and wet last 1\.000 and 0\.500 s: expected sounds of one length"):
        costs(np.zeros((1, 48_000), np.float32), np.zeros((1, 24_000), np.float32), 48_000)
