"""A student under way: what it remembers, and when."""

import numpy as np
import pytest

from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.model.device import DeviceError, why_no_cuda
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.library import Library
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.student import StudentModel, dreaming_model
from dreampedal.engine.model.targets import parse

pytest.importorskip("torch", reason="the students that run here are exported from torch")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    from ...export.compile.student_scene import CARRIERS, drawn, exported

    return exported(drawn(CARRIERS), tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="module")
def model(path):
    return dreaming_model(path, "cpu")


def frames(count, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-8, 0, (count, channels, 96)).astype(np.float32)


def answered(student, features):
    student.features[:] = features
    student.run()
    return student.offset.copy(), student.added.copy()


def test_a_run_that_is_not_committed_is_as_if_it_never_was(model):
    student = model.student()
    first = [answered(student, frame)[0] for frame in frames(3) for _ in range(2)]
    assert np.array_equal(first[0], first[1])
    answered(student, frames(1)[0])
    student.commit()
    assert not np.array_equal(answered(student, frames(1)[0])[0], first[0])


def test_reset_is_endless_silence_for_what_is_asked_for_now(model):
    """In silence after silence nothing changes any more: neither what is remembered nor what is answered."""
    student, quiet = model.student(2), np.full((2, 96), -100 * np.log(10) / 20, np.float32)
    for target in ("class:flute", "conv3:5 + class:choir"):
        student.target[:], student.reach[:] = parse(target).shares(model.manifest.targets), 1.5
        student.reset()
        before = {name: student.state(name) for name in model.manifest.states} | {"power": student.power}
        answers = []
        for _ in range(40):
            answers.append(answered(student, quiet)[0])
            student.commit()
        for name in model.manifest.states:
            np.testing.assert_allclose(student.state(name), before[name], atol=1e-5)
        np.testing.assert_allclose(student.power, before["power"], rtol=1e-6)
        np.testing.assert_allclose(answers[-1], answers[0], atol=1e-5)


def test_channels_do_not_hear_each_other(model):
    together, alone = model.student(3), model.student(1)
    for frame in frames(20, 3):
        offset, added = answered(together, frame)
        one = answered(alone, frame[1:2])
        together.commit()
        alone.commit()
    np.testing.assert_allclose(offset[1:2], one[0], atol=1e-5)
    np.testing.assert_allclose(added[1:2], one[1], atol=1e-5)


def test_a_run_writes_in_place(model):
    student = model.student()
    arrays = student.features, student.offset, student.added, student.target, student.reach
    for frame in frames(5):
        answered(student, frame)
        student.commit()
    assert all(now is then for now, then in zip(arrays, (
        student.features, student.offset, student.added, student.target, student.reach), strict=True))  # fmt: skip
    assert student.offset.any() and student.offset.shape == (1, 96) and student.added.shape == (1, 2, 96)


def test_two_runs_of_a_model_are_apart(model):
    first, second = model.student(), model.student()
    before = answered(second, frames(1)[0])[0]
    for frame in frames(9):
        answered(first, frame)
        first.commit()
    assert np.array_equal(answered(second, frames(1)[0])[0], before)


def test_devices(path):
    assert dreaming_model(path).device == "cpu"
    with pytest.raises(ValueError, match="device = 'tpu': expected auto, cpu or cuda"):
        dreaming_model(path, "tpu")
    if why_no_cuda():
        with pytest.raises(DeviceError, match="device = 'cuda'"):
            dreaming_model(path).student(device="cuda")
    with pytest.raises(ValueError, match="channels = 0"):
        dreaming_model(path).student(0)


def test_its_repr_says_what_it_is_for(model):
    assert repr(model) == "StudentModel('tiny', version='1', targets=['class:flute', 'class:choir', 'conv3:5'])"


def test_who_names_sounds_or_ascends_takes_no_student(path):
    for load in (Classifier.load, Model.load):
        with pytest.raises(ModelError, match=r"manifest.kind is student: expected ascent"):
            load(path)


def test_a_model_is_found_by_a_target_that_it_was_distilled_for(path, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "heard.onnx").write_bytes(path.read_bytes())
    library = Library([tmp_path])
    assert isinstance(library.model("heard"), StudentModel) and library.student_for(parse("class:flute")) is None
    library.students.append("heard")
    assert library.student_for(parse("class:flute + conv3:5")) == "heard"
    for other in ("class:flute + conv2", "class:flute - conv3:5", "conv3"):
        assert library.student_for(parse(other)) is None


@pytest.mark.parametrize(("weights", "expected"), [
    ("class:flute", [1, 0, 0]), ("2*conv3:5 + 2*class:flute", [0.5, 0, 0.5]), ("conv3:5 + 0*class:choir", [0, 0, 1]),
    ("class:choir + class:choir", [0, 1, 0]), ("1e-9*class:choir", [0, 1, 0]), ("1000*class:flute", [1, 0, 0]),
])  # fmt: skip
def test_only_the_ratio_of_weights_counts(weights, expected, model):
    np.testing.assert_allclose(parse(weights).shares(model.manifest.targets), expected)
