"""Inference that misses its hop: the stream goes on with the last offset, exactly the same way every time."""

import numpy as np
import pytest

from dreampedal.effects import Amplify, Dream

HOP = 512


def paced(effect, audio, rate, pace, block=HOP):
    """What comes out with `pace` asked before each ascent, and the stream."""
    stream, out = effect.stream(rate, audio.shape[0], block), []
    stream.pace = pace
    for start in range(0, audio.shape[1], block):
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + block])).copy())
    return np.concatenate(out, axis=1), stream


@pytest.fixture
def guitar(clip):
    audio, rate = clip("solo_egtr_em9")
    return np.ascontiguousarray(audio[:, :60_000]), rate


@pytest.mark.parametrize("kind", [Dream, Amplify])
def test_a_stream_that_is_never_late_plays_as_if_nobody_asked(kind, guitar):
    audio, rate = guitar
    asked = []
    out, stream = paced(kind(), audio, rate, lambda hop: bool(asked.append(hop)))
    assert np.array_equal(out, paced(kind(), audio, rate, None)[0])
    assert asked == list(range(60_000 // HOP)) and stream.state.held_hops == 0


@pytest.mark.parametrize("lookahead_frames", [0, 2])
def test_the_same_answers_give_the_same_samples(lookahead_frames, guitar):
    audio, rate = guitar
    late = set(np.flatnonzero(np.random.default_rng(3).random(120) < 0.3).tolist())
    effect = Dream(lookahead_frames=lookahead_frames)
    first, stream = paced(effect, audio, rate, late.__contains__)
    again, _ = paced(effect, audio, rate, late.__contains__, block=77)
    assert np.array_equal(first, again)
    assert stream.state.held_hops == len([hop for hop in late if hop < 60_000 // HOP])
    assert not np.array_equal(first, paced(effect, audio, rate, None)[0])


def test_a_held_hop_runs_nothing_and_keeps_the_last_offset(guitar, monkeypatch):
    audio, rate = guitar
    effect = Dream(memory_seconds=0.1)
    _, stream = paced(effect, audio[:, :20_480], rate, None)
    states = [stream.ascent.state(name) for name in stream.ascent.chains.manifest.states]
    before = stream.ascent.result.copy()

    def never(*_):
        raise AssertionError("the network ran in a hop that was held")

    monkeypatch.setattr(stream.ascent, "run", never)
    stream.pace = lambda hop: True
    stream.process(np.ascontiguousarray(audio[:, 20_480 : 20_480 + HOP]))
    warm = np.concatenate([before[:, :, 1:], before[:, :, -1:]], axis=2) * np.exp(-HOP / rate / 0.1)
    assert before.any() and np.allclose(stream.ascent.result, warm, atol=1e-6)
    assert np.isfinite(stream.state.played.offset).all() and stream.state.held_hops == 1
    for name, state in zip(stream.ascent.chains.manifest.states, states, strict=True):
        assert np.array_equal(stream.ascent.state(name), state)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_late_inference_never_clicks(share, guitar):
    audio, rate = guitar
    rng = np.random.default_rng(1)
    steady, _ = paced(Dream(), audio, rate, None)
    out, _ = paced(Dream(), audio, rate, lambda hop: hop > 20 and rng.random() < share)
    programme = max(np.abs(np.diff(steady)).max(), np.abs(np.diff(audio)).max())
    assert np.isfinite(out).all()
    assert np.abs(np.diff(out)).max() < 1.2 * programme + 1e-3


def test_reset_forgets_what_was_held(guitar):
    audio, rate = guitar
    _, stream = paced(Dream(), audio[:, :10_240], rate, lambda hop: True)
    assert stream.state.held_hops == 20
    stream.reset()
    assert stream.state.held_hops == 0 and stream.pace is not None
