"""Phrases: the same for a seed, audible, within full scale."""

import numpy as np

from dreampedal.export.data.instruments.soundfont import Soundfont
from dreampedal.export.musicnn.phrases import phrases

from ..soundfonts import FLUID, needs_fluid


@needs_fluid
def test_phrases_sound_and_repeat():
    made = []
    for _ in range(2):
        with Soundfont(FLUID, 44_100) as font:
            made.append(phrases(font, 3, 2.0, seed=4))
    assert made[0].shape == (3, 88_200)
    assert np.abs(made[0] - made[1]).max() < 1e-3
    peaks = np.abs(made[0]).max(1)
    assert np.all((peaks > 0.2) & (peaks < 0.9))
    assert not np.array_equal(made[0][0], made[0][1])
