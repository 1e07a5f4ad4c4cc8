"""Boards as lists, as effects, and with effects of ours and natives in one signal."""

import numpy as np
import pedalboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pedalboard import Chorus, Compressor, Gain, Pedalboard, Phaser, Reverb

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.mix import Mix

from ...signals import Wait

pytestmark = pytest.mark.any_recording

recordings = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Framed(Effect, family=True):
    """Turns the phase of every other frame of 256 samples: its output tells where its frames lie."""

    def stream(self, sample_rate, channels, max_block=8192):
        return FramedStream(DelayLine(256, channels))

    def latency_at(self, sample_rate):
        return 256


class FramedStream:
    def __init__(self, line):
        self.line, self.latency, self.at = line, line.latency, 0

    def process(self, block):
        frames = (np.arange(self.at, self.at + block.shape[1]) // 256) % 2
        self.at += block.shape[1]
        return self.line.process(block * np.where(frames, -1, 1).astype(np.float32))


def cut(audio, seed, largest):
    """The audio in blocks of 1 to `largest` samples."""
    rng = np.random.default_rng(seed)
    start = 0
    while start < audio.shape[1]:
        size = int(rng.integers(1, largest + 1))
        yield audio[:, start : start + size]
        start += size


def streamed(board, audio, rate, seed=0, largest=3000):
    """The output of a stream for the audio and the zeros that bring out its last sample; and the latency."""
    stream = board.stream(rate, audio.shape[0], largest)
    longer = np.pad(audio, ((0, 0), (0, stream.latency)))
    return np.concatenate(
        [stream.process(block).copy() for block in cut(longer, seed, largest)], axis=1
    ), stream.latency


BOARDS = {
    "natives": lambda: Board([Compressor(-20, 4), Chorus(), Reverb()]),
    "ours": lambda: Board([Wait(samples=100), Framed(), Wait(samples=1)]),
    "ours first": lambda: Board([Framed(), Phaser(), Reverb()]),
    "natives first": lambda: Board([Reverb(), Chorus(), Framed(), Phaser()]),
    "nested": lambda: Board(
        [Reverb(), Board([Wait(samples=77), Chorus()]), Pedalboard([Phaser(), Gain(-3)]), Framed()]
    ),
    "parallel": lambda: Board([Compressor(-20, 4), Mix([Framed(), Reverb(), Board([])]), Chorus()]),
    "parallel natives": lambda: Board([Framed(), pedalboard.Mix([Chorus(), Gain(-6), pedalboard.Chain([Reverb()])])]),
}


@pytest.mark.parametrize("name", BOARDS)
@given(seed=st.integers(0, 2**32 - 1), channels=st.sampled_from([1, 2, 6]), largest=st.sampled_from([2, 300, 10_000]))
@recordings
def test_any_blocks_give_the_same_bits(name, clip, seed, channels, largest):
    audio, rate = clip("mix_house")
    audio = np.resize(audio, (channels, audio.shape[1]))[:, : min(15_000, 400 * largest)]
    board = BOARDS[name]()
    expected = board(audio, rate)
    played = [board(block, rate, reset=False) for block in cut(audio, seed, largest)]
    assert np.array_equal(np.concatenate([*played, board.flush()], axis=1), expected)


@pytest.mark.parametrize("name", BOARDS)
@given(seed=st.integers(0, 2**32 - 1), largest=st.sampled_from([2, 300, 8192]))
@recordings
def test_a_stream_is_the_one_call_later(name, clip, seed, largest):
    audio, rate = clip("mix_house")
    audio = audio[:, : min(15_000, 400 * largest)]
    board = BOARDS[name]()
    played, latency = streamed(board, audio, rate, seed, largest)
    assert latency == board.latency_at(rate)
    assert not played[:, :latency].any()
    assert np.array_equal(played[:, latency:], board(audio, rate))


def test_an_effect_begins_with_the_signal_wherever_it_stands(clip):
    """The frames of an effect behind a latency of 1000 samples lie as if it were alone."""
    audio, rate = clip("solo_cello")
    assert np.array_equal(Board([Wait(), Framed()])(audio, rate), Framed()(audio, rate))
    assert np.array_equal(Board([Wait(), Chorus()])(audio, rate), Chorus()(audio, rate))


@pytest.mark.parametrize(
    "plugins",
    [
        lambda: [],
        lambda: [None],
        lambda: [Gain(-3), None, Reverb()],
        lambda: [pedalboard.BrickwallLimiter(-10), Chorus(), pedalboard.MP3Compressor()],
        lambda: [Reverb(), pedalboard.BrickwallLimiter(-20)],
        lambda: [Pedalboard([Compressor(-20, 4), Pedalboard([Reverb()])]), Gain(2)],
        lambda: [pedalboard.Mix([Gain(-3), pedalboard.BrickwallLimiter(-10)]), Phaser()],
        lambda: [pedalboard.PitchShift(5), Reverb()],
    ],
)
def test_natives_alone_are_pedalboards_own(plugins, clip):
    audio, rate = clip("drums_break")
    assert np.array_equal(Board(plugins())(audio, rate), Pedalboard(plugins())(audio, rate))


def test_one_call_plays_what_cannot_stream_beside_effects_of_ours(clip):
    audio, rate = clip("speech_male_en")
    shifted = pedalboard.PitchShift(5)(audio, rate)
    assert np.array_equal(Board([Wait(), pedalboard.PitchShift(5), Wait()])(audio, rate), shifted)
    mixed = Mix([Wait(), pedalboard.PitchShift(5)])(audio, rate)
    assert np.array_equal(Board([Wait(), Mix([Wait(), pedalboard.PitchShift(5)])])(audio, rate), mixed)
    np.testing.assert_allclose(mixed, audio + shifted, atol=1e-6)


def test_a_tail_rings_out_in_flush(clip):
    audio, rate = clip("drums_break")
    audio = audio[:, :20_000]
    board = Board([Wait(), Reverb()])
    expected = Reverb()(np.pad(audio, ((0, 0), (0, rate // 2))), rate)
    played = np.concatenate([board(audio, rate, reset=False), board.flush(tail_seconds=0.5)], axis=1)
    assert np.array_equal(played, expected)


def test_several_streams_share_one_board(clip):
    audio, rate = clip("mix_house")
    board = Board([Chorus(), Reverb()])
    first, second = board.stream(rate, 2, 1000), board.stream(rate, 2, 1000)
    together = [(first.process(block).copy(), second.process(block[:, ::-1]).copy()) for block in cut(audio, 3, 1000)]
    assert np.array_equal(np.concatenate([played for played, _ in together], axis=1), board(audio, rate))


def test_a_board_is_a_list_as_pedalboards_is():
    gain, reverb, wait = Gain(), Reverb(), Wait()
    ours, theirs = Board([gain]), Pedalboard([gain])
    for board in (ours, theirs):
        board.append(reverb)
        board.insert(1, chorus := Chorus())
        assert len(board) == 3 and board[1] is chorus and board[-1] is reverb and list(board) == [gain, chorus, reverb]
        del board[1]
        board[0] = other = Gain(-3)
        board.remove(reverb)
        assert list(board) == [other] and other in board and reverb not in board
        with pytest.raises(IndexError):
            board[1]
        with pytest.raises(ValueError):
            board.remove(reverb)
    ours += [reverb, wait]
    assert ours.plugins == [ours[0], reverb, wait] and ours.index(wait) == 2
    assert isinstance(ours[1:], Board) and ours[1:].plugins == [reverb, wait]
    ours[1:] = [wait]
    assert ours.pop() is wait and len(ours) == 1
    assert repr(Board([wait])) == "Board([Wait(samples=1000)])"
    assert repr(gain) in repr(Board([Mix([gain])]))


def test_what_a_board_cannot_hold():
    board = Board([Mix([])])
    with pytest.raises(TypeError, match="expected an effect or a pedalboard plugin"):
        board.append("Reverb")
    with pytest.raises(TypeError):
        Board([Reverb])
    with pytest.raises(TypeError):
        Board(Reverb())
    for holder in (board, board[0]):
        with pytest.raises(ValueError, match="cannot hold itself"):
            holder.append(board)
    with pytest.raises(TypeError):
        Pedalboard([Wait()])


def test_editing_a_board_is_heard_in_the_next_signal(clip):
    audio, rate = clip("solo_flute")
    board = Board([Gain(0)])
    stream = board.stream(rate, 1)
    board.append(Gain(-6))
    assert np.array_equal(stream.process(audio[:1, :1000]), audio[:1, :1000])
    assert np.array_equal(board(audio, rate), Gain(-6)(audio, rate))


@pytest.mark.parametrize(
    "arguments", [(0, 2, 128), (7999, 2, 128), (float("nan"), 2, 128), (48000, 0, 128), (48000, 9, 128), (48000, 2, 0)]
)
def test_a_stream_that_cannot_be(arguments):
    for rack in (Board([Gain()]), Mix([Gain()])):
        with pytest.raises(ValueError, match="expected"):
            rack.stream(*arguments)


def test_a_knob_inside_pedalboards_own_containers_is_heard(clip):
    audio, rate = clip("solo_flute")
    board = Board([Wait(), Pedalboard([pedalboard.Mix([Gain(0)])])])
    stream = board.stream(rate, 1, 4096)
    before = stream.process(audio[:1, :4096]).copy()
    board[1][0][0].gain_db = -6
    after = [stream.process(audio[:1, start : start + 4096]).copy() for start in (4096, 8192)][-1]
    assert np.array_equal(before[:, 1000:], audio[:1, :3096])
    assert np.array_equal(after, Gain(-6)(audio[:1, 8192 - 1000 : 12288 - 1000], rate))


def test_a_native_that_refuses_says_why(clip):
    with pytest.raises(ValueError, match="mono or stereo"):
        Board([pedalboard.MP3Compressor()]).stream(48000, 6)
    with pytest.raises(ValueError, match="48kHz"):
        Board([pedalboard.MP3Compressor()]).stream(96000, 2)


@pytest.mark.parametrize("shape", [(0,), (1, 0), (2, 0), (6, 0)])
def test_no_samples_in_none_out(shape):
    for board in (Board(), Board([Gain(-6), Wait()]), Board([Reverb()]), Mix([Wait(), Gain()])):
        assert board(np.zeros(shape, np.float32), 48000).shape == shape
        stream = board.stream(48000, 2)
        assert stream.process(np.zeros((2, 0), np.float32)).shape == (2, 0)
