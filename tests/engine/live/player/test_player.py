"""The player: boards that take turns at one latency, each sample as it should be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard import Gain, HighpassFilter, Reverb

from dreampedal.effects.dream import Dream
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.player.changes import Bypass, Set
from dreampedal.engine.live.player.player import BYPASS_SECONDS, FADE_SECONDS, BoardPlayer

from ....signals import Wait
from ..desk import late_by

RATE = 48_000
SIZE = 128


def cut(player, audio, sizes=(SIZE,)):
    parts, at = [], 0
    while at < audio.shape[1]:
        for size in sizes:
            parts.append(player.process(np.ascontiguousarray(audio[:, at : at + size])).copy())
            at += size
    return np.concatenate(parts, axis=1)


@pytest.fixture
def audio(clip):
    sound, _ = clip("solo_egtr_em9")
    return np.ascontiguousarray(sound[:2, 20_000 : 20_000 + 128 * 300])


def test_a_board_plays_as_its_stream_does(audio):
    board = Board([HighpassFilter(200), Dream(target="class:flute"), Reverb()])
    player = BoardPlayer(board, RATE, audio.shape[0], SIZE)
    stream = Board([HighpassFilter(200), Dream(target="class:flute"), Reverb()]).stream(RATE, audio.shape[0], SIZE)
    assert player.latency == stream.latency == 2048
    np.testing.assert_array_equal(cut(player, audio), cut(stream, audio))


def test_a_shorter_board_waits_and_a_longer_one_is_refused(audio):
    player = BoardPlayer(Board([Wait(samples=100)]), RATE, audio.shape[0], SIZE, latency=500)
    np.testing.assert_array_equal(cut(player, audio), late_by(audio, 500))
    with pytest.raises(ValueError, match=r"far needs 501 samples of latency, and this stream has 500.*latency=501"):
        player.prepare(Board([Wait(samples=501)]), "far")


def test_bypass_fades_to_exactly_the_dry_sound_and_back(audio):
    player = BoardPlayer(Board([Wait(samples=64), Gain(-20)]), RATE, audio.shape[0], SIZE)
    wet = cut(BoardPlayer(Board([Wait(samples=64), Gain(-20)]), RATE, audio.shape[0], SIZE), audio)
    dry = late_by(audio, 64)
    third, fade = SIZE * 100, round(BYPASS_SECONDS * RATE)
    first = cut(player, audio[:, :third])
    player.apply(Bypass(True))
    second = cut(player, audio[:, third : 2 * third])
    player.apply(Bypass(False))
    last = cut(player, audio[:, 2 * third :])
    out = np.concatenate([first, second, last], axis=1)
    np.testing.assert_array_equal(first, wet[:, :third])
    np.testing.assert_array_equal(out[:, third + fade : 2 * third], dry[:, third + fade : 2 * third])
    np.testing.assert_array_equal(last[:, fade:], wet[:, 2 * third + fade :])
    assert np.abs(np.diff(out)).max() <= 1.05 * np.abs(np.diff(dry)).max()


def test_the_old_board_plays_on_until_the_new_one_sounds(audio):
    at, fade = SIZE * 50, round(FADE_SECONDS * RATE)
    player = BoardPlayer(Board([Wait(samples=300), Gain(-6)]), RATE, audio.shape[0], SIZE)
    old = cut(BoardPlayer(Board([Wait(samples=300), Gain(-6)]), RATE, audio.shape[0], SIZE), audio)
    program = player.prepare(Board([Wait(samples=200), Gain(-12)]), "new")
    out = [cut(player, audio[:, :at])]
    told = player.swap(program)
    assert (told.number, told.name) == (1, "new")
    with pytest.raises(ValueError, match="fading in"):
        player.swap(program)
    out = np.concatenate([*out, cut(player, audio[:, at:])], axis=1)
    np.testing.assert_array_equal(out[:, : at + 300], old[:, : at + 300])
    # The new board hears nothing of what came before it: it begins with the sample of the swap.
    other = Board([Wait(samples=200), Gain(-12)])
    new = cut(BoardPlayer(other, RATE, audio.shape[0], SIZE, latency=300), audio[:, at:])
    np.testing.assert_array_equal(out[:, at + 300 + fade :], new[:, 300 + fade :])
    assert np.abs(np.diff(out)).max() <= 1.05 * np.abs(np.diff(audio)).max()


def test_the_users_board_is_only_read(audio):
    board = Board([Wait(samples=10), Gain(-6)])
    player = BoardPlayer(board, RATE, audio.shape[0], SIZE)
    player.apply(Set("1", "gain_db", 6.0))
    assert board[1].gain_db == -6 and player.current.mirror.board[1].gain_db == 6
    assert player.current.mirror.board[0] is not board[0]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, SIZE), min_size=1, max_size=12),
    places=st.lists(st.integers(0, SIZE), max_size=4),
)
def test_any_cuts_give_the_same_samples(sizes, places):
    audio = np.random.default_rng(3).uniform(-0.4, 0.4, (2, SIZE * 40)).astype(np.float32)
    board = Board([Dream(target="conv2", steps=1, foresight_frames=0)])
    whole = cut(BoardPlayer(board, RATE, 2, SIZE), audio)
    np.testing.assert_array_equal(cut(BoardPlayer(board, RATE, 2, SIZE), audio, sizes)[:, : whole.shape[1]], whole)
    player, parts = BoardPlayer(board, RATE, 2, SIZE), []
    for start in range(0, audio.shape[1], SIZE):
        changes = [(place, lambda: None) for place in places]
        parts.append(player.process_cut(np.ascontiguousarray(audio[:, start : start + SIZE]), changes).copy())
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_held_hops_are_asked_for_by_program_stream_and_hop(audio):
    asked = []
    board = Board([Dream(target="conv1", steps=1), Dream(target="conv2", steps=1)])
    player = BoardPlayer(board, RATE, audio.shape[0], SIZE)
    player.pace(lambda *place: asked.append(place) or False)
    player.process(audio[:, :SIZE].copy())
    player.swap(player.prepare(Board([Dream(target="conv3", steps=1)]), "other"))
    cut(player, audio[:, SIZE : SIZE * 120])
    assert {(program, stream) for program, stream, _ in asked} == {(0, 0), (0, 1), (1, 0)}
    for place in {place[:2] for place in asked}:
        hops = [hop for *of, hop in asked if tuple(of) == place]
        assert hops == list(range(len(hops)))
    assert player.current.number == 1 and player.coming is None


def test_a_board_that_no_text_can_tell_plays_all_the_same(audio):
    def refuse(board):
        raise ValueError("a plugin that no text can tell")

    player = BoardPlayer(Board([Gain(0)]), RATE, audio.shape[0], SIZE, describe=refuse)
    assert player.current.text == ""
    np.testing.assert_array_equal(cut(player, audio), audio)
