"""What an effect gets from its base: layouts, compensation, and a clear word about input that cannot be played."""

import copy
import pickle
from threading import Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard import Gain

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect, as_block
from dreampedal.engine.host.contract.parameters import Count, Number
from dreampedal.engine.host.mix import Mix

RATE = 48000


class Later(Effect, family=True):
    """Plays the sound as it is, late."""

    samples = Count(700, low=0, high=10_000, fixed=True)
    level = Number(1.0, 0.0, 2.0)

    def stream(self, sample_rate, channels, max_block=8192):
        return DelayLine(self.samples, channels)

    def latency_at(self, sample_rate):
        return self.samples * (2 if sample_rate > 50_000 else 1)


def ramp(channels, samples):
    """Every sample of every channel is another number."""
    return np.arange(1, channels * samples + 1, dtype=np.float32).reshape(channels, samples) / 2**20


@pytest.mark.parametrize(
    "shape",
    [
        (5000,),
        (1, 5000),
        (2, 5000),
        (6, 3),
        (2, 2),
        (2, 1),
        (1, 1),
        (8, 9),
        (5000, 2),
        (9, 8),
        (0,),
        (1, 0),
        (2, 0),
        (0, 1),
        (0, 2),
        (0, 8),
    ],
)
@pytest.mark.parametrize("latency", [0, 700])
def test_one_call_gives_back_what_it_got(shape, latency):
    audio = ramp(1, int(np.prod(shape))).reshape(shape)
    played = Later(samples=latency)(audio, RATE)
    assert played.dtype == np.float32 and played.shape == shape
    assert np.array_equal(played, audio)


@given(
    channels=st.sampled_from([1, 2, 6]),
    latency=st.sampled_from([0, 1, 500, 9000]),
    buffer_size=st.sampled_from([1, 64, 8192]),
    sizes=st.lists(st.integers(0, 4000), max_size=12),
    layout=st.sampled_from(["channels first", "interleaved", "flat"]),
)
@settings(deadline=None)
def test_parts_and_flush_are_the_one_call(channels, latency, buffer_size, sizes, layout):
    """Parts come back in the signal's layout, short by the latency, and in sum not a sample too many or too few."""
    audio = ramp(channels, 9 + sum(sizes))
    effect = Later(samples=latency)
    shaped = {"channels first": np.array, "interleaved": np.transpose, "flat": lambda part: part[0]}[layout]
    parts = [shaped(part) for part in np.split(audio, np.cumsum([9, *sizes])[:-1], axis=1)]
    played = [effect(part, RATE, buffer_size, reset=False) for part in parts] + [effect.flush()]
    joined = np.concatenate(played, axis=0 if layout == "interleaved" else -1)
    assert np.array_equal(joined, shaped(audio))
    lengths = [part.shape[0 if layout == "interleaved" else -1] for part in played[:-1]]
    assert np.cumsum(lengths).tolist() == [max(0, n - latency) for n in np.cumsum([9, *sizes])]


@given(
    channels=st.integers(1, 8),
    latency=st.sampled_from([0, 5, 700]),
    sizes=st.lists(st.sampled_from([0, 0, 9, 100, 1000]), max_size=8),
    effect=st.sampled_from(["ours", "board", "native"]),
)
def test_a_file_read_in_interleaved_blocks_has_an_empty_one_at_its_end(channels, latency, sizes, effect):
    """And at its start, or within it, wherever a reader has nothing yet; each comes back as it came."""
    later = Later(samples=latency)
    whole = {"ours": later, "board": Board([Gain(0), later]), "native": Board([Gain(0)])}[effect]
    audio = ramp(channels, sum(sizes)).T
    parts = [*np.split(audio, np.cumsum(sizes)), np.zeros((0, channels), np.float32)]
    played = [whole(part, RATE, reset=False) for part in parts] + [whole.flush()]
    assert all(part.ndim == 2 and part.shape[1] == channels for part in played)
    assert played[-2].shape == (0, channels)
    assert np.array_equal(np.concatenate(played), audio)


