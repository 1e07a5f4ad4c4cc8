"""What cannot be done of an order is said in one line before anything of the folder is read."""

import re

import pytest

from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.folder import Order, train_folder


@pytest.mark.parametrize("run", ["net.onnx", "net.onnx/run", "other/../net.onnx"])
def test_the_model_and_the_folder_of_its_training_are_two_places(tmp_path, run):
    with pytest.raises(ValueError, match="expected a place of its own"):
        train_folder(Order(tmp_path / "sounds", "vgg"), tmp_path / "net.onnx", tmp_path / run)


def test_a_file_is_no_folder_for_a_training(tmp_path):
    (tmp_path / "notes").touch()
    with pytest.raises(ValueError, match=r"notes is a file: expected a folder"):
        train_folder(Order(tmp_path / "sounds", "vgg"), tmp_path / "net.onnx", tmp_path / "notes")


def test_a_network_that_nobody_published_begins_with_no_weights(tmp_path):
    order = Order(tmp_path / "sounds", "columns", weights=tmp_path / "vgg19.safetensors")
    with pytest.raises(ValueError, match=re.escape("columns has no published weights: expected vgg19 or inception_v3")):
        train_folder(order, tmp_path / "net.onnx")


def test_more_threads_than_torch_can_start_are_refused():
    assert Plan(threads=256).threads == 256
    with pytest.raises(ValueError, match=r"plan: threads = 100000: .*less than or equal to 256"):
        Plan(threads=100_000)
