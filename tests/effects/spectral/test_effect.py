"""Dream and Amplify on real recordings: exact samples, exact latency, and parameters that do what they say."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dreampedal.effects import Amplify, Dream
from dreampedal.effects.spectral import measure

from ...signals import in_parts, streamed

RATES = [16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
effects = pytest.mark.parametrize("kind", [Dream, Amplify])


@effects
@pytest.mark.parametrize("lookahead_frames", [0, 2])
def test_amount_zero_is_the_input(kind, lookahead_frames, guitar):
    audio, rate = guitar
    effect = kind(amount=0.0, lookahead_frames=lookahead_frames)
    assert np.array_equal(effect(audio, rate), audio)
    out, stream = streamed(effect, audio, rate, [64])
    assert not out[:, : stream.latency].any()
    assert np.array_equal(out[:, stream.latency :], audio[:, : out.shape[1] - stream.latency])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.one_of(st.integers(1, 10_000), st.integers(1, 40)), min_size=1, max_size=40),
    channels=st.sampled_from([1, 2, 6]),
    lookahead_frames=st.sampled_from([0, 0, 1, 3]),
    foresight_frames=st.sampled_from([0, 3]),
    link=st.booleans(),
)
@example(sizes=[1, 2, 3, 10_000], channels=2, lookahead_frames=0, foresight_frames=4, link=True)
def test_any_partition_gives_the_same_samples(sizes, channels, lookahead_frames, foresight_frames, link, clip):
    audio, rate = clip("solo_egtr_em9")
    audio = (audio[:1, :20_000] * np.linspace(0.2, 1, channels)[:, None]).astype(np.float32)
    effect = Dream(lookahead_frames=lookahead_frames, foresight_frames=foresight_frames, link=link)
    whole = effect(audio, rate)
    assert np.array_equal(in_parts(effect, audio, rate, sizes), whole)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from(RATES),
    amount=st.sampled_from([0.0, 1.0]),
    lookahead_frames=st.integers(0, 3),
    block=st.integers(1, 2048),
    channels=st.integers(1, 2),
    level=st.floats(0.01, 1),
)
def test_reported_latency_is_measured_latency(rate, amount, lookahead_frames, block, channels, level):
    effect = Dream(amount=amount, lookahead_frames=lookahead_frames)
    assert effect.latency_at(rate) == (2048 + 512 * lookahead_frames) * 2.0 ** np.floor(np.log2(rate / 27_712.8))
    impulse = np.zeros((channels, effect.latency_at(rate) + 1), np.float32)
    impulse[:, 0] = level
    out, stream = streamed(effect, impulse, rate, [block])
    assert stream.latency == effect.latency_at(rate)
    assert np.flatnonzero(out.any(axis=0))[0] == stream.latency


@effects
def test_it_changes_the_sound_and_stays_within_the_guard(kind, guitar):
    audio, rate = guitar
    wet = kind()(audio, rate)
    assert wet.shape == audio.shape and wet.dtype == np.float32
    assert np.sqrt(np.mean((wet - audio) ** 2)) > 0.1 * np.sqrt(np.mean(audio**2))
    assert abs(measure.loudness_db(wet, rate) - measure.loudness_db(audio, rate)) < 3.1


def test_mix_and_delta_are_weights_on_the_same_two_signals(guitar):
    audio, rate = guitar
    wet = Dream()(audio, rate)
    half = Dream(mix=0.5)(audio, rate)
    delta = Dream(listen="delta")(audio, rate)
    quiet = Dream(output_db=-6.0)(audio, rate)
    assert np.abs(half - 0.5 * (audio + wet)).max() < 1e-6
    assert np.abs(delta - (wet - audio)).max() < 1e-6
    assert np.abs(quiet - wet * 10 ** (-6 / 20)).max() < 1e-6
    assert np.array_equal(Dream(mix=0.0)(audio, rate), audio)


def test_the_gate_leaves_quiet_frames_alone(guitar):
    audio, rate = guitar
    assert np.array_equal(Dream(gate_db=0.0)(audio, rate), audio)
    assert not np.array_equal(Dream(gate_db=-60.0)(audio, rate), audio)


def test_silence_stays_silent():
    assert not Dream(gate_db=-120.0)(np.zeros((2, 48_000), np.float32), 48_000).any()


def test_bands_outside_of_the_range_are_untouched(guitar):
    audio, rate = guitar
    added = Dream(low_hz=1000, high_hz=4000, listen="delta")(audio, rate)
    power = np.abs(np.fft.rfft(added, axis=1)).sum(axis=0) ** 2
    hz = np.fft.rfftfreq(added.shape[1], 1 / rate)
    inside = (hz > 800) & (hz < 5000)
    assert power[inside].sum() > 300 * power[~inside].sum()


def test_linked_channels_share_their_offset(guitar):
    audio, rate = guitar
    audio = np.stack([audio[0], 0.25 * audio[0]])
    linked = Dream()(audio, rate)
    assert np.abs(linked[1] - 0.25 * linked[0]).max() < 1e-5


def test_channels_apart_find_offsets_of_their_own(guitar):
    audio, rate = guitar
    two = np.stack([audio[0], np.roll(audio[0], 9000)])[:, :8192]  # later, rounding has grown with the dream
    _, pair = streamed(Dream(link=False), two, rate, [512])
    for channel in range(2):
        _, single = streamed(Dream(), two[channel : channel + 1], rate, [512])
        assert np.abs(pair.ascent.result[channel] - single.ascent.result[0]).max() < 1e-4


def test_freeze_holds_the_offset(guitar):
    audio, rate = guitar
    effect = Dream(memory_seconds=0.1)
    stream = effect.stream(rate, 2, 512)
    for start in range(0, 20_480, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
    effect.freeze = True
    held = stream.ascent.result.copy()
    for start in range(20_480, 40_960, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
    assert held.any() and np.array_equal(stream.ascent.result, held)


@pytest.mark.parametrize(
    "change",
    [{"mix": 0.0}, {"output_db": -24.0}, {"listen": "delta"}, {"amount": 0.0}, {"target": "conv1"}, {"steps": 8}],
)
def test_setting_a_parameter_never_clicks(change, guitar):
    audio, rate = guitar
    steady, _ = streamed(Dream(), audio, rate, [128])
    aimed, _ = streamed(Dream(**change), audio, rate, [128])
    effect = Dream()
    stream, out = effect.stream(rate, 2, 128), []
    for start in range(0, 40_960, 128):
        if start == 20_480:
            for name, value in change.items():
                setattr(effect, name, value)
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 128])).copy())
    jump = np.abs(np.diff(np.concatenate(out, axis=1)[:, 20_000:24_000])).max()
    programme = max(np.abs(np.diff(x[:, 18_000:26_000])).max() for x in (steady, aimed))
    assert jump < 1.2 * programme + 1e-3


def test_a_change_is_heard(guitar):
    audio, rate = guitar
    effect = Dream()
    stream = effect.stream(rate, 2, 60_000)
    stream.process(np.ascontiguousarray(audio[:, :20_480]))
    effect.mix = 0.0
    later = stream.process(np.ascontiguousarray(audio[:, 20_480:40_960])).copy()
    settled = round(0.02 * rate)
    assert np.array_equal(later[:, settled:], audio[:, 20_480 + settled - stream.latency :][:, : 20_480 - settled])


def test_foresight_adds_no_latency_and_gains_more(guitar):
    audio, rate = guitar
    gained = []
    for foresight_frames in (0, 4):
        effect = Dream(target="class:mallet", foresight_frames=foresight_frames)
        assert effect.latency_at(rate) == 2048
        wet = measure.matched(effect(audio, rate), audio, rate)
        gained.append(measure.heard(effect, wet, rate) - measure.heard(effect, audio, rate))
    assert gained[1] > gained[0] > 0


def test_more_frames_than_the_model_takes_are_refused():
    with pytest.raises(ValueError, match=r"lookahead_frames \+ foresight_frames = 16: model notes takes at most"):
        Dream(lookahead_frames=8, foresight_frames=8)


@pytest.mark.parametrize("shape", [(1, 10), (3, 10), (2, 129), (10,)])
def test_a_block_that_does_not_fit_its_stream_is_refused(shape):
    stream = Dream().stream(48_000, 2, 128)
    with pytest.raises(ValueError, match=r"this stream takes \(2, n\) with n up to 128"):
        stream.process(np.zeros(shape, np.float32))


def test_nan_in_a_stream_is_muted_and_counted(guitar):
    audio, rate = guitar
    broken = audio.copy()
    broken[0, 5000], broken[1, 6000] = np.nan, np.inf
    mended = np.where(np.isfinite(broken), broken, 0).astype(np.float32)
    out, stream = streamed(Dream(), broken, rate, [512])
    assert stream.state.io.muted_inputs[0] == 2 and np.isfinite(out).all()
    assert np.array_equal(out, streamed(Dream(), mended, rate, [512])[0])


def test_a_full_scale_square_wave_is_survived():
    square = np.sign(np.sin(2 * np.pi * 220 * np.arange(48_000) / 48_000 + 0.1)).astype(np.float32)[None]
    wet = Dream(reach_db=48.0, steps=8)(square, 48_000)
    assert np.isfinite(wet).all()
    assert abs(measure.loudness_db(wet, 48_000) - measure.loudness_db(square, 48_000)) < 3.1


def test_recording_in_one_call_is_the_trace(guitar):
    audio, rate = guitar
    for lookahead_frames in (0, 2):
        effect = Dream(lookahead_frames=lookahead_frames)
        trace = measure.trace(effect, audio, rate)
        assert np.array_equal(trace.wet, effect(audio, rate))
        assert trace.offset.shape == (1, 96, audio.shape[1] // 512) and np.abs(trace.offset).max() > 0.1


def test_the_traced_offset_is_what_was_played(guitar):
    audio, rate = guitar
    effect = Dream(reach_db=3.0)
    trace = measure.trace(effect, audio, rate)
    again = measure.with_offset(effect, audio, rate, trace.offset)
    settled = slice(4096, 56_000)
    difference, added = (again - trace.wet)[:, settled], (trace.wet - audio)[:, settled]
    assert np.sqrt(np.mean(difference**2)) < 0.15 * np.sqrt(np.mean(added**2))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"amount": float("nan")}, "Dream.amount = nan: expected a number from 0 to 1"),
        ({"steps": 65}, "Dream.steps = 65: expected a whole number from 1 to 64"),
        ({"listen": "loud"}, "Dream.listen = 'loud': expected one of wet, delta"),
        ({"target": "conv77"}, "no layer 'conv77'"),
        ({"target": "class:trombone"}, "no class 'trombone'"),
        ({"amont": 1.0}, r"no parameter 'amont' \(did you mean amount\?\)"),
        ({"model": "nots"}, "nots"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        Dream(**values)


def test_a_target_that_is_wrong_is_refused_while_playing():
    effect = Dream()
    with pytest.raises(ValueError, match="no layer 'conv77'"):
        effect.target = "conv77"
    assert effect.target == Dream.target.default
