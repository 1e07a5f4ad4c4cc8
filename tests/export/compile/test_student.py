"""The graph of a student does, a hop at a time, what the network in torch does with a whole sound."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.model.structure import content_hash, parse, read_model
from dreampedal.engine.model.student import dreaming_model
from dreampedal.engine.model.verify import verify

from .student_scene import CARRIERS, TARGETS, TRAINING, drawn, exported

FLOOR = -100 * np.log(10) / 20


@pytest.fixture(scope="module", params=[(), CARRIERS], ids=["gain", "resynthesis"])
def pair(request, tmp_path_factory):
    """A student in torch, and its model."""
    student = drawn(request.param)
    return student, dreaming_model(exported(student, tmp_path_factory.mktemp("model") / "tiny.onnx"))


def played(model, sound, target, reach):
    """Offsets and what is added, (channels, ..., frames)."""
    student = model.student(sound.shape[0])
    student.target[:], student.reach[:] = target, reach
    student.reset()
    offsets, added = [], []
    for frame in range(sound.shape[2]):
        student.features[:] = sound[:, :, frame]
        student.run()
        student.commit()
        offsets.append(student.offset.copy())
        added.append(student.added.copy())
    return np.stack(offsets, -1), np.stack(added, -1)


@st.composite
def sounds(draw):
    """Features of one to three channels with silence in them, level jumps, and any number of frames from one on."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    channels, frames = draw(st.integers(1, 3)), draw(st.integers(1, 50))
    level = np.repeat(rng.uniform(-12, 1, (channels, 1, -(-frames // 8))), 8, 2)[:, :, :frames]
    sound = level + rng.normal(0, 2, (channels, 96, frames))
    sound[:, :, draw(st.integers(0, 60)) :] = FLOOR
    return np.maximum(sound, FLOOR).astype(np.float32)


@settings(max_examples=25)
@given(sound=sounds(), weights=st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(any), reach=st.floats(0.1, 3))
def test_any_sound_target_and_reach_give_what_torch_gives(pair, sound, weights, reach):
    student, model = pair
    target = (np.array(weights) / np.sum(weights)).astype(np.float32)
    with torch.no_grad():
        asked = np.repeat(target[None], len(sound), 0), np.full(len(sound), reach, np.float32)
        expected = student(torch.as_tensor(sound), *map(torch.as_tensor, asked))
    offset, added = played(model, sound, target, reach)
    np.testing.assert_allclose(offset, expected.offset.numpy(), atol=2e-4)
    np.testing.assert_allclose(added, expected.added.numpy(), atol=2e-4)
    assert np.abs(offset).max() <= np.float32(reach) * 1.000001


def test_verify_proves_it_and_small_errors_are_found(pair, tmp_path):
    student, model = pair
    proof = verify(model.path)
    assert proof.takes == 3 and proof.golden_deviation < 1e-4 and proof.manifest.targets == TARGETS
    graph, _ = read_model(model.path)
    assert content_hash(graph) == model.manifest.content_hash
    assert model.manifest.carriers == student.carriers


def test_what_is_recorded_tells_a_student_without_its_running_power(pair, tmp_path):
    """The golden sounds jump in level, so that a graph that only sees the newest frame does not pass."""
    from dreampedal.engine.model.format.golden import golden_students
    from dreampedal.engine.model.structure import metadata

    _, model = pair
    for take in golden_students(
        model.path, metadata(model.path, parse(model.path), "dreampedal.golden"), model.manifest
    ):
        assert take.sound.shape[2] > 31 and take.sound.shape[0] == 2
        by_itself, _ = played(model, take.sound[:, :, -31:], take.target, take.reach)
        recorded = take.answers["offset"]
        assert np.abs(by_itself[..., -1] - recorded[-1]).max() > 1e-3 * np.abs(recorded).max()


def test_the_same_student_gives_the_same_bytes(tmp_path):
    first, again = (exported(drawn(CARRIERS), tmp_path / name).read_bytes() for name in ("a.onnx", "b.onnx"))
    assert first == again


def test_a_student_as_it_ships_is_under_two_megabytes(tmp_path):
    targets = tuple(f"class:c{index}" for index in range(11))
    path = exported(drawn(("below", "above", "breath"), filters=160, targets=targets), tmp_path / "whole.onnx")
    assert path.stat().st_size < 2_000_000


def test_one_that_is_larger_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"big.onnx: a model of .* expected at most 2.0 MB"):
        exported(drawn(filters=400), tmp_path / "big.onnx")
    assert not (tmp_path / "big.onnx").exists()


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    student = drawn()
    student.layers[1].weight.data[0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"weights 'layers.1.weight' of the student hold NaN"):
        exported(student, tmp_path / "nan.onnx")


def test_what_the_manifest_says(tmp_path):
    details = {"teachers": {"mel": "a" * 64}, "accuracy": {"heard": 0.5}, "version": "2"}
    manifest = dreaming_model(exported(drawn(), tmp_path / "told.onnx", **details)).manifest
    assert [(one.name, one.content_hash) for one in manifest.teachers] == [("mel", "a" * 64)]
    assert manifest.accuracy == {"heard": 0.5} and manifest.version == "2" and manifest.training == TRAINING
    assert manifest.classes == ("flute", "choir") and manifest.reach_db == (6.0, 24.0)
    assert manifest.states == {"layer0": (2, 96), "layer1": (4, 12), "layer2": (8, 12), "layer3": (16, 12)}
