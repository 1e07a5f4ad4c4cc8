"""Segments: for any length, hop and recording they cover what they should, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.export.data.segments import LEAST_SHARE, Segmenting, even_hops, loudness, segments

pytestmark = pytest.mark.any_recording

LENGTHS = st.floats(0.01, 3.0)


def covered(found, samples):
    """How many segments hold each sample."""
    counts = np.zeros(samples, int)
    for first, end in found:
        counts[first:end] += 1
    return counts


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 30_000), LENGTHS, st.one_of(st.none(), LENGTHS), st.sampled_from([0.0, 0.3, 1.7]),
    st.sampled_from([0.0, 0.4]), st.sampled_from(["pad", "drop"]), st.sampled_from([1000, 4410]),
)  # fmt: skip
def test_any_segments_cover_what_is_kept(samples, seconds, hop, drop_first, drop_last, last, rate):
    chosen = Segmenting(
        seconds=seconds, hop_seconds=hop, drop_first_seconds=drop_first, drop_last_seconds=drop_last, last=last
    )
    found = segments(samples, rate, chosen)
    length, step = max(1, round(seconds * rate)), max(1, round(chosen.hop * rate))
    first, end = round(drop_first * rate), samples - round(drop_last * rate)
    starts = [start for start, _ in found]
    assert starts == [first + i * step for i in range(len(found))]
    assert all(stop - start == length for start, stop in found[:-1])
    assert all(first <= start < stop <= end and stop - start <= length for start, stop in found)
    counts = covered(found, samples)
    assert not counts[:first].any() and not counts[max(0, end) :].any()
    if last == "drop":
        assert all(stop - start == length for start, stop in found)
        assert len(found) == max(0, (end - first - length) // step + 1)
    elif step <= length and end > first:
        missing = np.flatnonzero(counts[first:end] == 0)
        assert missing.size < LEAST_SHARE * length and (missing.size == 0 or missing[0] == end - first - missing.size)


def test_a_recording_shorter_than_a_segment_is_padded_or_dropped():
    assert segments(50, 100, Segmenting(seconds=1.0)) == [(0, 50)]
    assert segments(5, 100, Segmenting(seconds=1.0)) == [(0, 5)]
    assert segments(50, 100, Segmenting(seconds=1.0, last="drop")) == []
    assert segments(105, 100, Segmenting(seconds=1.0)) == [(0, 100)]
    assert segments(150, 100, Segmenting(seconds=1.0, drop_first_seconds=2.0)) == []


def test_silence_is_trimmed_at_the_ends_and_left_out_between(clip):
    audio, rate = clip("solo_flute")
    tone = audio[:, rate : 2 * rate]
    tone = tone / np.abs(tone).max()
    quiet = np.random.default_rng(0).standard_normal((tone.shape[0], rate)).astype(np.float32) * 1e-4
    line = np.concatenate([quiet, tone, quiet, quiet, quiet, tone, quiet], axis=1)
    levels = loudness(np.array_split(line, 13, axis=1), rate)
    assert np.abs(levels - loudness([line], rate)).max() < 1e-9
    found = segments(line.shape[1], rate, Segmenting(seconds=0.5, trim_db=50), levels=levels)
    starts = np.array([start for start, _ in found]) / rate
    assert 0.9 < starts.min() < 1.6 and 5.4 < starts.max() < 6.1
    assert not ((starts > 2.1) & (starts < 4.4)).any() and ((starts > 0.9) & (starts < 2)).sum() >= 2
    untrimmed = segments(line.shape[1], rate, Segmenting(seconds=0.5))
    assert len(untrimmed) == 14
    with pytest.raises(ValueError, match="loudness"):
        segments(line.shape[1], rate, Segmenting(seconds=0.5, trim_db=50))


def test_digital_silence_gives_no_segment():
    levels = loudness([np.zeros((1, 5000), np.float32)], 1000)
    assert segments(5000, 1000, Segmenting(trim_db=60), levels=levels) == []


def test_hops_even_classes_out():
    seconds = np.array([1000.0, 980.0, 500.0, 520.0, 240.0, 250.0])
    chosen = Segmenting(seconds=5.0)
    hops = even_hops(seconds, chosen)
    assert len(np.unique(hops)) == 3 and hops[0] == hops[1] == hops.max() == 5.0
    counts = seconds / hops
    assert counts.max() / counts.min() < 1.1 < seconds.max() / seconds.min()
    assert (even_hops(np.array([1000.0, 1.0]), chosen) == [5.0, 5.0 / 8]).all()
    assert (even_hops(np.full(4, 7.0), chosen) == 5.0).all()
