"""A dream by a student: the offsets of its original in torch, and the same samples however a signal is cut."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dreampedal.effects import Amplify, Dream
from dreampedal.effects.spectral import measure
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.library import library

from ...signals import in_parts, streamed

torch = pytest.importorskip("torch", reason="the students that are played here are exported from torch")

MODES = ["studio", "live", "instant"]
every_mode = pytest.mark.parametrize("mode", MODES)
RATE = 48_000


@pytest.fixture(scope="module")
def torch_student():
    from ...export.compile.student_scene import CARRIERS, drawn

    return drawn(CARRIERS)


@pytest.fixture(scope="module")
def model(torch_student, tmp_path_factory):
    from ...export.compile.student_scene import exported

    return str(exported(torch_student, tmp_path_factory.mktemp("models") / "tiny.onnx"))


@pytest.fixture
def sound():
    """Two channels that differ: a tone that comes and goes, and noise with silence in it."""
    rng, t = np.random.default_rng(4), np.arange(20_000) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 330 * t) * (np.sin(2 * np.pi * 5 * t) > 0)
    noise = 0.1 * rng.normal(size=t.size) * (t > 0.1)
    return np.stack([tone, noise]).astype(np.float32)


def dream(model, **values):
    return Dream(**({"model": model, "target": "class:flute"} | values))


def answers(effect, audio):
    """Of each frame, what the student hears, and what it wants before loudness is matched: (rows, bands, frames)."""
    stream, heard, found = effect.stream(RATE, audio.shape[0], 512), [], []
    for start in range(0, audio.shape[1] - 511, 512):
        stream.process(np.ascontiguousarray(audio[:, start : start + 512]))
        heard.append(stream.student.features.copy())
        found.append(stream.state.wanted.copy())
    return np.stack(heard, 2), np.stack(found, 2)


def offsets(effect, audio):
    return answers(effect, audio)[1]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(MODES),
    sizes=st.lists(st.one_of(st.integers(1, 10_000), st.integers(1, 40)), min_size=1, max_size=40),
    channels=st.sampled_from([1, 2]),
    target=st.sampled_from(["class:flute", "conv3:5", "0.3*class:flute + 0.2*class:choir", "2*conv3:5 + class:choir"]),
    lookahead_frames=st.sampled_from([0, 0, 2]),
    link=st.booleans(),
)
@example(mode="instant", sizes=[1, 2, 3, 10_000], channels=2, target="conv3:5", lookahead_frames=0, link=False)
@example(mode="live", sizes=[61, 7, 1], channels=2, target="conv3:5", lookahead_frames=0, link=True)
def test_any_partition_gives_the_same_samples(mode, sizes, channels, target, lookahead_frames, link, model, sound):
    lookahead_frames = 0 if mode == "instant" else lookahead_frames
    effect = dream(model, mode=mode, target=target, lookahead_frames=lookahead_frames, link=link)
    audio = sound[:channels]
    whole = effect(audio, RATE)
    assert np.abs(whole - audio).max() > 0.01
    assert np.array_equal(in_parts(effect, audio, RATE, sizes), whole)


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize(
    ("target", "weights"), [("class:flute", [1, 0, 0]), ("conv3:5 + 3*class:choir", [0, 0.75, 0.25])]
)
def test_its_offsets_are_those_of_the_original(link, target, weights, model, torch_student, sound):
    effect = dream(model, target=target, link=link, reach_db=12.0, gate_db=-120.0)
    audible = sound + np.float32(1e-4) * np.random.default_rng(0).normal(size=sound.shape).astype(np.float32)
    features, found = answers(effect, audible)
    rows = len(features)
    asked = np.tile(np.float32(weights), (rows, 1)), np.full(rows, 12 / 20 * np.log(10), np.float32)
    with torch.no_grad():
        expected = torch_student(torch.as_tensor(features), *map(torch.as_tensor, asked)).offset.numpy()
    assert found.shape[2] > 31 and np.abs(found).max() > 0.5
    np.testing.assert_allclose(found, expected, atol=2e-4)


@every_mode
@pytest.mark.parametrize("link", [True, False])
def test_amount_zero_is_the_input(mode, link, model, sound):
    assert np.array_equal(dream(model, mode=mode, amount=0.0, link=link)(sound, RATE), sound)
    assert np.array_equal(dream(model, mode=mode, mix=0.0, link=link)(sound, RATE), sound)


@every_mode
def test_silence_stays_silent_and_a_single_frame_or_sample_plays(mode, model):
    assert not dream(model, mode=mode, gate_db=-120.0)(np.zeros((2, 20_000), np.float32), RATE).any()
    for samples in (1, 511, 512, 2048):
        out = dream(model, mode=mode)(np.full((1, samples), 0.1, np.float32), RATE)
        assert out.shape == (1, samples) and np.isfinite(out).all()


@every_mode
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30], ids=str)
def test_it_outlives_samples_that_are_no_sound(mode, bad, model, sound):
    stream = dream(model, mode=mode).stream(RATE, 2, 20_000)
    broken = sound.copy()
    broken[:, 5000] = bad
    stream.process(broken)
    for _ in range(5):
        out = stream.process(sound).copy()
    again = dream(model, mode=mode, listen="delta").stream(RATE, 2, 20_000).process(sound)
    assert np.isfinite(out).all() and stream.state.wanted.any() and np.abs(again).max() > 0.01
    assert stream.state.io.muted_inputs[0] == (0 if bad == 1e30 else 2)


def test_an_answer_that_is_no_number_is_lost_and_the_student_begins_anew(model, sound):
    stream = dream(model).stream(RATE, 2, 512)
    play = lambda: [stream.process(np.ascontiguousarray(sound[:, n : n + 512])).copy() for n in range(0, 19_968, 512)]  # noqa: E731
    play()
    stream.student.target[0] = np.nan
    stream.process(np.ascontiguousarray(sound[:, :512]))
    assert stream.state.lost_hops == 1 and not stream.state.wanted.any() and not stream.state.added.any()
    stream.student.target[0] = 1
    stream.student.reset()
    assert np.isfinite(np.concatenate(play(), 1)).all() and stream.state.lost_hops == 1 and stream.state.wanted.any()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"target": "class:organ"}, "not distilled for 'class:organ' .*class:flute, class:choir, conv3:5"),
        ({"target": "conv3"}, "not distilled for 'conv3' .*class:flute, class:choir, conv3:5"),
        ({"target": "class:flute - conv3:5"}, "weight of 'conv3:5' is below 0"),
        ({"target": "0*class:flute"}, "every weight is 0"),
        ({"steps": 8}, "Dream.steps = 8: model '.*' is a student, which answers in one pass: expected 4"),
        ({"foresight_frames": 0}, "Dream.foresight_frames = 0: .* has learned what comes: expected 4"),
        ({"smoothing": 3.0}, "Dream.smoothing = 3.0: .* has learned .*: expected 1.5"),
        ({"mode": "instant", "fill": 0.5}, "Dream.fill = 0.5: mode = 'instant'"),
        ({"mode": "instant", "lookahead_frames": 1}, "Dream.lookahead_frames = 1: mode = 'instant'"),
    ],
)
def test_what_it_cannot_do_is_refused(values, said, model):
    with pytest.raises(ValueError, match=said):
        dream(model, **values)


def test_what_it_cannot_do_is_refused_later_too(model):
    effect = dream(model)
    for name, value in (("steps", 2), ("smoothing", 0.0), ("target", "conv3")):
        with pytest.raises(ValueError, match=r"student|not distilled"):
            setattr(effect, name, value)
    effect.steps, effect.smoothing, effect.target = 4, 1.5, "conv3:5"


def test_amplify_takes_no_student(model):
    with pytest.raises(ModelError, match="a student model: expected an ascent model"):
        Amplify(model=model, target="class:flute")


def test_it_goes_by_its_model(model):
    effect = dream(model)
    assert effect.models() == {model: library.model(model).manifest.content_hash}
    assert f"model={model!r}" in repr(effect)
    with pytest.raises(ValueError, match="does not hear its target"):
        measure.heard(effect, np.zeros((1, 4096), np.float32), RATE)


def test_reach_is_scaled_under_what_it_knows_and_capped_above(model, sound):
    by_reach = {reach: offsets(dream(model, reach_db=reach), sound) for reach in (0.0, 1.5, 6.0, 24.0, 48.0)}
    np.testing.assert_allclose(by_reach[1.5], by_reach[6.0] / 4, rtol=1e-6)
    assert not by_reach[0.0].any() and np.array_equal(by_reach[48.0], by_reach[24.0])
    for reach in (6.0, 24.0):
        assert 0 < np.abs(by_reach[reach]).max() <= reach / 20 * np.log(10) * 1.00001


def test_a_target_that_changes_is_asked_for_from_the_next_hop_on(model, sound):
    effect = dream(model)
    stream, other = effect.stream(RATE, 2, 512), dream(model, target="conv3:5").stream(RATE, 2, 512)
    for start in range(0, 15_360, 512):
        if start == 7680:
            effect.target = "conv3:5"
        for each in (stream, other):
            each.process(np.ascontiguousarray(sound[:, start : start + 512]))
        if start == 7168:
            assert np.abs(stream.state.wanted - other.state.wanted).max() > 0.1
    assert np.array_equal(stream.student.target, other.student.target)
    effect.target = "class:flute"
    effect.target = "conv3:5"
    stream.reset()
    other.reset()
    for each in (stream, other):
        each.process(np.ascontiguousarray(sound[:, :512]))
    assert np.array_equal(stream.state.wanted, other.state.wanted)


def test_below_the_gate_an_answer_fades_as_long_as_memory(model, sound):
    quiet = np.concatenate([sound, np.zeros((2, 8192), np.float32)], 1)
    for seconds in (0.0, 0.05, 1.0):
        found = offsets(dream(model, memory_seconds=seconds), quiet)[..., -8:]
        kept = np.exp(-512 / RATE / seconds) if seconds else 0.0
        np.testing.assert_allclose(found[..., 1:], kept * found[..., :-1], atol=1e-6)


def test_freeze_holds_the_answer_while_the_student_hears_on(model, sound):
    effect = dream(model)
    stream = effect.stream(RATE, 2, 512)
    play = lambda start: stream.process(np.ascontiguousarray(sound[:, start : start + 512]))  # noqa: E731
    for start in range(0, 7680, 512):
        play(start)
    held, added, power = stream.state.wanted.copy(), stream.state.added.copy(), stream.student.power
    effect.freeze = True
    play(7680)
    assert held.any() and np.array_equal(stream.state.wanted, held) and np.array_equal(stream.state.added, added)
    assert not np.array_equal(stream.student.power, power)
    effect.freeze = False
    play(8192)
    assert not np.array_equal(stream.state.wanted, held)


@every_mode
@pytest.mark.parametrize("lookahead_frames", [0, 2])
def test_a_late_hop_holds_the_answer_and_the_same_answers_give_the_same_samples(mode, lookahead_frames, model, sound):
    effect = dream(model, mode=mode, lookahead_frames=0 if mode == "instant" else lookahead_frames)
    late = {3, 4, 11, 20, 21, 22}

    def paced(block, pace):
        stream, out = effect.stream(RATE, 2, block), []
        stream.pace = pace
        for start in range(0, sound.shape[1], block):
            out.append(stream.process(np.ascontiguousarray(sound[:, start : start + block])).copy())
        return np.concatenate(out, 1), stream

    first, stream = paced(512, late.__contains__)
    assert stream.state.held_hops == len(late)
    assert np.array_equal(first, paced(77, late.__contains__)[0])
    never, _ = paced(512, None)
    assert np.array_equal(never, paced(512, lambda hop: False)[0]) and not np.array_equal(first, never)


def test_a_held_hop_asks_nothing(model, sound, monkeypatch):
    stream = dream(model).stream(RATE, 2, 512)
    for start in range(0, 7680, 512):
        stream.process(np.ascontiguousarray(sound[:, start : start + 512]))
    before, power = stream.state.wanted.copy(), stream.student.power
    monkeypatch.setattr(stream.student, "run", lambda: pytest.fail("the student was asked in a hop that was held"))
    stream.pace = lambda hop: True
    stream.process(np.ascontiguousarray(sound[:, 7680:8192]))
    assert np.array_equal(stream.state.wanted, before) and np.array_equal(stream.student.power, power)


def test_the_sound_waits_for_offsets_that_have_heard_more(model, sound):
    """With lookahead a frame is played at the offset of a later one: the offsets themselves stay as they are."""
    now, later = dream(model), dream(model, lookahead_frames=2)
    assert later.latency_at(RATE) == now.latency_at(RATE) + 1024
    assert np.array_equal(offsets(now, sound), offsets(later, sound))
    played = [measure.trace(effect, sound, RATE).offset for effect in (now, later)]
    assert not np.array_equal(*played)


def test_channels_apart_have_answers_of_their_own(model, sound):
    apart = offsets(dream(model, link=False), sound)
    for channel in range(2):
        np.testing.assert_allclose(apart[channel], offsets(dream(model), sound[channel : channel + 1])[0], atol=1e-4)
    assert offsets(dream(model), sound).shape[0] == 1


def test_only_chosen_bands_move(model, sound):
    stream = streamed(dream(model, low_hz=1000, high_hz=4000), sound, RATE, [512])[1]
    centres = stream.spec.layout.centres_hz
    inside = (centres >= 1000) & (centres <= 4000)
    assert stream.state.played.offset[:, inside].any() and not stream.state.played.offset[:, ~inside].any()


def test_fill_and_estimated_phase_play(model, sound):
    plain = dream(model)(sound, RATE)
    for values in ({"fill": 1.0}, {"phase": "estimate"}):
        out = dream(model, **values)(sound, RATE)
        assert np.isfinite(out).all() and not np.array_equal(out, plain)


@every_mode
def test_it_is_as_loud_as_the_dry_sound(mode, model, clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.ascontiguousarray(audio[:, :96_000])
    wet = dream(model, mode=mode, reach_db=18.0)(audio, rate)
    assert abs(measure.loudness_db(wet, rate) - measure.loudness_db(audio, rate)) < 3.1


def test_a_student_that_adds_nothing_has_no_carriers(tmp_path, sound):
    from ...export.compile.student_scene import drawn, exported

    effect = dream(str(exported(drawn(), tmp_path / "gain.onnx")))
    _, stream = streamed(effect, sound, RATE, [512])
    assert stream.state.added.shape == (1, 0, 96)


def test_what_is_added_is_told_for_each_row_carrier_and_band(model, sound):
    _, stream = streamed(dream(model, link=False), sound, RATE, [512])
    assert stream.state.added.shape == (2, 2, 96) and (stream.state.added >= 0).all() and stream.state.added.any()
