"""Latency arithmetic by brute force: no stream ever owes a sample that it does not have."""

import numpy as np
import pytest

from dreampedal.engine.dsp.rates import at_rate, dividing_hop, live_latency, octave, studio_latency


@pytest.mark.parametrize("lookahead_frames", [0, 1, 3])
@pytest.mark.parametrize("window, hop", [(1024, 256), (2048, 512), (2048, 300), (8192, 2048)])
def test_every_block_size_is_served_in_time(window, hop, lookahead_frames):
    latency = studio_latency(window, hop, lookahead_frames)
    for block in range(1, 2049):
        samples_in = np.arange(1, 2 + 3 * hop // block + latency // block) * block
        ready = (samples_in // hop + 1) * hop - latency
        assert (samples_in - latency <= ready).all()


@pytest.mark.parametrize("window, hop", [(2048, 512), (1024, 128)])
def test_latency_is_the_window_and_a_hop_for_each_frame_of_lookahead(window, hop):
    assert [studio_latency(window, hop, k) for k in (0, 1, 4)] == [window, window + hop, window + 4 * hop]


def test_frames_last_about_as_long_at_every_rate():
    for rate in range(16_000, 192_001, 50):
        milliseconds = at_rate(2048, rate) / rate * 1000
        assert 36 < milliseconds < 75
        assert at_rate(2048, rate) == 4 * at_rate(512, rate)
    assert octave(44_100) == octave(48_000) == octave(32_000) == 0


@pytest.mark.parametrize("lookahead_frames", [0, 1, 3])
@pytest.mark.parametrize("hop", [512, 300, 256, 1000, 7])
def test_a_short_window_is_served_in_time_for_every_block_size(hop, lookahead_frames):
    play_hop = dividing_hop(hop, 64)
    assert 1 <= play_hop <= 64 and hop % play_hop == 0
    assert not any(hop % longer == 0 for longer in range(play_hop + 1, 65) if longer <= hop)
    latency = live_latency(4 * play_hop, hop, lookahead_frames)
    assert latency == 4 * play_hop + lookahead_frames * hop
    for block in range(1, 600):
        samples_in = np.arange(1, 2 + 3 * hop // block + latency // block) * block
        ready = (samples_in // play_hop + 1) * play_hop - latency
        assert (samples_in - latency <= ready).all()
