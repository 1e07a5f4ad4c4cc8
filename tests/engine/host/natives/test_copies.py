"""Copies of boards with natives play the same samples: by `copy`, by `pickle`, and in a process that is spawned."""

import copy
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pickle import HIGHEST_PROTOCOL, dumps, loads

import numpy as np
import pedalboard
import pytest
from pedalboard_native._internal import AddLatency

from dreampedal import Board, Dream, Mix
from dreampedal.engine.host.natives.native import native_parameters

from ....signals import Wait
from .test_native import NATIVES, NOT_STREAMABLE, RATE, ROOM

NESTED = {
    "chains and mixes": lambda: [
        pedalboard.Pedalboard([pedalboard.Gain(3), None, pedalboard.Mix([pedalboard.Reverb(), pedalboard.Delay(0.1)])]),
        Mix([pedalboard.Chain([pedalboard.Chorus(), pedalboard.Chain([])]), Board([pedalboard.Gain(-6)]), None]),
    ],
    "ours between": lambda: [pedalboard.Compressor(-20, 4), Wait(samples=300), Dream(amount=0.4), pedalboard.Gain(-3)],
    "nothing": lambda: [],
    "every choice": lambda: [
        *(pedalboard.LadderFilter(mode, 900) for mode in pedalboard.LadderFilter.Mode.__members__.values()),
        *(pedalboard.Resample(9000, quality) for quality in pedalboard.Resample.Quality.__members__.values()),
    ],
}
BOARDS = {name: (lambda make=make: [make()]) for name, make in (NATIVES | NOT_STREAMABLE).items()} | NESTED


def structure(item):
    """Types, parameters and nesting, down to natives in containers of pedalboard."""
    if item is None or isinstance(item, Wait | Dream):
        return repr(item)
    if isinstance(item, Board | Mix | pedalboard.PluginContainer):
        return type(item), [structure(part) for part in item]
    return type(item), native_parameters(item)


def play(board, audio, rate):
    return board(audio, rate)


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("name", BOARDS)
def test_a_copy_plays_the_same_samples(name, clip, pool):
    audio = clip("mix_rock")[0][:, :9000]
    board = Board(BOARDS[name]())
    expected = board(audio, RATE)
    pickled = [loads(dumps(board, protocol)) for protocol in (2, HIGHEST_PROTOCOL)]
    for other in (copy.copy(board), copy.deepcopy(board), *pickled):
        assert structure(other) == structure(board)
        assert np.array_equal(other(audio, RATE), expected)
    assert np.array_equal(pool.submit(play, board, audio, RATE).result(), expected)


def test_a_copy_shares_its_plugins_and_a_deep_one_does_not():
    board = Board([pedalboard.Gain(3), Mix([pedalboard.Reverb()])])
    shallow, deep = copy.copy(board), copy.deepcopy(board)
    shallow[0].gain_db, deep[0].gain_db = 6, -6
    assert board[0] is shallow[0] and board[0].gain_db == 6 and deep[1] is not board[1]
    shallow.append(pedalboard.Gain())
    assert (len(board), len(shallow), len(deep)) == (2, 3, 2)


def test_one_plugin_twice_stays_one():
    gain = pedalboard.Gain(3)
    for other in (copy.deepcopy(Board([gain, None, gain])), loads(dumps(Board([gain, None, gain])))):
        assert other[0] is other[2] and other[0] is not gain


def test_a_signal_under_way_is_not_copied(clip):
    audio = clip("mix_rock")[0][:, :9000]
    board = Board([pedalboard.Delay(0.01, 0.5)])
    first = board(audio[:, :4000], RATE, reset=False)
    other = copy.deepcopy(board)
    assert other.flush().shape == (1, 0)
    rest = board(audio[:, 4000:], RATE, reset=False)
    assert np.array_equal(np.concatenate([first, rest], axis=1), other(audio, RATE))


def test_a_convolution_from_a_file(tmp_path, clip):
    path = str(tmp_path / "room.wav")
    with pedalboard.io.AudioFile(path, "w", RATE, 2) as file:
        file.write(ROOM.astype(np.float32) * 0.1)
    board = Board([pedalboard.Convolution(path, mix=0.25)])
    audio = clip("mix_rock")[0][:, :9000]
    other = loads(dumps(board))
    assert other[0].impulse_response_filename == path
    assert np.array_equal(other(audio, RATE), board(audio, RATE))


def test_what_does_not_tell_what_it_is_made_of():
    board = Board([pedalboard.Chain([AddLatency(10)])])
    for copied in (copy.deepcopy, dumps):
        with pytest.raises(TypeError, match=r"AddLatency.* cannot be copied"):
            copied(board)
    assert copy.copy(board)[0] is board[0]
