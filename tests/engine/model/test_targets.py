"""The target language: every expression reads back as it prints, and means the sum of its parts."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dreampedal.engine.model.format.manifest import Layer
from dreampedal.engine.model.targets import Target, Term, parse, value

LAYERS = [Layer(name="conv1", filters=4), Layer(name="conv2", filters=3, labels=("dark", "bright", "air"))]
CLASSES = ["flute", "choir", "synth_lead"]

weights = st.floats(-100, 100).filter(lambda w: abs(w) > 1e-3).map(lambda w: float(f"{w:.5g}"))
parts = st.sampled_from(
    [("conv1", None), ("conv2", None), ("conv1", "3"), ("conv2", "bright"), ("class", "flute"), ("class", "synth_lead")]
)


def targets_of(weights):
    terms = st.lists(st.builds(lambda w, p: Term(w, *p), weights, parts), min_size=1, max_size=6)
    return terms.map(lambda terms: Target(tuple(terms)))


target_strategy = targets_of(weights)


@given(targets_of(st.floats(-1000, 1000)))
@example(Target((Term(0.12345678, "conv1", None), Term(-1e-7, "conv2", "1"))))
@example(Target((Term(np.float32(0.1), "conv1", None),)))
def test_prints_and_reads_back(target):
    assert parse(str(target)) == target


@pytest.mark.parametrize("text", ["2*conv1", "-conv1:3 + 0.1*conv2 - 1000*class:flute", "1e-07*conv1"])
def test_prints_as_one_would_write_it(text):
    assert str(parse(text)) == text


def test_other_ways_to_write_a_number():
    assert str(parse("2.0*conv1 + 1.*conv1 - .5 * conv2 + 1e2*conv2")) == "2*conv1 + conv1 - 0.5*conv2 + 100*conv2"


@pytest.mark.parametrize("number", ["1e999", "1e30", "1000.1", "1001", "9" * 400])
@pytest.mark.parametrize("sign", ["", "-", "conv2 + ", "conv2 - "])
def test_a_weight_too_large_is_shown(sign, number):
    with pytest.raises(ValueError, match=r"weight of '\S+\*conv1:3': expected a number from -1000 to 1000") as caught:
        parse(f"{sign}{number}*conv1:3 + conv2")
    assert f"'{number}*conv1:3'" in str(caught.value)


@given(target_strategy, target_strategy, weights, st.booleans(), st.integers(0, 2**32 - 1))
def test_the_objective_is_linear_in_targets(one, other, weight, energy, seed):
    rng = np.random.default_rng(seed)
    activations = {layer.name: rng.standard_normal((layer.filters, 5)).astype(np.float32) for layer in LAYERS}
    logits = rng.standard_normal(len(CLASSES)).astype(np.float32)

    def objective(target):
        return value(activations, logits, target.injections(LAYERS, CLASSES, energy))

    both = objective(one + weight * other)
    assert both == pytest.approx(objective(one) + weight * objective(other), rel=1e-3, abs=0.05)


def test_what_the_parts_mean():
    amplify = parse("2*conv1:3 - conv2 + 0.5*class:choir").injections(LAYERS, CLASSES, energy=False)
    assert amplify.u["conv1"].tolist() == [0, 0, 0, 2]
    assert amplify.u["conv2"] == pytest.approx(np.full(3, -1 / 3))
    assert amplify.classes.tolist() == [0, 0.5, 0]
    assert not any(v.any() for v in amplify.v.values())
    dream = parse("conv2:bright").injections(LAYERS, CLASSES, energy=True)
    assert dream.v["conv2"].tolist() == [0, 1, 0] and not dream.u["conv2"].any()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected a layer or class"),
        ("conv1 +", "expected a layer or class"),
        ("conv1 conv2", r"expected \+ or - at 'conv2'"),
        ("class", "expected a layer or class"),
        ("2**conv1", r"expected \+ or - at"),
        ("Conv1", "expected a layer or class"),
    ],
)
def test_nonsense_is_shown_where_it_starts(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "text, message",
    [
        ("conv9", r"no layer 'conv9' \(did you mean conv.\?\): there are conv1, conv2, class"),
        ("class:flut", r"no class 'flut' \(did you mean flute\?\)"),
        ("conv1:4", "conv1 has filters 0 to 3, not 4"),
        ("conv2:drak", r"did you mean dark\?"),
    ],
)
def test_what_a_model_lacks_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text).injections(LAYERS, CLASSES, energy=True)