@pytest.mark.parametrize("first", [(2, 1000), (1000, 2)])
def test_an_empty_block_is_of_its_own_layout_whatever_the_signal_has(first):
    effect = Later(samples=0)
    effect(np.ones(first, np.float32), RATE, reset=False)
    for shape in ((0, 2), (2, 0)):
        assert effect(np.zeros(shape, np.float32), RATE, reset=False).shape == shape
    for shape in ((0, 1), (1, 0), (0,)):
        with pytest.raises(ValueError, match=r"1 channel\(s\) within a signal of 2"):
            effect(np.zeros(shape, np.float32), RATE, reset=False)
    assert effect(np.ones(first, np.float32), RATE, reset=False).shape == first


def test_flush_rings_out_and_resets():
    effect = Later()
    effect(ramp(2, 1000), RATE, reset=False)
    assert effect.flush(tail_seconds=0.01).shape == (2, 700 + 480)
    assert effect.flush().shape == (1, 0)
    with pytest.raises(ValueError, match="tail_seconds"):
        effect.flush(tail_seconds=-1)


def test_reset_begins_a_new_signal():
    effect = Later(samples=10)
    effect(ramp(2, 100), RATE, reset=False)
    effect.reset()
    assert effect(ramp(1, 100), 44100, reset=False).shape == (1, 90)
    assert np.array_equal(effect(ramp(3, 50), RATE), ramp(3, 50))
    assert effect(ramp(2, 100), RATE, reset=False).shape == (2, 90)


def pickled(effect):
    return pickle.loads(pickle.dumps(effect))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_has_the_parameters_and_no_signal_under_way(copied):
    effect = Later(samples=10, level=0.5)
    effect(ramp(2, 100), RATE, reset=False)
    other = copied(effect)
    assert other.parameters == effect.parameters and other.flush().shape == (1, 0)
    with pytest.raises(AttributeError, match="fixed"):
        other.samples = 20
    assert other(ramp(1, 100), 44100, reset=False).shape == (1, 90)
    assert np.array_equal(effect(ramp(2, 100), RATE, reset=False)[:, :10], ramp(2, 100)[:, 90:])


class Locked(Later, family=True):
    """Its streams cannot be copied, as a session of ONNX Runtime cannot."""

    def stream(self, sample_rate, channels, max_block=8192):
        stream = super().stream(sample_rate, channels, max_block)
        stream.lock = Lock()
        return stream


def test_a_deep_copy_is_made_in_the_middle_of_a_signal():
    effect = Locked(samples=10)
    for whole in (effect, Board([effect]), Mix([effect])):
        whole(ramp(2, 100), RATE, reset=False)
        assert np.array_equal(copy.deepcopy(whole)(ramp(2, 100), RATE), ramp(2, 100))
        assert whole.flush().shape == (2, 10)


@pytest.mark.parametrize("kind", [Board, Mix])
def test_a_copied_board_holds_the_same_natives_and_no_signal(kind):
    board = kind([Gain(6), Later(samples=10)])
    board(ramp(2, 100), RATE, reset=False)
    other = copy.copy(board)
    assert other.plugins == board.plugins and other.flush().shape == (1, 0)
    assert board.flush().shape == (2, 10)
    other.append(Gain(1))
    assert len(board) == 2


def test_latency_is_that_of_the_signal_under_way():
    effect = Later()
    assert effect.latency == 700
    effect(ramp(2, 100), 96000, reset=False)
    assert effect.latency == 1400


def test_the_layout_is_fixed_by_the_first_block():
    """1000 × 2 is interleaved; after it, 2 × 2 is, too, and after 2 × 1000 it is not."""
    for first, transposed in ((ramp(2, 1000).T, True), (ramp(2, 1000), False)):
        effect = Later(samples=0)
        effect(first, RATE, reset=False)
        small = ramp(2, 2)
        assert np.array_equal(effect(small, RATE, reset=False), small)
        assert effect._signal.run.layout.value == ("(samples, channels)" if transposed else "(channels, samples)")


