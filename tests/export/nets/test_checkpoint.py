"""Checkpoints: the same network back, bit for bit, or an error that says what is wrong with the file."""

import json
import math

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import METADATA_KEY, Bands, ModelError
from dreampedal.export.nets.checkpoint import described, load, save
from dreampedal.export.nets.table import NETWORKS

pytestmark = pytest.mark.any_recording


@pytest.fixture
def saved(small, tmp_path):
    """A small recurrent network in a file: both."""
    net = small("recurrent")
    save(net, tmp_path / "net.safetensors", history=[{"epoch": 1, "loss": 0.5}])
    return net, tmp_path / "net.safetensors"


def rewritten(path, change=None, **about):
    """The file with `change` made to its tensors, and other things said of it."""
    with safetensors.safe_open(path, framework="pt") as file:
        text = json.loads(file.metadata()[METADATA_KEY]) | about
    tensors = safetensors.torch.load_file(path)
    if change:
        change(tensors)
    safetensors.torch.save_file(tensors, path, {METADATA_KEY: json.dumps(text)})
    return path


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_comes_back_bit_for_bit(name, small, heard, tmp_path):
    net = small(name)
    x, labels = heard(net)
    net.normalise([x])
    net(x)  # batch norms remember what they have heard
    save(net, tmp_path / "net.safetensors")
    before = torch.get_rng_state()
    back = load(tmp_path / "net.safetensors")
    assert torch.equal(before, torch.get_rng_state())
    assert (back.name, back.task, back.settings) == (net.name, net.task, net.settings)
    with torch.no_grad():
        assert torch.equal(back(x), net.eval()(x))
    torch.nn.functional.cross_entropy(back.train()(x), labels).backward()  # and can be trained on


def test_the_same_network_gives_the_same_bytes(saved, tmp_path):
    net, path = saved
    save(net, tmp_path / "again.safetensors", history=[{"epoch": 1, "loss": 0.5}])
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.safetensors", "net.safetensors"]


def test_what_else_is_kept_comes_back(saved):
    assert described(saved[1]).extra == {"history": [{"epoch": 1, "loss": 0.5}]}


def test_input_and_settings_come_back(small, tmp_path):
    net = small("deep", input=LogBands(bands=Bands(count=48)), seconds=1.5, settings={"width": 3, "activation": "relu"})
    save(net, tmp_path / "net.safetensors")
    back = load(tmp_path / "net.safetensors")
    assert (back.input, back.seconds, back.settings) == (net.input, 1.5, net.settings)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_file_cut_anywhere_is_refused(share, saved):
    _, path = saved
    cut = path.with_name("cut.safetensors")
    whole = path.read_bytes()
    cut.write_bytes(whole[: math.floor(share * len(whole))])
    with pytest.raises(ModelError, match=r"cut\.safetensors: the file is cut short"):
        load(cut)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(bad, saved):
    net, path = saved
    whole = path.read_bytes()
    with pytest.raises(ModelError, match=r"tensor head\.bias is 1 times NaN or infinite: expected finite"):
        load(rewritten(path, lambda tensors: tensors["head.bias"][:1].fill_(bad)))
    path.write_bytes(whole)
    with torch.no_grad():
        net.head.bias[0] = bad
    with pytest.raises(ModelError, match=r"tensor head\.bias"):
        save(net, path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_features_are_divided_by_nothing_that_is_not_above_zero(bad, saved):
    _, path = saved
    with pytest.raises(ModelError, match=r"tensor std is 2 times 0 or less: expected standard deviations above 0"):
        load(rewritten(path, lambda tensors: tensors["std"][3:5].fill_(bad)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": "vgg16"}, "no network 'vgg16'"),
        ({"name": "raw"}, "its network is raw: "),
        ({"name": "lstm", "settings": {}}, r"tensor recurrent\.lstm1\.cell\.weight_ih_l0 is missing"),
        ({"classes": ["a", "b", "c"]}, r"tensor head\.weight is float32 of shape \(2, 64\): expected .*\(3, 64\)"),
        ({"classes": ["a", "b/c"]}, r"metadata\.classes\.1 is 'b/c'"),
        ({"settings": {"units": [64, 65]}}, r"weight_ih_l0 is .*\(256, 64\): expected .*\(260, 64\)"),
        ({"settings": {"units": [10**9] * 3}}, "its network is .*4000000000"),
        ({"seconds": 0}, r"metadata\.seconds"),
        ({"input": {"kind": "smell"}}, r"metadata\.input"),
        ({"format": 2}, r"metadata\.format is 2"),
    ],
)
def test_what_a_file_says_must_fit_what_it_holds(change, message, saved):
    _, path = saved
    with pytest.raises(ModelError, match=message) as caught:
        load(rewritten(path, **change))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_tensor_too_many_or_of_another_kind_is_refused(saved):
    _, path = saved
    whole = path.read_bytes()
    with pytest.raises(ModelError, match="tensor more is float32 of shape"):
        load(rewritten(path, lambda tensors: tensors.update(more=torch.zeros(2))))
    path.write_bytes(whole)
    with pytest.raises(ModelError, match=r"head\.bias is float64 of shape \(2,\): expected float32"):
        load(rewritten(path, lambda tensors: tensors.update({"head.bias": torch.zeros(2).double()})))


def test_a_checkpoint_that_is_not_there_is_found_beside_its_training(tmp_path):
    run = tmp_path / "songs_run"
    run.mkdir()
    (run / "training.pt").touch()
    with pytest.raises(FileNotFoundError, match=r"no such file; the command that began .*songs_run ends that training"):
        load(tmp_path / "songs.safetensors")
    (run / "checkpoint.safetensors").touch()
    with pytest.raises(FileNotFoundError, match=r"no such file; that training wrote .*songs_run/checkpoint"):
        load(tmp_path / "songs.safetensors")


def test_files_that_are_no_checkpoints_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors: no such file"):
        load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("a page of text")
    with pytest.raises(ModelError, match="no checkpoint"):
        load(tmp_path / "text")
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors: metadata is missing"):
        load(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no such folder"):
        raise_from_missing_folder(tmp_path)


def raise_from_missing_folder(tmp_path):
    from dreampedal.export.nets.table import build

    save(build("dense", ("a", "b")), tmp_path / "nowhere" / "net.safetensors")


def test_only_json_can_be_kept(small, tmp_path):
    for unfit in (torch.zeros(1), math.nan):
        with pytest.raises(ValueError, match="score cannot be kept as JSON"):
            save(small("dense"), tmp_path / "net.safetensors", score=unfit)
    assert not any(tmp_path.iterdir())
