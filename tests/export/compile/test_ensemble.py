"""The ONNX graph of several causal networks against torch autograd over all of them."""

import numpy as np
import onnx
import pytest
import torch

from dreampedal.effects.dream import Dream
from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.manifest import METADATA_KEY, ModelError
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.structure import read_model
from dreampedal.engine.model.verify import require_partition_law, verify
from dreampedal.export.compile import golden
from dreampedal.export.nets.causal import Ensemble

from .networks import exported, trained

CHANNELS = 2


def members(**settings):
    return [
        trained(1, **settings),
        trained(2, "leaky_relu", filters=(9, 7), dilations=(2, 1), kernel=4, **settings),
        trained(3, "silu", filters=(11,), dilations=(1,), kernel=2, **settings),
    ]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """An ensemble behind equalisers, and its model, which holds two steps unrolled."""
    ensemble = Ensemble(members(), equaliser_db=9.0, seed=4)
    return ensemble, Model.load(exported(ensemble, tmp_path_factory.mktemp("model") / "three.onnx", steps=2))


def targets(manifest, form, rng):
    """What to climb: classes alone, layers alone, or both."""
    given = {}
    for layer in manifest.layers:
        for kind in "uv":
            drawn = rng.normal(size=layer.filters)
            given[f"{kind}_{layer.name}"] = drawn.astype(np.float32) * (form != "classes")
    given["classes"] = rng.normal(0, 3, len(manifest.classes)).astype(np.float32) * (form != "layers")
    return given


@pytest.mark.parametrize("form", ["classes", "layers", "both"])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_steps_are_torchs_hop_by_hop(form, columns, steps, pair):
    """One step, as many as the file holds, and more than it holds, each hop from what was played before."""
    ensemble, model = pair
    rng = np.random.default_rng([columns, steps])
    given = golden.random_inputs(rng, model.manifest, columns, CHANNELS) | targets(model.manifest, form, rng)
    ascent = model.ascent(CHANNELS, steps, columns)
    for name, value in given.items():
        ascent.inputs[name][:] = value
    sound = golden.random_features(rng, model.manifest, 7 + columns, CHANNELS)
    past = sound[:, :, :0]
    for hop in range(7):
        ascent.features[:] = given["features"] = sound[:, :, hop : hop + columns]
        ascent.run()
        expected = golden.climb(golden.causal_forward(ensemble, past), given, model.manifest, steps)
        assert np.abs(ascent.result - expected).max() < 1e-3
        assert np.array_equal(ascent.offset, given["offset"])
        past = np.concatenate([past, given["features"][:, :, :1] + ascent.result[:, :, :1]], 2)
        ascent.commit()
    ascent.run(0)
    with torch.no_grad():
        heard, logits = golden.causal_forward(ensemble, past)(torch.as_tensor(given["features"] + given["offset"]))
    assert np.abs(ascent.logits - logits.numpy()).max() < 1e-4
    assert set(heard) == set(ascent.activations)
    for name, y in heard.items():
        assert np.abs(ascent.activations[name] - y.numpy()).max() < 1e-4


def test_logits_are_the_mean_and_the_least_of_log_probabilities(pair):
    ensemble, _ = pair
    sound = torch.as_tensor(golden.random_features(np.random.default_rng(0), pair[1].manifest, 9, 1))
    with torch.no_grad():
        each = [network.logits_at_frames(sound).softmax(1).log() for network in ensemble.networks.values()]
        found = ensemble.logits_at_frames(sound)
    expected = 0.7 * sum(each) / 3 + 0.3 * torch.minimum(torch.minimum(each[0], each[1]), each[2])
    assert torch.allclose(found, expected, atol=1e-5)


def test_an_equaliser_is_heard_as_if_the_sound_went_through_it(tmp_path):
    """Silence too: a network behind an equaliser answers as the network itself to features that are raised by it."""
    plain, [network, *_] = Ensemble(members()), members()
    heard = Ensemble(members(), equaliser_db=9.0, seed=4)
    curve = (plain.networks["a"].mean - heard.networks["a"].mean)[:, None]
    assert 0.5 < float(curve.abs().max()) < 1.04  # half of 9 dB to all of it, in nepers
    sound = torch.as_tensor(golden.random_features(np.random.default_rng(0), _manifest(tmp_path), 30, 1))
    silence = torch.full((1, 24, network.receptive_frames), network.floor)
    expected = network.activations(torch.cat([silence, sound], 2) + curve)
    for name, y in heard.networks["a"].activations(sound).items():
        assert torch.allclose(y, expected[name][..., -30:], atol=1e-4)


def _manifest(folder):
    return Model.load(exported(members(), folder / "plain.onnx", steps=1)).manifest


