"""The kernel between callback and worker, against a slow twin and against what a player relies on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import carray, njit

from dreampedal.engine.live.exchange.exchange import JOIN_SECONDS, Exchange, join_curve
from dreampedal.engine.live.exchange.swap import ARRAYS, COUNTERS, OWN, SIZES, STATE, arrays_of, pointer

from ..desk import late_by

RATE = 48_000
PEAK = np.float32(10 ** (-1 / 20))


def played(exchange, audio, wet, late=()):
    """What comes out; the wet sound of block k is there for callback k + buffer_blocks, unless that is in `late`."""
    size, ahead, heard = exchange.block_size, exchange.buffer_blocks, []
    for block in range(audio.shape[1] // size):
        at = block - ahead
        if at >= 0 and block not in late:
            exchange.publish(at, wet[:, at * size : (at + 1) * size])
        out = np.empty((size, audio.shape[0]), np.float32)
        exchange.swap(np.ascontiguousarray(audio[:, block * size : (block + 1) * size].T), out)
        heard.append(out.T)
        if at >= 0 and block in late:
            exchange.publish(at, wet[:, at * size : (at + 1) * size])
    return np.concatenate(heard, axis=1)


def twin(audio, wet, latency, total, size, late):
    """The join in slow words: whole signals, and a step that fades at each change between them."""
    dry, wet = late_by(audio, total), late_by(wet, total - latency)
    curve = join_curve(RATE)
    out, step, since, was_late = np.zeros_like(dry), np.zeros(len(dry), np.float32), curve.size, False
    for at in range(dry.shape[1]):
        is_late = at // size in late and at >= total - latency
        source = dry if is_late else wet
        if at % size == 0 and is_late != was_late:
            step, since, was_late = out[:, at - 1] - source[:, at - 1], 0, is_late
        left = curve[since] if since < curve.size else np.float32(0)
        out[:, at], since = source[:, at] + step * left, since + 1
    return out


def test_the_wet_sound_comes_out_at_the_reported_latency(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = audio[:, :40_000]
    exchange = Exchange(rate, audio.shape[0], 100, latency=300, buffer_blocks=2)
    wet = late_by(audio * np.float32(0.5), 300)
    np.testing.assert_array_equal(played(exchange, audio, wet), late_by(audio * np.float32(0.5), exchange.latency))
    assert exchange.latency == 500


@settings(max_examples=40, deadline=None)
@given(
    channels=st.sampled_from([1, 2, 6]),
    size=st.integers(32, 300),
    ahead=st.integers(1, 3),
    latency=st.integers(0, 700),
    late=st.sets(st.integers(3, 60)),
    seed=st.integers(0, 99),
)
def test_any_late_blocks_are_joined_as_the_twin_joins_them(channels, size, ahead, latency, late, seed):
    random = np.random.default_rng(seed)
    audio, wet = random.uniform(-0.1, 0.1, (2, channels, 60 * size)).astype(np.float32)
    exchange = Exchange(RATE, channels, size, latency, ahead)
    out = played(exchange, audio, wet, late)
    expected = twin(audio, wet, latency, exchange.latency, size, late)
    np.testing.assert_allclose(out, expected, atol=2e-6)
    happened = [block for block in late if ahead <= block < 60]
    assert exchange.counted("late_blocks") == len(happened)
    assert sorted(noted.block for noted in exchange.noted() if noted.kind == 0) == sorted(happened)


def test_late_blocks_make_no_step_larger_than_the_sound_itself(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.ascontiguousarray(audio[:, : 128 * 1000])
    wet = np.ascontiguousarray(0.8 * audio[:, ::-1])  # as unlike the dry sound as a wet one gets
    late = set(np.random.default_rng(1).integers(5, 990, 100).tolist())
    out = played(Exchange(rate, audio.shape[0], 128, 0), audio, wet, late)
    assert np.abs(np.diff(out)).max() <= np.abs(np.diff(audio)).max()
    plain = np.where(np.isin(np.arange(audio.shape[1]) // 128, list(late)), late_by(audio, 128), late_by(wet, 128))
    assert np.abs(np.diff(plain)).max() > 2 * np.abs(np.diff(audio)).max(), "with no join there would be clicks"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), level=st.floats(0.1, 1e6), channels=st.integers(1, 3))
def test_nothing_comes_out_above_the_ceiling_nor_without_being_a_number(seed, level, channels):
    random = np.random.default_rng(seed)
    audio = (random.normal(size=(channels, 6400)) * level).astype(np.float32)
    wet = audio.copy()
    for signal in (audio, wet):
        odd = np.array([np.nan, np.inf, -np.inf, 1e-42, 3e38, -3e38], np.float32)
        signal[0, random.integers(0, 6400, 50)] = random.choice(odd, 50)
    exchange = Exchange(RATE, channels, 64, 0)
    out = played(exchange, audio, wet, late=set(random.integers(0, 100, 20).tolist()))
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= PEAK
    assert exchange.counted("muted_samples") == np.count_nonzero(~np.isfinite(audio))


@pytest.mark.any_recording
def test_what_stays_under_the_ceiling_is_left_as_it_is(clip):
    audio, rate = clip("mix_rock")
    audio = np.ascontiguousarray(audio[:, :32_000] * np.float32(0.8 / np.abs(audio).max()))
    exchange = Exchange(rate, audio.shape[0], 64, 0)
    np.testing.assert_array_equal(played(exchange, audio, audio), late_by(audio, 64))
    assert exchange.counted("guard_hits") == 0


def test_panic_is_silence_within_milliseconds_and_its_end_is_sound_again(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.ascontiguousarray(audio[:, : 64 * 400])
    exchange, half = Exchange(rate, audio.shape[0], 64, 0), 64 * 200
    first = played(exchange, audio[:, :half], audio[:, :half])
    exchange.panic[0] = 1
    # The second half goes on with the blocks of the first.
    outs = []
    for block in range(200, 400):
        exchange.publish(block - 1, audio[:, (block - 1) * 64 : block * 64])
        out = np.empty((64, audio.shape[0]), np.float32)
        exchange.panic[0] = block < 300
        exchange.swap(np.ascontiguousarray(audio[:, block * 64 : (block + 1) * 64].T), out)
        outs.append(out.T)
    out = np.concatenate([first, *outs], axis=1)
    soon = round(0.006 * rate)
    assert not out[:, half + soon : 64 * 300].any()
    np.testing.assert_array_equal(out[:, 64 * 300 + soon :], late_by(audio, 64)[:, 64 * 300 + soon :])
    assert np.abs(np.diff(out)).max() <= 1.05 * np.abs(np.diff(audio)).max()
    assert [(noted.kind, noted.block) for noted in exchange.noted()] == [(1, 200), (2, 300)]


@pytest.mark.parametrize(("inputs", "channels", "outputs"), [(1, 2, 2), (2, 1, 2), (1, 1, 6), (8, 8, 8), (2, 2, 1)])
def test_a_device_may_have_fewer_or_more_channels_than_the_board(inputs, channels, outputs):
    exchange = Exchange(RATE, channels, 32, 0)
    indata = np.random.default_rng(0).uniform(-0.5, 0.5, (32, inputs)).astype(np.float32)
    exchange.swap(indata, np.empty((32, outputs), np.float32))
    exchange.publish(0, exchange.captured_block(0))
    out = np.empty((32, outputs), np.float32)
    exchange.swap(np.zeros_like(indata), out)
    for column in range(outputs):
        np.testing.assert_array_equal(out[:, column], indata[:, min(min(column, channels - 1), inputs - 1)])


def test_a_step_fades_in_the_time_that_is_told():
    curve = join_curve(RATE)
    assert curve.size == JOIN_SECONDS * RATE
    assert curve[0] > 0.9999 and curve[-1] == 0 and (np.diff(curve) <= 0).all()


@pytest.mark.parametrize(("settings", "said"), [({"ceiling_db": 1}, "-60 to 0"), ({"buffer_blocks": 0}, "at least 1")])
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Exchange(RATE, 1, 64, 0, **settings)


@njit
def views(address):
    return arrays_of(carray(pointer(address), (1,), STATE)[0])


@pytest.mark.parametrize(("channels", "callbacks"), [(1, ()), (2, (940,)), (8, (1024, 476))])
def test_the_kernel_finds_every_array_where_it_was_allocated(channels, callbacks):
    exchange = Exchange(RATE, channels, 100, 300, 2, callbacks=callbacks)
    seen = views(exchange._address)
    assert seen._fields == tuple(ARRAYS)
    for name, found in seen._asdict().items():
        array = getattr(exchange, name)
        assert (found.ctypes.data, found.dtype, found.shape) == (array.ctypes.data, array.dtype, array.shape), name


def test_the_record_has_every_place_once_and_says_its_size_and_start():
    exchange = Exchange(RATE, 2, 100, 300, 2)
    assert STATE.names == (*SIZES, *ARRAYS, *COUNTERS, *OWN)
    assert STATE.itemsize == 8 * len(STATE.names), "a count that another thread reads is written in one piece"
    assert [int(exchange._state[name][0]) for name in SIZES] == [
        2, 100 * exchange.slots, exchange.slots, 480, 2, exchange.latency, 100,
    ]  # fmt: skip
