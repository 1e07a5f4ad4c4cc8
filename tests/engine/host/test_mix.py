"""Mixes: parallel paths that stay aligned to the sample, whatever each of them is late by."""

import numpy as np
import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard import BrickwallLimiter, Chain, Gain, Invert, Reverb

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.mix import Mix

from ...signals import Wait

pytestmark = pytest.mark.any_recording


def impulse_response(effect, block, channels=2):
    """Where the samples that are not zero lie in a stream's answer to one full-scale sample, and its latency."""
    stream = effect.stream(48000, channels, block)
    impulse = np.zeros((channels, 4000), np.float32)
    impulse[:, 0] = 1
    played = np.concatenate(
        [stream.process(part).copy() for part in np.split(impulse, range(block, 4000, block), 1)], 1
    )
    return {int(at): round(float(played[0, at]), 4) for at in np.flatnonzero(played[0])}, stream.latency


waits = st.recursive(
    st.integers(0, 400).map(lambda samples: Wait(samples=samples)) | st.builds(Invert) | st.builds(Gain, st.just(0)),
    lambda inside: (
        st.lists(inside, min_size=1, max_size=3).map(Board) | st.lists(inside, min_size=1, max_size=3).map(Mix)
    ),
    max_leaves=8,
)


def paths(effect):
    """Ways through an effect, each as the sign with which the sound comes out of it."""
    if isinstance(effect, Mix):
        return [sign for part in effect for sign in paths(part)]
    if isinstance(effect, Board):
        signs = [1]
        for part in effect:
            signs = [before * after for before in signs for after in paths(part)]
        return signs
    return [-1 if isinstance(effect, Invert) else 1]


@given(inside=st.lists(waits, min_size=1, max_size=4), block=st.sampled_from([1, 7, 64, 480, 4000]))
@settings(max_examples=60, deadline=None)
def test_all_paths_meet_in_one_sample(inside, block):
    mix = Mix(inside)
    response, latency = impulse_response(mix, block)
    total = sum(paths(mix))
    assert latency == mix.latency_at(48000) < 4000
    assert response == ({latency: total} if total else {})


def test_latencies_add_along_a_board_and_the_longest_counts_in_a_mix():
    slow = Board([Wait(samples=300), Wait(samples=20), BrickwallLimiter(0, lookahead_ms=5)])
    mix = Mix([slow, Wait(samples=100), Gain(0), None])
    assert slow.latency_at(48000) == 300 + 20 + 240
    assert mix.latency_at(48000) == mix.latency == 560
    assert Board([mix, mix]).latency_at(48000) == 1120
    assert impulse_response(mix, 128) == ({560: 4.0}, 560)


def test_dry_and_wet_cancel(clip):
    """Opposite phases leave silence only if both paths are aligned to the sample."""
    audio, rate = clip("mix_orchestra_peer_gynt")
    mix = Mix([Board([Wait(), BrickwallLimiter(0), Invert()]), Gain(0)])
    assert not mix(audio * 0.5, rate).any()
    stream = mix.stream(rate, 2, 700)
    assert not any(stream.process(audio[:, start : start + 700] * 0.5).any() for start in range(0, 50_000, 700))


@pytest.mark.parametrize(
    "plugins",
    [
        lambda: [],
        lambda: [Gain(-6)],
        lambda: [Gain(-6), Reverb(), None],
        lambda: [Gain(-6), BrickwallLimiter(-20)],
        lambda: [Chain([Gain(-6), Invert()]), pedalboard.Mix([Reverb(), Gain(-3)])],
    ],
)
def test_natives_alone_are_pedalboards_own(plugins, clip):
    audio, rate = clip("mix_rock")
    assert np.array_equal(Mix(plugins())(audio, rate), pedalboard.Mix(plugins())(audio, rate))


@pytest.mark.parametrize("block", [128, 1000])
def test_pedalboards_mix_streams_here_with_its_paths_aligned(block, clip):
    """pedalboard 0.9.26 forgets, from block to block, what the faster paths of a mix have ready."""
    audio, rate = clip("mix_rock")
    audio = audio[:, : 40 * block]
    board = Board([pedalboard.Mix([Gain(-6), BrickwallLimiter(-20)])])
    expected = board(audio, rate)
    played = [board(part, rate, reset=False) for part in np.split(audio, 40, axis=1)]
    assert np.array_equal(np.concatenate([*played, board.flush()], axis=1), expected)
    theirs = pedalboard.Mix([Gain(-6), BrickwallLimiter(-20)])
    played = np.concatenate([theirs(part, rate, reset=False) for part in np.split(audio, 40, axis=1)], axis=1)
    assert not np.array_equal(played, expected[:, : played.shape[1]])


def test_a_mix_does_not_write_into_its_input(clip):
    audio, rate = clip("solo_flute")
    kept = audio.copy()
    Mix([Board([]), Gain(-6)])(audio, rate)
    Mix([Board([]), Board([])]).stream(rate, 1).process(audio[:1, :1000])
    assert np.array_equal(audio, kept)


@given(st.integers(0, 500), st.lists(st.integers(0, 300), max_size=30))
def test_a_delay_line_delays_by_its_latency(latency, sizes):
    line = DelayLine(latency, channels=1)
    signal = np.arange(1, sum(sizes) + 1, dtype=np.float32)[np.newaxis]
    played = [line.process(part).copy() for part in np.split(signal, np.cumsum(sizes)[:-1], axis=1)]
    expected = np.pad(signal, ((0, 0), (latency, 0)))[:, : signal.shape[1]]
    assert np.array_equal(np.concatenate(played, axis=1), expected)
