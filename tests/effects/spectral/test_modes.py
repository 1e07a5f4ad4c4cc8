"""Every mode on real recordings: what studio keeps to, live and instant keep to as well, each at its own latency."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dreampedal import Board, Mix
from dreampedal.effects import Amplify, Dream
from dreampedal.effects.spectral import measure

from ...signals import in_parts, streamed

MODES = ["studio", "live", "instant"]
RATES = [16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
every_mode = pytest.mark.parametrize("mode", MODES)
new_modes = pytest.mark.parametrize("mode", ["live", "instant"])


def expected_latency(mode, lookahead_frames, rate):
    """By the contract: a window, 256 samples, nothing; and a hop of 512 for each frame waited for."""
    octaves = np.floor(np.log2(rate / 27_712.8))
    return ({"studio": 2048, "live": 256, "instant": 0}[mode] + 512 * lookahead_frames) * 2.0**octaves


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(MODES),
    rate=st.sampled_from(RATES),
    amount=st.sampled_from([0.0, 1.0]),
    lookahead_frames=st.integers(0, 3),
    block=st.integers(1, 2048),
    channels=st.integers(1, 2),
    level=st.floats(0.01, 1),
)
def test_reported_latency_is_measured_latency(mode, rate, amount, lookahead_frames, block, channels, level):
    lookahead_frames = 0 if mode == "instant" else lookahead_frames
    effect = Dream(mode=mode, amount=amount, lookahead_frames=lookahead_frames)
    assert effect.latency_at(rate) == expected_latency(mode, lookahead_frames, rate)
    impulse = np.zeros((channels, effect.latency_at(rate) + 1), np.float32)
    impulse[:, 0] = level
    out, stream = streamed(effect, impulse, rate, [block])
    assert stream.latency == effect.latency_at(rate)
    assert np.flatnonzero(out.any(axis=0))[0] == stream.latency


@pytest.mark.parametrize("mode, samples", [("live", 256), ("instant", 0)])
def test_a_dream_on_a_recording_lies_where_its_latency_says(mode, samples, clip):
    """The dry part of it: what is added is correlated with it, and its own delay would move the maximum."""
    audio, rate = clip("drums_break")
    audio = np.ascontiguousarray(audio[:, :120_000])
    out, stream = streamed(Dream(mode=mode, amount=0.3), audio, rate, [100, 37])
    spectrum = np.fft.rfft(out[0, : 2**16]) * np.fft.rfft(audio[0, : 2**16]).conj()
    correlation = np.fft.irfft(spectrum)
    assert stream.latency == samples and int(np.argmax(correlation)) == samples


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(["live", "instant"]),
    sizes=st.lists(st.one_of(st.integers(1, 10_000), st.integers(1, 40)), min_size=1, max_size=40),
    channels=st.sampled_from([1, 2, 6]),
    lookahead_frames=st.sampled_from([0, 0, 1, 3]),
    link=st.booleans(),
)
@example(mode="instant", sizes=[1, 2, 3, 10_000], channels=2, lookahead_frames=0, link=True)
@example(mode="instant", sizes=[61, 7, 1], channels=6, lookahead_frames=0, link=False)
@example(mode="live", sizes=[1, 2, 3, 10_000], channels=2, lookahead_frames=1, link=True)
def test_any_partition_gives_the_same_samples(mode, sizes, channels, lookahead_frames, link, clip):
    audio, rate = clip("solo_egtr_em9")
    audio = (audio[:1, :20_000] * np.linspace(0.2, 1, channels)[:, None]).astype(np.float32)
    effect = Dream(mode=mode, lookahead_frames=0 if mode == "instant" else lookahead_frames, link=link, reach_db=36.0)
    whole = effect(audio, rate)
    assert np.abs(whole - audio).max() > 0.01
    assert np.array_equal(in_parts(effect, audio, rate, sizes), whole)


@every_mode
@pytest.mark.parametrize("kind", [Dream, Amplify])
def test_amount_zero_is_the_input(kind, mode, guitar):
    audio, rate = guitar
    effect = kind(amount=0.0, mode=mode)
    assert np.array_equal(effect(audio, rate), audio)
    out, stream = streamed(effect, audio, rate, [64, 1, 300])
    assert not out[:, : stream.latency].any()
    assert np.array_equal(out[:, stream.latency :][:, : 60_000 - stream.latency], audio[:, : 60_000 - stream.latency])


@new_modes
def test_after_the_amount_went_to_zero_the_sound_is_the_dry_one(mode, guitar):
    audio, rate = guitar
    effect = Dream(mode=mode)
    stream = effect.stream(rate, 2, 20_480)
    stream.process(np.ascontiguousarray(audio[:, :20_480]))
    effect.amount = 0.0
    later = np.concatenate([stream.process(np.ascontiguousarray(audio[:, 20_480:40_960])).copy()], axis=1)
    dry = audio[:, 20_480 - stream.latency : 40_960 - stream.latency]
    assert np.abs(later - dry)[:, :500].max() > 1e-3
    assert np.abs(later - dry)[:, 2000:].max() < 2e-2 * np.abs(dry).max()  # a rest of the DC filter dies away
    assert np.abs(later - dry)[:, -500:].max() < 1e-4


@every_mode
def test_reset_forgets_everything(mode, guitar):
    audio, rate = guitar
    effect = Dream(mode=mode, reach_db=36.0)
    stream = effect.stream(rate, 2, 500)

    def play():
        starts = range(0, 20_000, 500)
        return np.concatenate(
            [stream.process(np.ascontiguousarray(audio[:, at : at + 500])).copy() for at in starts], axis=1
        )

    first = play()
    stream.reset()
    assert np.array_equal(play(), first)
    stream.reset()
    assert not stream.process(np.zeros((2, 500), np.float32)).any()


@every_mode
def test_nan_in_a_stream_is_muted_and_counted(mode, guitar):
    audio, rate = guitar
    broken = audio.copy()
    broken[0, 5000], broken[1, 6000] = np.nan, np.inf
    mended = np.where(np.isfinite(broken), broken, 0).astype(np.float32)
    out, stream = streamed(Dream(mode=mode), broken, rate, [512])
    assert stream.state.io.muted_inputs[0] == 2 and np.isfinite(out).all()
    assert np.array_equal(out, streamed(Dream(mode=mode), mended, rate, [512])[0])


@new_modes
def test_what_is_not_finite_in_the_renderer_is_muted_and_forgotten(mode, guitar):
    audio, rate = guitar
    stream = Dream(mode=mode).stream(rate, 2, 512)
    for start in range(0, 10_240, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
    state = stream.renderer.state
    (state.response if mode == "live" else state.taps)[:] = np.nan
    out = []
    for start in range(10_240, 30_720, 512):
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 512])).copy())
    assert np.isfinite(np.concatenate(out, axis=1)).all() and stream.state.guard.muted_samples[0] > 0
    assert np.abs(out[-1] - audio[:, 30_208 - stream.latency : 30_720 - stream.latency]).max() > 1e-3


@every_mode
def test_freeze_holds_and_the_gate_lets_go(mode, guitar):
    audio, rate = guitar
    effect = Dream(mode=mode, memory_seconds=0.1)
    stream = effect.stream(rate, 2, 512)
    for start in range(0, 20_480, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
    effect.freeze = True
    held = stream.ascent.result.copy()
    for start in range(20_480, 40_960, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
    assert held.any() and np.array_equal(stream.ascent.result, held)
    assert np.array_equal(Dream(mode=mode, gate_db=0.0)(audio, rate), audio)
    assert not Dream(mode=mode, gate_db=-120.0)(np.zeros((2, 48_000), np.float32), 48_000).any()


@every_mode
def test_mix_and_delta_are_weights_on_the_same_two_signals(mode, guitar):
    audio, rate = guitar
    wet = Dream(mode=mode)(audio, rate)
    assert np.abs(Dream(mode=mode, mix=0.5)(audio, rate) - 0.5 * (audio + wet)).max() < 1e-6
    assert np.abs(Dream(mode=mode, listen="delta")(audio, rate) - (wet - audio)).max() < 1e-6
    assert np.abs(Dream(mode=mode, output_db=-6.0)(audio, rate) - wet * 10 ** (-6 / 20)).max() < 1e-6
    assert np.array_equal(Dream(mode=mode, mix=0.0)(audio, rate), audio)


@new_modes
def test_bands_outside_of_the_range_keep_their_level(mode, guitar):
    """Their level, not their phase: the phase that goes with a gain reaches beyond its bands, as in any equaliser."""
    audio, rate = guitar
    effect = Dream(mode=mode, low_hz=1000, high_hz=4000)
    change = measure.features_of(effect, effect(audio, rate), rate) - measure.features_of(effect, audio, rate)
    loud, centres = measure.features_of(effect, audio, rate) > -8, effect.layout.centres_hz
    inside, outside = (centres > 1200) & (centres < 3500), (centres < 800) | (centres > 5000)
    moved, left = (np.abs(change[:, bands][loud[:, bands]]) for bands in (inside, outside))
    assert np.median(left) < 0.05 and np.median(moved) > 5 * np.median(left)


@new_modes
def test_linked_channels_share_their_offset(mode, guitar):
    audio, rate = guitar
    linked = Dream(mode=mode)(np.stack([audio[0], 0.25 * audio[0]]), rate)
    assert np.abs(linked[1] - 0.25 * linked[0]).max() < 2e-5


@every_mode
def test_the_same_dream_is_dreamed_in_every_mode(mode, guitar):
    """Up to the loop that makes up for lost loudness, which hears what each mode plays."""
    audio, rate = guitar
    studio, other = (measure.trace(Dream(mode=name), audio, rate).offset for name in ("studio", mode))
    assert np.sqrt(np.mean((studio - other) ** 2)) < 0.15 * np.sqrt(np.mean(studio**2))


@new_modes
def test_recording_in_one_call_is_the_trace(mode, guitar):
    audio, rate = guitar
    for lookahead_frames in (0, 2) if mode == "live" else (0,):
        effect = Dream(mode=mode, lookahead_frames=lookahead_frames)
        trace = measure.trace(effect, audio, rate)
        assert np.array_equal(trace.wet, effect(audio, rate))
        assert trace.offset.shape == (1, 96, audio.shape[1] // 512) and np.abs(trace.offset).max() > 0.1


@new_modes
def test_most_of_what_studio_gains_is_gained(mode, clip):
    shares = []
    for name in ("solo_egtr_em9", "mix_rock", "drums_break"):
        audio, rate = clip(name)
        audio = np.ascontiguousarray(audio[:, : 3 * rate])
        gained = []
        for each in ("studio", mode):
            effect = Dream(target="class:string", model="notes", mode=each, reach_db=12.0)
            wet = measure.matched(effect(audio, rate), audio, rate)
            gained.append(measure.heard(effect, wet, rate) - measure.heard(effect, audio, rate))
        assert gained[1] > 0
        shares.append(gained[1] / gained[0])
    assert np.mean(shares) > 0.7


@every_mode
@pytest.mark.any_recording
def test_loudness_stays_within_the_guard_on_every_recording(mode, clip, clips):
    for name in clips:
        audio, rate = clip(name)
        audio = np.ascontiguousarray(audio[:, : 4 * rate])
        for effect in (Dream(mode=mode), Dream(mode=mode, target="class:vocal", reach_db=48.0, steps=8)):
            wet = effect(audio, rate)
            apart = measure.loudness_db(wet, rate) - measure.loudness_db(audio, rate)
            assert np.isfinite(wet).all() and abs(apart) < 3.1, name


@every_mode
def test_a_full_scale_square_wave_is_survived(mode):
    square = np.sign(np.sin(2 * np.pi * 220 * np.arange(48_000) / 48_000 + 0.1)).astype(np.float32)[None]
    wet = Dream(mode=mode, reach_db=48.0, steps=8)(square, 48_000)
    assert np.isfinite(wet).all()
    assert abs(measure.loudness_db(wet, 48_000) - measure.loudness_db(square, 48_000)) < 3.1


@new_modes
@pytest.mark.parametrize(
    "change",
    [{"mix": 0.0}, {"output_db": -24.0}, {"listen": "delta"}, {"amount": 0.0}, {"target": "conv1"}, {"steps": 8}],
)
def test_setting_a_parameter_never_clicks(mode, change, guitar):
    audio, rate = guitar
    steady, _ = streamed(Dream(mode=mode), audio, rate, [128])
    aimed, _ = streamed(Dream(mode=mode, **change), audio, rate, [128])
    effect = Dream(mode=mode)
    stream, out = effect.stream(rate, 2, 128), []
    for start in range(0, 40_960, 128):
        if start == 20_480:
            for name, value in change.items():
                setattr(effect, name, value)
        out.append(stream.process(np.ascontiguousarray(audio[:, start : start + 128])).copy())
    jump = np.abs(np.diff(np.concatenate(out, axis=1)[:, 20_000:24_000])).max()
    programme = max(np.abs(np.diff(x[:, 18_000:26_000])).max() for x in (steady, aimed))
    assert jump < 1.2 * programme + 1e-3


@new_modes
def test_late_inference_is_held_and_never_clicks(mode, guitar):
    audio, rate = guitar
    effect, late = Dream(mode=mode), set(np.flatnonzero(np.random.default_rng(3).random(120) < 0.3).tolist())
    outs = []
    for block in (512, 77):
        stream, out = effect.stream(rate, 2, block), []
        stream.pace = late.__contains__
        for start in range(0, audio.shape[1], block):
            out.append(stream.process(np.ascontiguousarray(audio[:, start : start + block])).copy())
        outs.append(np.concatenate(out, axis=1))
    assert np.array_equal(*outs) and stream.state.held_hops == len([hop for hop in late if hop < 60_000 // 512])
    steady = streamed(effect, audio, rate, [512])[0]
    assert np.abs(np.diff(outs[0])).max() < 1.5 * np.abs(np.diff(steady)).max() + 1e-3


def test_modes_add_and_align_on_a_board(guitar):
    audio, rate = guitar
    assert Board([Dream(mode="live"), Dream(mode="instant"), Dream()]).latency_at(rate) == 256 + 2048
    silent = Mix([Dream(amount=0.0), Amplify(amount=0.0, mode="live"), Dream(amount=0.0, mode="instant")])
    assert silent.latency_at(rate) == 2048
    assert np.abs(silent(audio, rate) - 3 * audio).max() < 1e-6
    assert Dream(mode="live").latency == 256 and Dream(mode="instant").latency == 0


def test_instant_waits_for_no_frame():
    with pytest.raises(ValueError, match=r"Dream.lookahead_frames = 2: mode = 'instant' waits for no frame"):
        Dream(mode="instant", lookahead_frames=2)
    with pytest.raises(ValueError, match=r"Dream.mode = 'fast': expected one of studio, live, instant"):
        Dream(mode="fast")
    with pytest.raises(AttributeError, match="mode is fixed"):
        Dream().mode = "live"
