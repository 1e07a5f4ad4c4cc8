"""The ONNX graph of a causal network against torch autograd over its whole window."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.model.format.manifest import OWN_CHAINS
from dreampedal.engine.model.model import Model
from dreampedal.export.compile import golden

from .networks import ACTIVATIONS, exported, trained

FORMS = {
    "mean activation": {"u": 1.0},
    "energy": {"v": 1.0},
    "dot product with a reference": {"u": "reference"},
    "squared distance to a reference": {"u": "reference", "v": -1.0},
    "class logits": {"classes": 1.0},
    "mixture": {"u": "random", "v": "random", "classes": 1.0},
}
"""Every form of objective as `u + v·y` and classes; ½‖y − r‖² to be made small is u = r, v = −1."""


def wanted(form, manifest, rng):
    """The inputs that say what to climb."""
    parts = FORMS[form]
    given = {}
    for layer in manifest.layers:
        drawn = rng.normal(size=layer.filters)
        for kind in "uv":
            value = parts.get(kind, 0.0)
            given[f"{kind}_{layer.name}"] = drawn if isinstance(value, str) else np.full(layer.filters, value)
    given["classes"] = rng.normal(0, 5, len(manifest.classes)) * parts.get("classes", 0.0)
    return {name: np.asarray(value, np.float32) for name, value in given.items()}


def hand_over(ascent, given):
    """Set an ascent's arrays from inputs by name."""
    for name, value in given.items():
        kind, _, layer = name.partition("_")
        target = getattr(ascent, kind)
        (target[layer] if layer else target)[:] = value


def plain(manifest, columns, channels):
    """No shaping, no removal of loudness, no limit: the offset moves along the gradient itself."""
    bands = manifest.bands.count
    return {
        "offset": np.zeros((channels, bands, columns), "f"), "shape": np.eye(bands, dtype="f"),
        "level": np.zeros((channels, bands), "f"), "mask": np.ones(bands, "f"),
        "rate": np.ones(1, "f"), "reach": np.full(1, 100, "f"),
    }  # fmt: skip


def relative(found, expected):
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-9)