BAD = {
    "integers": (np.zeros((2, 100), np.int16), "int16.*divide int16 by 32768"),
    "booleans": (np.zeros(100, bool), "expected floats"),
    "texts": (np.array(["a"]), "expected floats"),
    "complex numbers": (np.zeros(100, complex), "expected floats"),
    "three dimensions": (np.zeros((1, 2, 100)), r"\(1, 2, 100\): expected \(samples,\) or \(channels, samples\)"),
    "no dimension": (np.float32(0.5), "expected"),
    "no channels": (np.zeros((0, 0), np.float32), "0 channels: expected 1 to 8"),
    "many channels, empty": (np.zeros((0, 100), np.float32), "100 channels: expected 1 to 8"),
    "many channels": (np.zeros((9, 100), np.float32), "9 channels: expected 1 to 8"),
    "a NaN": (np.array([[0, 0.5], [0, np.nan]]), "sample 1 of channel 1 is nan: expected finite"),
    "an infinity": (np.array([0, -np.inf]), "sample 1 of channel 0 is -inf: expected finite"),
    "too large for float32": (np.array([1e39]), "sample 0 of channel 0 is inf"),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("effect", [Later(), Board([Gain(0)])], ids=["effect", "board"])
def test_samples_that_cannot_be_played(name, reset, effect):
    samples, message = BAD[name]
    effect.reset()
    with pytest.raises(ValueError, match=message):
        effect(samples, RATE, reset=reset)


@pytest.mark.parametrize("rate", [0, -44100, 7999, 384_001, float("nan"), float("inf")])
def test_rates_that_audio_does_not_come_in(rate):
    with pytest.raises(ValueError, match="8000 to 384000"):
        Later()(ramp(1, 10), rate)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_leaves_the_signal_under_way(name):
    effect = Later(samples=10)
    effect(ramp(2, 100), RATE, reset=False)
    with pytest.raises(ValueError, match=BAD[name][1]):
        effect(BAD[name][0], RATE)
    assert np.array_equal(effect.flush(), ramp(2, 100)[:, 90:])


def test_what_does_not_belong_to_the_signal_under_way():
    effect = Later()
    effect(ramp(2, 1000), RATE, reset=False)
    with pytest.raises(ValueError, match="44100 Hz within a signal of 48000 Hz"):
        effect(ramp(2, 10), 44100, reset=False)
    with pytest.raises(ValueError, match=r"1 channel\(s\) within a signal of 2 channel"):
        effect(ramp(1, 10), RATE, reset=False)
    with pytest.raises(ValueError, match=r"1 channel\(s\) within a signal of 2 channel"):
        effect(ramp(1, 10)[0], RATE, reset=False)
    with pytest.raises(ValueError, match="buffer_size = 0"):
        effect(ramp(2, 10), RATE, 0)
    assert effect(ramp(2, 10), RATE, reset=False).shape == (2, 10)


@pytest.mark.parametrize("samples", [np.float32, np.float64, np.float16])
def test_any_floats_in_any_order_of_memory(samples):
    audio = (np.arange(24).reshape(2, 12) / 32).astype(samples)
    for given_ in (audio, np.asfortranarray(audio), np.repeat(audio, 2, axis=1)[:, ::2], audio.tolist()):
        assert np.array_equal(Later()(given_, RATE), audio.astype(np.float32))


def test_input_is_never_written_to():
    audio = ramp(2, 3000)
    audio.flags.writeable = False
    Later(samples=0)(audio, RATE)
    Board([Gain(-6), Later()])(audio, RATE)


def test_what_comes_out_is_the_callers_own():
    """No result is a view of a buffer that the next call writes to, nor of the input."""
    effect = Later(samples=0)
    audio = ramp(2, 100)
    first = effect(audio, RATE, reset=False)
    kept = first.copy()
    effect(-audio, RATE, reset=False)
    assert np.array_equal(first, kept) and not np.shares_memory(first, audio)
    assert not np.shares_memory(Board([])(audio, RATE), audio)


def test_a_name_that_is_no_parameter():
    with pytest.raises(ValueError, match=r"no parameter 'levle' \(did you mean level\?\)"):
        Later(levle=1)
    assert repr(Later(level=0.5)) == "Later(samples=700, level=0.5)"
    assert Later(level=0.5).parameters == {"samples": 700, "level": 0.5}


@given(st.integers(1, 12), st.integers(0, 12))
def test_layout_is_channels_first_wherever_that_can_be(rows, columns):
    samples = np.zeros((rows, columns), np.float32)
    if rows > 8 and not 0 < columns <= 8:
        with pytest.raises(ValueError, match="expected 1 to 8"):
            as_block(samples)
    else:
        assert as_block(samples)[0].shape == ((rows, columns) if rows <= 8 else (columns, rows))
