"""Dreams among natives on real recordings: one chain, the same samples however the signal is cut."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pedalboard import Compressor, Delay, HighpassFilter, Pedalboard, Reverb

from dreampedal import Amplify, Board, Dream, Mix

from ...signals import in_parts


@pytest.fixture
def guitar(clip):
    audio, rate = clip("solo_egtr_em9")
    return np.ascontiguousarray(audio[:, :40_000]), rate


def chain():
    return Board(
        [
            HighpassFilter(80),
            Compressor(threshold_db=-24, ratio=3),
            Mix([Board([Dream(), Delay(0.1, mix=0.3)]), Amplify(lookahead_frames=2, mix=0.5), Board([])]),
            Reverb(room_size=0.4),
        ]
    )


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.one_of(st.integers(1, 10_000), st.integers(1, 64)), min_size=1, max_size=30))
def test_any_partition_of_a_nested_board_gives_the_same_samples(sizes, guitar):
    audio, rate = guitar
    whole = chain()(audio, rate)
    assert np.array_equal(in_parts(chain(), audio, rate, sizes), whole)


def test_latencies_add_in_series_and_align_in_parallel(guitar):
    audio, rate = guitar
    assert Board([Dream(), Dream(lookahead_frames=1)]).latency_at(rate) == 2048 + 2560
    assert Mix([Dream(), Amplify(lookahead_frames=2), Compressor()]).latency_at(rate) == 3072
    silent_dreams = Mix([Dream(amount=0.0), Amplify(amount=0.0, lookahead_frames=3), Board([])])
    assert np.abs(silent_dreams(audio, rate) - 3 * audio).max() < 1e-6


def test_a_dream_that_adds_nothing_leaves_pedalboards_own_sound(guitar):
    audio, rate = guitar
    natives = [Compressor(threshold_db=-24, ratio=3), Reverb(room_size=0.4)]
    ours = Board([natives[0], Dream(amount=0.0), natives[1]])(audio, rate)
    theirs = Pedalboard([Compressor(threshold_db=-24, ratio=3), Reverb(room_size=0.4)])(audio, rate)
    assert np.array_equal(ours, theirs)


def test_a_tail_rings_out_after_the_end(guitar):
    audio, rate = guitar
    board = Board([Dream(), Reverb(room_size=0.9)])
    body = board(audio, rate, reset=False)
    tail = board.flush(tail_seconds=0.5)
    assert body.shape[1] + tail.shape[1] == audio.shape[1] + round(0.5 * rate)
    assert np.abs(tail[:, -2000:]).max() > 1e-4