@pytest.fixture(scope="module", params=ACTIVATIONS)
def pair(request, tmp_path_factory):
    """A network with each kind of activation, and its model."""
    network = trained(activation=request.param)
    return network, Model.load(exported(network, tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    network = trained(kernel=4, dilations=(1, 3, 2), context_frames=12)
    return Model.load(exported(network, tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("columns", [1, 3])
def test_the_gradient_is_torchs(form, columns, pair):
    network, model = pair
    rng, channels = np.random.default_rng(3), 2
    given = plain(model.manifest, columns, channels) | wanted(form, model.manifest, rng)
    ascent = model.ascent(channels, 1, columns)
    hand_over(ascent, given)
    sound = golden.random_features(rng, model.manifest, 12 + columns, channels)
    for hop in range(12):
        ascent.features[:] = sound[:, :, hop : hop + columns]
        ascent.run(0)
        ascent.commit()
    ascent.features[:] = given["features"] = sound[:, :, 12:]
    ascent.run()
    expected = golden.climb(golden.causal_forward(network, sound[:, :, :12]), given, model.manifest, 1)
    assert relative(ascent.result, expected) < 1e-4


@settings(deadline=None, max_examples=20)
@given(
    filters=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    kernel=st.integers(1, 5),
    dilation=st.integers(1, 4),
    channels=st.sampled_from([1, 2, 6]),
    columns=st.sampled_from([1, 1, 2, 3, 4, 10]),
    steps=st.integers(1, 8),
    context_frames=st.integers(10, 14),
    classes=st.sampled_from([(), ("bell",), ("bell", "choir")]),
    batch_norm=st.booleans(),
    activation=st.sampled_from(["elu", "deep_elu", "leaky_relu", "sigmoid", "tanh", "silu", "gelu"]),
    seed=st.integers(0, 999),
)
def test_hop_by_hop_is_the_whole_window(tmp_path_factory, columns, steps, channels, activation, seed, **shape):
    filters, dilation = shape.pop("filters"), shape.pop("dilation")
    dilations = [dilation**n for n in range(len(filters))][:3] + [1] * (len(filters) - 3)
    network = trained(seed, activation, filters=filters, dilations=dilations, **shape)
    model = Model.load(exported(network, tmp_path_factory.mktemp("model") / "tiny.onnx"))
    rng = np.random.default_rng(seed)
    given = golden.random_inputs(rng, model.manifest, columns, channels)
    ascent = model.ascent(channels, steps, columns)
    hand_over(ascent, given)
    sound = golden.random_features(rng, model.manifest, 8 + columns, channels)
    past = sound[:, :, :0]
    for hop in range(8):
        ascent.features[:] = given["features"] = sound[:, :, hop : hop + columns]
        ascent.run()
        expected = golden.climb(golden.causal_forward(network, past), given, model.manifest, steps)
        assert np.abs(ascent.result - expected).max() < 1e-3
        past = np.concatenate([past, given["features"][:, :, :1] + ascent.result[:, :, :1]], 2)
        ascent.commit()
    ascent.run(0)
    with torch.no_grad():
        heard, logits = golden.causal_forward(network, past)(torch.as_tensor(given["features"] + given["offset"]))
    assert np.abs(ascent.logits - logits.numpy()).max(initial=0) < 1e-4
    for name, y in heard.items():
        assert np.abs(ascent.activations[name] - y.numpy()).max() < 1e-4


@pytest.mark.parametrize("columns", range(1, OWN_CHAINS + 1))
def test_each_chain_is_the_general_one(columns, model):
    """On the same states, at every number of steps."""
    rng = np.random.default_rng(0)
    given = golden.random_inputs(rng, model.manifest, columns, 6)
    given["features"] = golden.random_features(rng, model.manifest, columns, 6)
    for name, shape in model.manifest.states.items():
        given[f"state_{name}"] = rng.normal(size=(6, *shape)).astype(np.float32)
    for steps in range(9):
        found = []
        for chain in (f"t{columns}", "tn"):
            session = model.chains.session(chain, steps, "cpu")
            found.append(session.run(None, {value.name: given[value.name] for value in session.get_inputs()}))
        assert len(found[0]) > 1
        for one, other in zip(*found, strict=True):
            assert np.abs(one - other).max() < 1e-4


def test_channels_do_not_hear_each_other(model):
    rng = np.random.default_rng(5)
    for columns in (1, 2):
        given = golden.random_inputs(rng, model.manifest, columns, 6)
        given["features"] = golden.random_features(rng, model.manifest, columns, 6)
        together = model.ascent(6, 3, columns)
        hand_over(together, given)
        together.run()
        for channel in range(6):
            alone = model.ascent(1, 3, columns)
            rows = {name: value[channel : channel + 1] for name, value in given.items() if name in
                    ("features", "offset", "level")}  # fmt: skip
            hand_over(alone, given | rows)
            alone.run()
            assert np.abs(alone.result[0] - together.result[channel]).max() < 1e-5


def test_loudness_is_taken_out_along_the_mask(model):
    """With weights that sum to one over the mask, a step does not change Σ level·offset."""
    ascent = model.ascent(1, 1)
    ascent.u["conv3"][:] = 1
    ascent.reach[:] = 100
    ascent.mask[:4] = 0
    ascent.shape[:] = np.diag(ascent.mask)
    ascent.level[:] = ascent.mask / ascent.mask.sum()
    ascent.run()
    assert abs(float((ascent.level[0] * ascent.result[0, :, 0]).sum())) < 1e-6
    assert np.abs(ascent.result[0, 4:]).max() > 0.1
    assert not ascent.result[0, :4].any()


def test_batch_norm_behind_the_activation_is_folded_into_what_follows(tmp_path):
    network = trained()
    for block in network.layers.values():
        block.norm, block.activation = torch.nn.Identity(), torch.nn.Sequential(block.activation, block.norm)
    model = Model.load(exported(network, tmp_path / "tiny.onnx"))
    features = golden.random_features(np.random.default_rng(0), model.manifest, 30, 1)
    listener = model.ascent(1, 0)
    for column in range(30):
        listener.features[:] = features[:, :, column : column + 1]
        listener.run()
        listener.commit()
    with torch.no_grad():
        logits = network.logits_at_frames(torch.as_tensor(features))[:, :, -1].numpy()
    assert np.abs(listener.logits - logits).max() < 1e-4


@pytest.mark.parametrize(
    ("part", "named"), [(torch.nn.Hardtanh(), "Hardtanh"), (torch.nn.Conv1d(12, 12, 3, padding=1), "Conv1d")]
)
def test_what_cannot_be_written_is_named(part, named, tmp_path):
    network = trained()
    network.layers["conv2"].activation = part
    with pytest.raises(ValueError, match=f"conv2.*{named}"):
        exported(network, tmp_path / "tiny.onnx")
    assert not list(tmp_path.iterdir())
