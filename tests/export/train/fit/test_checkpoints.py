"""Whatever a checkpoint's file holds, a training goes on with it or says in one line what is wrong."""

import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreampedal.export.train.fit.fitting import fit

from .fit_scene import PLAIN, Small, clips, same
from .test_kept import VALUES, changed, parts

PLANS = {
    name: PLAIN.changed(epochs=2, optimiser=name, learning_rate=0.01, equaliser_db=0, gain_db=0)
    for name in ("sgd", "adamw")
}


@pytest.fixture(scope="module")
def heard():
    return clips(), clips("speech_female_en", 24)


@pytest.fixture(scope="module")
def begun(heard, tmp_path_factory):
    """Folders of trainings that have done the first of two epochs, by optimiser, and what their files hold."""
    found = {}
    for name, plan in PLANS.items():
        folder = tmp_path_factory.mktemp(name)
        fit(Small(), *heard, plan.changed(epochs=1), folder)
        found[name] = folder, torch.load(folder / "training.pt", weights_only=True)
    return found


TENSORS = st.builds(
    lambda shape, kind: torch.zeros(shape, dtype=kind),
    st.lists(st.integers(0, 3), max_size=3), st.sampled_from([torch.float32, torch.int64]),
)  # fmt: skip


@pytest.mark.parametrize("optimiser", PLANS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=VALUES | TENSORS, data=st.data())
def test_any_value_is_gone_on_with_or_refused_with_its_file(heard, begun, tmp_path, optimiser, new, data):
    state = begun[optimiser][1]
    path = data.draw(st.sampled_from([place for place in parts(state) if place]))
    torch.save(changed(state, path, new), tmp_path / "training.pt")
    try:
        assert len(fit(Small(), *heard, PLANS[optimiser], tmp_path).history) == 2
    except ValueError as refused:
        assert "training.pt" in str(refused) and "folder" in str(refused)
    finally:
        (tmp_path / "training.pt").unlink()


@pytest.mark.parametrize("optimiser", PLANS)
def test_what_is_missing_is_named(heard, begun, tmp_path, optimiser):
    state = begun[optimiser][1]
    for name in state:
        torch.save({other: value for other, value in state.items() if other != name}, tmp_path / "training.pt")
        with pytest.raises(ValueError, match=r"training\.pt"):
            fit(Small(), *heard, PLANS[optimiser], tmp_path)
    torch.save(state, tmp_path / "training.pt")
    whole = fit(Small(), *heard, PLANS[optimiser])
    assert same(fit(Small(), *heard, PLANS[optimiser], tmp_path).net, whole.net)


@pytest.mark.parametrize("path, new, words", [
    (("network", "head.bias"), torch.zeros(3), ["network.head.bias is float32 of shape (3,)", "expected float32"]),
    (("mean", "conv.weight"), torch.full((8, 16, 3), torch.nan), ["mean.conv.weight is NaN or infinite somewhere"]),
    (("network", "head.bias"), torch.zeros(2).to_sparse(), ["network.head.bias is not a number at each"]),
    (("best", "head.bias"), torch.zeros(2, device="meta"), ["best.head.bias is not a number at each"]),
    (("memory", 0, "momentum_buffer"), torch.zeros(1).expand(8, 16, 3), ["momentum_buffer is not a number at each"]),
    (("memory", 0), {"exp_avg": torch.zeros(1)}, ["memory.0 is exp_avg: expected what sgd remembers"]),
    (("course", "cuts"), -10**6, ["counts from 0"]),
    (("history",), [], ["a history of the epochs 1 to 1"]),
    (("identity",), json.dumps({"plan": 3}), ["network is null: expected"]),
    (("format",), 1, ["format is 1: expected 2"]),
])  # fmt: skip
def test_damage_is_named(heard, begun, tmp_path, path, new, words):
    torch.save(changed(begun["sgd"][1], path, new), tmp_path / "training.pt")
    with pytest.raises(ValueError) as refused:
        fit(Small(), *heard, PLANS["sgd"], tmp_path)
    assert all(word in str(refused.value) for word in (*words, "training.pt", "another folder")), refused.value


def test_half_a_file_is_named(heard, begun, tmp_path):
    whole = (begun["sgd"][0] / "training.pt").read_bytes()
    (tmp_path / "training.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"training\.pt is no checkpoint of a training"):
        fit(Small(), *heard, PLANS["sgd"], tmp_path)