def test_equalisers_differ_and_repeat(pair):
    again, other = Ensemble(members(), 9.0, seed=4), Ensemble(members(), 9.0, seed=5)
    for letter, network in pair[0].networks.items():
        assert torch.equal(network.mean, again.networks[letter].mean)
        assert not torch.equal(network.mean, other.networks[letter].mean)
    moved = [network.mean - plain.mean for network, plain in zip(pair[0].networks.values(), members(), strict=True)]
    assert not torch.allclose(moved[0], moved[1], atol=0.1)


def test_a_list_of_networks_is_an_ensemble_and_is_proved(tmp_path):
    proof = verify(exported(members(), tmp_path / "plain.onnx", steps=1))
    assert proof.takes == 2 and proof.golden_deviation < 1e-4
    names = [layer.name for layer in proof.manifest.layers]
    assert names == ["a_conv1", "a_conv2", "a_conv3", "b_conv1", "b_conv2", "c_conv1"]
    assert proof.manifest.kind == "ascent" and proof.manifest.runs_on == "columns"
    assert proof.manifest.classes == ("bell", "choir", "drum") and proof.manifest.steps == 1


def test_networks_that_agree_share_the_least(tmp_path):
    """The same network twice is equally far from a class: neither counts twice."""
    ensemble = Ensemble([trained(1), trained(1)], worst_share=1.0)
    assert verify(exported(ensemble, tmp_path / "twins.onnx", steps=2)).golden_deviation < 1e-4


def test_weights_of_the_same_network_behind_several_equalisers_are_held_once(tmp_path):
    """But for the first bias of each, which is where its equaliser is."""
    network = trained(1)
    path = exported(Ensemble([network, network, network], 6.0), tmp_path / "ears.onnx", steps=1)
    held = {tensor.name for tensor in onnx.load_model_from_string(path.read_bytes()).graph.initializer}
    assert {name for name in held if name.endswith(".weight")} == {
        "a_conv1.weight", "a_conv2.weight", "a_conv3.weight", "a_head.weight",
    }  # fmt: skip
    assert {name for name in held if "conv1.bias" in name} == {"a_conv1.bias", "b_conv1.bias", "c_conv1.bias"}
    assert verify(path).golden_deviation < 1e-4


def test_networks_without_classes_climb_layers(tmp_path):
    proof = verify(exported(members(classes=()), tmp_path / "deaf.onnx", steps=1))
    assert proof.manifest.classes == () and proof.golden_deviation < 1e-4


@pytest.mark.parametrize(
    ("networks", "settings", "words"),
    [
        ((), {}, "an ensemble of 0 networks: expected 1 to 26"),
        ((trained(), trained(bands=20)), {}, "bands of an ensemble: found 20 beside 24"),
        ((trained(), trained(context_frames=7)), {}, "context_frames of an ensemble: found 7 beside 6"),
        (
            (trained(), trained(classes=("bell", "horn"))),
            {},
            "classes of an ensemble: found bell, horn beside bell, choir",
        ),
        ((trained(classes=("bell",)),), {}, "knows only bell: expected two classes or more, or none"),
        ((trained(),), {"equaliser_db": 41}, "equaliser_db = 41: expected 0 to 40 dB"),
        ((trained(),), {"equaliser_db": float("nan")}, "equaliser_db = nan: expected 0 to 40 dB"),
        ((trained(),), {"worst_share": -0.1}, "worst_share = -0.1: expected a number from 0 to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_line(networks, settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        Ensemble(networks, **settings)
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_refused_and_leave_no_file(tmp_path):
    broken = members()
    with torch.no_grad():
        broken[1].layers["conv1"].conv.weight[0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"b_conv1.weight.*NaN or infinity"):
        exported(broken, tmp_path / "broken.onnx", steps=1)
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_hides_a_member_is_refused(tmp_path):
    path = exported(members(), tmp_path / "plain.onnx", steps=1)
    model = onnx.load_model_from_string(path.read_bytes())
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = entry.value.replace('"c_conv1"', '"d_conv1"')
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"c_conv1.*undeclared"):
        read_model(path)


def test_it_plays_the_same_however_a_signal_is_cut(tmp_path):
    networks = [
        trained(seed, bands=LogBands().bands.count, filters=(12, 8), dilations=(1, 2), kernel=kernel)
        for seed, kernel in ((1, 3), (2, 2))
    ]
    path = exported(Ensemble(networks, 6.0), tmp_path / "pair.onnx", steps=2)
    for target in ("class:choir", "a_conv2 + 0.5*b_conv1:3"):
        assert require_partition_law(path, Dream(model=str(path), target=target, steps=5)) == 3
