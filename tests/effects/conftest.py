"""What tests of effects play."""

import numpy as np
import pytest


@pytest.fixture
def guitar(clip):
    audio, rate = clip("solo_egtr_em9")
    return np.ascontiguousarray(audio[:, :60_000]), rate
