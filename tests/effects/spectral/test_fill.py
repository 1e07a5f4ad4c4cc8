"""`fill` and `phase` on real recordings: what they add is there, and nothing is added where nothing is missing."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher

from dreampedal.effects import Amplify, Dream
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.measure_fill import filled

from ...signals import in_parts

MODES = ["studio", "live"]
FLICKER_DB = 5.0
RATES = [16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]
each_mode = pytest.mark.parametrize("mode", MODES)
asked = pytest.mark.parametrize("how", [{"fill": 1.0}, {"phase": "estimate"}, {"fill": 0.5, "phase": "estimate"}])


@pytest.fixture
def guitar(clip):
    audio, rate = clip("solo_egtr_em9")
    return np.ascontiguousarray(audio[:, :60_000]), rate


def streamed(effect, audio, rate, block):
    """Everything that comes out of `stream`, block by block."""
    stream = effect.stream(rate, audio.shape[0], block)
    starts = range(0, audio.shape[1], block)
    parts = [stream.process(np.ascontiguousarray(audio[:, at : at + block])).copy() for at in starts]
    return np.concatenate(parts, axis=1), stream


@each_mode
def test_without_fill_its_floor_is_not_even_looked_at(mode, guitar):
    audio, rate = guitar
    out, stream = streamed(Dream(mode=mode, fill=0.0, fill_floor_db=0.0), audio, rate, 512)
    assert np.array_equal(out, streamed(Dream(mode=mode), audio, rate, 512)[0])
    assert stream.renderer.estimated.hops == 0


@each_mode
@asked
@pytest.mark.parametrize("kind", [Dream, Amplify])
@pytest.mark.parametrize("phase_lookahead_frames", [0, 1])
def test_where_nothing_is_turned_up_the_output_is_the_input(kind, mode, how, phase_lookahead_frames, guitar):
    audio, rate = guitar
    how = how | {"phase_lookahead_frames": phase_lookahead_frames}
    assert np.array_equal(kind(mode=mode, amount=0.0, **how)(audio, rate), audio)
    assert np.array_equal(kind(mode=mode, gate_db=0.0, **how)(audio, rate), audio)


@each_mode
@asked
def test_silence_stays_silent(mode, how):
    assert not Dream(mode=mode, gate_db=-120.0, **how)(np.zeros((2, 48_000), np.float32), 48_000).any()


@each_mode
def test_a_channel_that_is_silent_is_not_filled(mode, guitar):
    audio, rate = guitar
    wet = Dream(mode=mode, fill=1.0, fill_floor_db=20.0)(np.stack([audio[0], np.zeros_like(audio[0])]), rate)
    assert np.abs(wet[0] - audio[0]).max() > 0.01 and not wet[1].any()


@each_mode
@pytest.mark.parametrize("target", ["class:flute", "conv3"])
def test_what_gain_leaves_short_is_there_when_the_output_is_analysed_afresh(mode, target, clip, clips):
    """At least 70 % of the energy that is wanted of bands that gain alone leaves under half of it, for a window."""
    by_gain, looked_at = [], 0
    for name in clips:
        audio, rate = clip(name)
        found = filled(Dream(mode=mode, fill=1.0, target=target), np.ascontiguousarray(audio[:1, : 4 * rate]), rate)
        if found.short > 0.005:  # else there are no such bands to speak of
            assert found.there > 0.7 and found.moves_db < FLICKER_DB, name
            by_gain.append(found.by_gain)
            looked_at += 1
    assert looked_at >= 6 and np.mean(by_gain) < 0.2


@each_mode
@pytest.mark.parametrize("name", ["solo_egtr_em9", "solo_piano"])
def test_what_is_filled_in_is_no_train_of_clicks(mode, name, clip):
    audio, rate = clip(name)
    audio = np.ascontiguousarray(audio[:1, : 4 * rate])
    plain, wet = (Dream(mode=mode, target="class:flute", model="notes", fill=fill)(audio, rate) for fill in (0.0, 1.0))
    added = (wet - plain)[0, : wet.shape[1] // 2048 * 2048].reshape(-1, 2048)
    heard = added[added.std(axis=1) > 0.1 * added.std()]
    assert np.median(np.abs(heard).max(axis=1) / heard.std(axis=1)) < 5  # as in noise; a click alone has 45
    assert np.abs(np.diff(wet)).max() < 4 * np.abs(np.diff(audio)).max()
    assert np.abs(wet).max() < 1.2 * np.abs(audio).max()


@each_mode
@pytest.mark.any_recording
def test_more_fill_adds_more(mode, clip):
    audio, rate = clip("mix_house")
    audio = np.ascontiguousarray(audio[:, : 3 * rate])
    plain, half, whole = (
        Dream(mode=mode, target="class:flute", model="notes", fill=fill)(audio, rate) for fill in (0.0, 0.5, 1.0)
    )
    assert 0 < np.std(half - plain) < np.std(whole - plain)


@each_mode
@asked
@pytest.mark.any_recording
def test_loudness_stays_within_the_guard(mode, how, clip, clips):
    for name in clips:
        audio, rate = clip(name)
        audio = np.ascontiguousarray(audio[:, : 3 * rate])
        for floor in (10.0, 40.0):
            wet = Dream(mode=mode, reach_db=36.0, fill_floor_db=floor, **how)(audio, rate)
            apart = measure.loudness_db(wet, rate) - measure.loudness_db(audio, rate)
            assert np.isfinite(wet).all() and abs(apart) < 3.0, name


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(MODES),
    sizes=st.lists(st.one_of(st.integers(1, 10_000), st.integers(1, 40)), min_size=1, max_size=40),
    channels=st.sampled_from([1, 2, 6]),
    phase_lookahead_frames=st.sampled_from([0, 0, 1]),
    link=st.booleans(),
    fill=st.sampled_from([0.0, 0.3, 1.0]),
    phase=st.sampled_from(["input", "estimate"]),
)
@example(
    mode="studio", sizes=[1, 2, 3, 9000], channels=2, phase_lookahead_frames=1, link=True, fill=1.0, phase="estimate"
)
@example(mode="live", sizes=[61, 7, 1], channels=6, phase_lookahead_frames=1, link=False, fill=1.0, phase="input")
def test_any_partition_gives_the_same_samples(mode, sizes, channels, phase_lookahead_frames, link, fill, phase, clip):
    audio, rate = clip("solo_egtr_em9")
    audio = (audio[:1, :12_000] * np.linspace(0.2, 1, channels)[:, None]).astype(np.float32)
    effect = Dream(mode=mode, phase_lookahead_frames=phase_lookahead_frames, link=link, fill=fill, phase=phase)
    assert np.array_equal(in_parts(effect, audio, rate, sizes), effect(audio, rate))


@settings(deadline=None, max_examples=100)
@given(
    mode=st.sampled_from(MODES),
    rate=st.sampled_from(RATES),
    lookahead_frames=st.integers(0, 2),
    phase_lookahead_frames=st.integers(0, 3),
    fill=st.sampled_from([0.0, 1.0]),
    block=st.integers(1, 2048),
)
def test_reported_latency_is_measured_latency(mode, rate, lookahead_frames, phase_lookahead_frames, fill, block):
    effect = Dream(
        mode=mode, lookahead_frames=lookahead_frames, phase_lookahead_frames=phase_lookahead_frames, fill=fill
    )
    octaves = np.floor(np.log2(rate / 27_712.8))
    window, hop = {"studio": (2048, 512), "live": (256, 64)}[mode]
    expected = (window + 512 * lookahead_frames + hop * phase_lookahead_frames) * 2.0**octaves
    assert effect.latency_at(rate) == expected
    impulse = np.zeros((1, effect.latency_at(rate) + 1), np.float32)
    impulse[:, 0] = 0.5
    out, stream = streamed(effect, impulse, rate, block)
    assert stream.latency == expected and np.flatnonzero(out[0])[0] == expected


@each_mode
@asked
def test_a_recording_lies_where_its_latency_says(mode, how, clip):
    audio, rate = clip("drums_break")
    audio = np.ascontiguousarray(audio[:1, :70_000])
    out, stream = streamed(Dream(mode=mode, amount=0.3, phase_lookahead_frames=1, **how), audio, rate, 300)
    likeness = np.fft.irfft(np.fft.rfft(out[0, : 2**16]) * np.fft.rfft(audio[0, : 2**16]).conj())
    assert int(np.argmax(likeness)) == stream.latency


@each_mode
@asked
def test_reset_forgets_everything(mode, how, guitar):
    audio, rate = guitar
    stream = Dream(mode=mode, **how).stream(rate, 2, 30_000)
    first = stream.process(np.ascontiguousarray(audio[:, :30_000])).copy()
    stream.reset()
    assert np.array_equal(stream.process(np.ascontiguousarray(audio[:, :30_000])), first)
    stream.reset()
    assert not stream.process(np.zeros((2, 5000), np.float32)).any()


@each_mode
@asked
def test_mix_and_delta_are_weights_on_the_same_two_signals(mode, how, guitar):
    audio, rate = guitar
    wet = Dream(mode=mode, **how)(audio, rate)
    assert np.abs(Dream(mode=mode, mix=0.5, **how)(audio, rate) - 0.5 * (audio + wet)).max() < 1e-6
    assert np.abs(Dream(mode=mode, listen="delta", **how)(audio, rate) - (wet - audio)).max() < 1e-6


@each_mode
def test_linked_channels_are_filled_alike(mode, guitar):
    audio, rate = guitar
    wet = Dream(mode=mode, fill=1.0)(np.stack([audio[0], 0.25 * audio[0]]), rate)
    assert np.std(wet[1]) / np.std(wet[0]) == pytest.approx(0.25, rel=0.05)


@each_mode
@pytest.mark.parametrize("change", [{"fill": 1.0}, {"phase": "estimate"}, {"fill": 0.7, "fill_floor_db": 20.0}])
@pytest.mark.parametrize("backwards", [False, True])
def test_turning_it_on_or_off_never_clicks(mode, change, backwards, guitar):
    audio, rate = guitar
    steady = [streamed(Dream(mode=mode, **how), audio, rate, 128)[0] for how in ({}, change)]
    effect, other = Dream(mode=mode), change
    if backwards:
        effect, other = Dream(mode=mode, **change), {name: getattr(Dream(), name) for name in change}
    stream, out = effect.stream(rate, 2, 128), []
    for start in range(0, 40_960, 128):
        if start == 20_480:
            for name, value in other.items():
                setattr(effect, name, value)
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 128])).copy())
    jump = np.abs(np.diff(np.concatenate(out, axis=1)[:, 20_000:24_000])).max()
    programme = max(np.abs(np.diff(sound[:, 18_000:26_000])).max() for sound in steady)
    assert jump < 1.3 * programme + 1e-3
    assert (stream.renderer.estimated.hops == 0) == backwards


@each_mode
def test_what_is_not_finite_in_the_player_is_forgotten(mode, guitar):
    audio, rate = guitar
    stream, out = Dream(mode=mode, fill=1.0, phase="estimate").stream(rate, 2, 512), []
    for start in range(0, 40_960, 512):
        if start == 10_240:
            (stream.renderer.state.response if mode == "live" else stream.renderer.state.overlap)[:] = np.nan
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 512])).copy())
    assert np.isfinite(np.concatenate(out, axis=1)).all()


def test_instant_has_no_frames_to_fill():
    for name, value in (("fill", 0.5), ("phase", "estimate"), ("phase_lookahead_frames", 1)):
        with pytest.raises(ValueError, match=f"Dream.{name} = .*: mode = 'instant' has no frames to estimate: expect"):
            Dream(mode="instant", **{name: value})
    effect = Dream(mode="instant")
    with pytest.raises(ValueError, match=r"Dream.fill = 0.5: mode = 'instant' has no frames to estimate: expected 0"):
        effect.fill = 0.5
    with pytest.raises(ValueError, match=r"Dream.phase = 'estimate': mode = 'instant' has no frames"):
        effect.phase = "estimate"
    assert (effect.fill, effect.phase) == (0.0, "input")


@pytest.mark.parametrize(
    "values, message",
    [
        ({"fill": 1.5}, "Dream.fill = 1.5: expected a number from 0 to 1"),
        ({"fill": float("nan")}, "Dream.fill = nan: expected a number from 0 to 1"),
        ({"fill_floor_db": -1.0}, "Dream.fill_floor_db = -1.0: expected a number from 0 to 96 dB"),
        ({"phase": "guess"}, "Dream.phase = 'guess': expected one of input, estimate"),
        ({"phase_lookahead_frames": 9}, "Dream.phase_lookahead_frames = 9: expected a whole number from 0 to"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        Dream(**values)


@pytest.mark.parametrize("mode", ["studio", "live", "instant"])
def test_a_new_stream_has_compiled_all_that_it_may_play(mode, monkeypatch):
    effect = Dream(target="class:flute", model="notes", mode=mode)
    stream = effect.stream(48_000, 2, 128)
    compiled = []
    monkeypatch.setattr(Dispatcher, "compile", lambda self, _: compiled.append(self.py_func.__name__))
    chance = np.random.default_rng(0)
    for block in range(60):
        if block == 20 and mode != "instant":
            effect.fill = 0.5
        if block == 40 and mode != "instant":
            effect.phase = "estimate"
        stream.process(chance.uniform(-0.1, 0.1, (2, 128)).astype(np.float32))
    assert compiled == []
