"""The few samples that a take keeps of what was heard, and what they tell of a rendering."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.samples import EVERY, Distance, kept_of, written

from ..takes import recorded


@given(
    sizes=st.lists(st.integers(0, 3 * EVERY), min_size=1, max_size=12), channels=st.integers(1, 4),
    first=st.integers(0, 10_000),
)  # fmt: skip
def test_any_blocks_keep_the_same_samples(sizes, channels, first):
    sound = np.arange(channels * (first + sum(sizes)), dtype=np.float32).reshape(channels, -1)
    ends = first + np.cumsum([0, *sizes])
    kept = b"".join(kept_of(sound[:, a:b], a) for a, b in pairwise(ends))
    wanted = sound[:, [p for p in range(first, sound.shape[1]) if p % EVERY == 0]]
    assert np.array_equal(np.frombuffer(kept, "<f4").reshape(-1, channels).T, wanted)


def test_a_take_keeps_every_997th_sample_of_what_was_heard(tmp_path):
    rng = np.random.default_rng(0)
    sound, heard = rng.standard_normal((2, 2, 60_000)).astype(np.float32)
    take = read_take(recorded(tmp_path, sound, heard, sizes=(1, 777, 4096)))
    distance = Distance()
    for stretch in take.stretches:
        distance.add(kept_of(heard[:, stretch.first : stretch.end], stretch.first), stretch.samples)
    assert len(take.stretches) > 1
    assert (distance.samples, distance.other) == (2 * -(-60_000 // EVERY), 0)
    assert distance.largest_db is distance.rms_db is None


def test_the_distance_is_that_of_the_sound():
    rng = np.random.default_rng(0)
    heard = rng.uniform(-1, 1, (2, 200 * EVERY)).astype(np.float32)
    rendered = heard + (1e-4 * rng.standard_normal(heard.shape)).astype(np.float32)
    distance = Distance()
    distance.add(kept_of(rendered, 0), written(kept_of(heard, 0)))
    assert distance.samples == distance.other == 400
    assert distance.rms_db == pytest.approx(-80, abs=1)
    assert -75 < distance.largest_db <= 0.05 + 20 * np.log10(np.abs(rendered - heard).max())


def test_a_take_without_them_tells_nothing():
    distance = Distance()
    distance.add(b"\0" * 8, "")
    assert (distance.samples, distance.largest_db, distance.rms_db) == (0, None, None)


@pytest.mark.parametrize("heard, words", [("?", "expected base64"), (written(b"\0" * 4), "1 samples of a stretch")])
def test_what_cannot_be_theirs_is_refused(heard, words):
    with pytest.raises(ValueError, match=words):
        Distance().add(b"\0" * 8, heard)
