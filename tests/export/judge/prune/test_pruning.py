"""Networks that hear as well with fewer kernels."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dreampedal.export.judge.prune.kernels import convolutions, without
from dreampedal.export.judge.prune.pruning import prune
from dreampedal.export.judge.prune.settings import Pruning, rewound
from dreampedal.export.judge.prune.usefulness import in_line, shift_statistics, statistics, usefulness
from dreampedal.export.metrics.scores import probabilities
from dreampedal.export.nets.checkpoint import load, save
from dreampedal.export.nets.table import build
from dreampedal.export.train.fit.fitting import DivergenceError, fit
from dreampedal.export.train.fit.plan import Plan
from tests.export.judge.recording_parts import CLASSES, parts, sounds, taught


@pytest.fixture(scope="module")
def sets():
    return parts(sounds())


@pytest.fixture(scope="module")
def net(sets):
    return taught(sets[0], "columns", {"filters": (16, 12, 12), "context_frames": 8})


@pytest.fixture(scope="module")
def pruned(net, sets):
    return prune(net, *sets, Pruning(limit=0.01))


def accuracy(net, clips):
    return (probabilities(net, clips).argmax(1) == clips.labels).mean()


def test_half_of_the_kernels_go_for_one_point_of_validation(net, sets, pruned):
    _, val, test = sets
    assert accuracy(net, val) > 0.9
    assert accuracy(pruned.net, val) >= accuracy(net, val) - 0.01
    assert pruned.gone > 0.5
    assert pruned.after.multiply_adds < 0.6 * pruned.before.multiply_adds
    assert pruned.test_before.by_clip.accuracy == accuracy(net, test)
    assert pruned.test_after.by_clip.accuracy == accuracy(pruned.net, test)


def test_every_step_is_one_kernel_within_the_limit(pruned):
    kernels = [pruned.before.kernels, *(step.kernels for step in pruned.steps)]
    assert np.array_equal(np.diff(kernels), -np.ones(len(pruned.steps)))
    assert min(step.accuracy for step in pruned.steps) >= pruned.validation[0] - 0.01 - 1e-9
    gone = [(one.layer, one.filter) for step in pruned.steps for one in step.removed]
    assert len(set(gone)) == len(gone)
    assert pruned.steps[-1].accuracy == pruned.validation[1]


def test_it_says_why_it_ended(net, sets, pruned, tuned):
    """With what one more kernel would have cost, which is more than may be lost."""
    said = re.fullmatch(r"one more kernel would cost (\d+\.\d) points in all; the limit is 1", pruned.ended)
    assert said and float(said[1]) > 1 and pruned.to_json()["ended"] == pruned.ended
    assert tuned[0].ended.startswith("no training is left, and one more kernel would cost ")
    enough, all_gone = (prune(net, *sets[:2], settings=Pruning(at_once=8, **one))
                        for one in ({"enough": 0.25, "limit": 0.2}, {"limit": 1.0}))  # fmt: skip
    assert enough.ended == "25% of the kernels are gone, which is enough"
    assert all_gone.ended == "every layer has one kernel left" and set(all_gone.after.filters.values()) == {1}


def test_the_network_that_was_given_stays_and_the_report_is_json(net, sets, pruned):
    assert sum(net.settings.filters) == 40 == pruned.before.kernels
    report = json.loads(json.dumps(pruned.to_json(), allow_nan=False))
    assert report["after"]["kernels"] == sum(report["after"]["filters"].values()) == sum(pruned.net.settings.filters)
    assert report["test_after"]["by_recording"]["count"] == len(np.unique(sets[2].groups))


def test_the_smaller_network_is_a_network_of_the_zoo(pruned, tuned, sets, tmp_path):
    """Built anew by its settings and filled with its weights, it answers the same."""
    for found in (pruned, tuned[0]):
        save(found.net, tmp_path / "small.safetensors")
        again = load(tmp_path / "small.safetensors")
        assert list(again.settings.filters) == list(found.after.filters.values())
        assert np.array_equal(probabilities(again, sets[2]), probabilities(found.net, sets[2]))


def test_a_copy_of_a_kernel_is_taken_out_first(sets):
    """Two equal filters: one goes first, for being alike."""
    net = taught(sets[0], "vgg", {"filters": (6, 8), "dense": 16}, steps=30)
    conv = net.body.conv1
    with torch.no_grad():
        for tensor in (conv[0].weight, conv[1].weight, conv[1].bias, conv[1].running_mean, conv[1].running_var):
            tensor[4] = tensor[2]
    first = prune(net, *sets[:2], settings=Pruning(tries=8, limit=0.05)).steps[0].removed[0]
    assert (first.layer, first.reason) == ("conv1", "alike") and first.filter in (2, 4)
    assert first.cosine == pytest.approx(1, abs=1e-5)


def test_usefulness_foretells_what_a_filter_is_worth(net, sets):
    """Its order is near that of what the loss becomes with each filter silenced."""
    from scipy.stats import spearmanr

    val = sets[1]
    chain = convolutions(net)
    found = usefulness(net, chain, val)
    x, labels = torch.from_numpy(val.x[:]), torch.from_numpy(val.labels)
    with torch.no_grad():
        losses = lambda net: torch.nn.functional.cross_entropy(net(x), labels, reduction="none")  # noqa: E731
        before = losses(net)
        changes = [
            float((losses(without(net, {c.layer: [filter]})) - before).abs().mean())
            for c in chain
            for filter in range(c.filters)
        ]
    assert all(np.linalg.norm(of) == pytest.approx(1) for of in found.values())
    assert spearmanr(changes, np.concatenate(list(found.values()))).statistic > 0.5


def test_a_filter_that_says_nothing_is_useless(net, sets):
    silent = without(net, {})
    with torch.no_grad():
        norm = silent.get_submodule(convolutions(silent)[1].norm)
        norm.weight[3], norm.bias[3] = 0, 0
    chain = convolutions(silent)
    found = usefulness(silent, chain, sets[1])
    assert found["conv2"][3] == 0 < np.delete(found["conv2"], 3).min()
    kernels = {c.layer: np.eye(c.filters)[:, None] for c in chain}
    line = in_line(found, kernels, alike=0.9, count=3)
    assert (line[0].layer, line[0].filter, line[0].reason) == ("conv2", 3, "useless")
    assert line[0].usefulness <= line[1].usefulness <= line[2].usefulness


def test_several_at_once_stay_within_the_limit_too(net, sets):
    fast = prune(net, *sets[:2], settings=Pruning(at_once=8))
    sizes = [len(step.removed) for step in fast.steps]
    assert sizes[0] == 8 and sizes == sorted(sizes, reverse=True)
    assert accuracy(fast.net, sets[1]) == fast.validation[1] >= fast.validation[0] - 0.01 - 1e-9
    assert fast.gone == pytest.approx(sum(sizes) / 40) and fast.gone > 0.5
    assert min(fast.after.filters.values()) >= 1


def test_statistics_of_batch_norms_move_as_what_they_hear(net, sets):
    """With its statistics measured and not those of training, a smaller network settles where measuring leads."""
    chain = convolutions(net)
    measured = without(net, {})
    before = statistics(measured, chain, sets[0])
    for path, (mean, variance) in before.items():
        measured.get_submodule(path).running_mean.copy_(mean)
        measured.get_submodule(path).running_var.copy_(variance)
    smaller = without(measured, {"conv1": [0, 1]})
    after = statistics(smaller, convolutions(smaller), sets[0])
    first = chain[0].norm
    before[first] = tuple(values[2:] for values in before[first])
    shift_statistics(smaller, before, after)
    for path, (mean, variance) in after.items():
        norm = smaller.get_submodule(path)
        assert torch.allclose(norm.running_mean, mean, atol=1e-5)
        assert torch.allclose(norm.running_var, variance, rtol=1e-3)
    assert torch.allclose(after[first][0], before[first][0], atol=1e-6)
    assert not torch.allclose(after[chain[1].norm][0], before[chain[1].norm][0], atol=1e-3)


def test_nothing_moves_where_nothing_is_taken_out(net, sets):
    same = without(net, {})
    found = statistics(same, convolutions(same), sets[0])
    shift_statistics(same, found, found)
    assert np.array_equal(probabilities(same, sets[2]), probabilities(net, sets[2]))


def test_what_batch_norms_hear_is_their_input(net, sets):
    chain = convolutions(net)
    heard = []
    norm = net.get_submodule(chain[0].norm)
    hook = norm.register_forward_pre_hook(lambda _m, inputs: heard.append(inputs[0]))
    probabilities(net, sets[0], batch=len(sets[0]))
    hook.remove()
    mean, variance = statistics(net, chain, sets[0], batch=len(sets[0]))[chain[0].norm]
    assert torch.allclose(mean, heard[0].mean((0, 2)), atol=1e-5)
    assert torch.allclose(variance, heard[0].transpose(0, 1).flatten(1).var(1), rtol=1e-4)


@pytest.fixture(scope="module")
def tuned(net, sets):
    """Pruned with training in between; and what was trained: kernels and accuracy before, accuracy after."""
    train, val, _ = sets
    plan = rewound(Plan(learning_rate=1e-2, batch=16), len(train), epochs=15)
    trained = []

    def tune(smaller):
        kernels, before = sum(smaller.settings.filters), accuracy(smaller, val)
        fitted = fit(smaller, train, val, plan, normalise=False).net
        trained.append((kernels, before, accuracy(fitted, val)))
        return fitted

    chosen = Pruning(limit=0.0, tries=1, tunings=4, share=0.5, at_once=8)
    return prune(net, *sets, chosen, tune=tune), tuple(trained)


def test_training_in_between_lets_more_go(net, sets, tuned):
    """At no loss on validation: more than without, and more than it takes from a network before it is trained."""
    stiff = prune(net, *sets[:2], settings=Pruning(limit=0.0, tries=1, at_once=8))
    found, trained = tuned
    assert found.after.kernels < stiff.after.kernels
    assert accuracy(found.net, sets[1]) == found.validation[1] >= found.validation[0] == accuracy(net, sets[1])
    assert any(before < found.validation[0] <= after for _, before, after in trained)


def test_what_training_does_not_bring_back_is_given_up(tuned):
    """The report tells of trainings that were kept, all within the limit, and of what went after the last of them."""
    found, trained = tuned
    kept = [one for one in trained if one[2] >= found.validation[0]]
    assert [(one.kernels, one.accuracy_before, one.accuracy) for one in found.tuned] == kept
    assert len(kept) < len(trained) == 4
    assert [found.steps[one.steps - 1].kernels for one in found.tuned] == [one.kernels for one in found.tuned]
    after = found.steps[found.tuned[-1].steps :]
    assert all(step.accuracy >= found.validation[0] for step in after)
    assert found.after.kernels == found.tuned[-1].kernels - sum(len(step.removed) for step in after)
    assert found.course[-1] == (found.gone, found.validation[1])


@pytest.fixture(scope="module")
def small(sets):
    """A network of 14 kernels, and how many are left of them without training."""
    net = taught(sets[0], "columns", {"filters": (8, 6), "dilations": (1, 1), "context_frames": 8})
    return net, prune(net, *sets[:2], settings=Pruning(limit=0.02, at_once=4)).after.kernels


@given(tunings=st.integers(1, 4), share=st.floats(0.05, 0.95), noise=st.floats(0, 0.3), seed=st.integers(0, 99))
@example(tunings=4, share=0.9, noise=0.0, seed=0)
@settings(max_examples=4, deadline=None)
def test_no_training_leaves_more_kernels_than_none(small, sets, tunings, share, noise, seed):
    """Whatever it does to the network, and however few trainings there are."""
    net, untuned = small
    random = torch.Generator().manual_seed(seed)

    def tune(smaller):
        with torch.no_grad():
            for weight in smaller.parameters():
                weight += noise * weight.std(correction=0) * torch.randn(weight.shape, generator=random)
        return smaller

    chosen = Pruning(limit=0.02, at_once=4, tunings=tunings, share=share)
    found = prune(net, *sets[:2], settings=chosen, tune=tune)
    assert found.after.kernels <= untuned < 14
    assert accuracy(found.net, sets[1]) == found.validation[1] >= found.validation[0] - 0.02 - 1e-9


def test_the_numbers_of_the_kernels_that_are_left_are_those_of_the_start(net, tuned):
    """What is reported as gone and what is left make up each layer, over steps, trainings and ways back."""
    found, _ = tuned
    gone = [(one.layer, one.filter) for step in found.steps for one in step.removed]
    assert len(set(gone)) == len(gone) == found.before.kernels - found.after.kernels
    for layer, filters in found.before.filters.items():
        of = [filter for name, filter in gone if name == layer]
        assert set(of) <= set(range(filters)) and filters - len(of) == found.after.filters[layer]


def test_a_network_that_cannot_be_trained_is_pruned_without(net, sets):
    def spoil(smaller):
        with torch.no_grad():
            for weight in smaller.parameters():
                weight.zero_()
        return smaller

    def diverge(smaller):
        raise DivergenceError

    mild = Pruning(at_once=8, tunings=1)
    steep = mild.model_copy(update={"share": 0.9})
    rough, rougher = (prune(net, *sets[:2], settings=steep, tune=one) for one in (spoil, diverge))
    gentle, without_it = (prune(net, *sets[:2], settings=mild, tune=one) for one in (spoil, None))
    assert rough.tuned == rougher.tuned == gentle.tuned == ()
    assert rough.steps == rougher.steps == without_it.steps
    assert gentle.gone >= 0.25 and accuracy(gentle.net, sets[1]) >= accuracy(net, sets[1]) - 0.01


@pytest.mark.parametrize("enough", [0.25, 0.5])
def test_it_ends_when_enough_are_gone(net, sets, enough):
    """Just so many, and the same ones again."""
    found, again = (prune(net, *sets[:2], settings=Pruning(enough=enough, at_once=8, limit=0.2)) for _ in range(2))
    assert found.gone == enough
    assert found.to_json() == again.to_json()
    state, same = found.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(state[name], same[name]) for name in state)


def test_sets_of_other_classes_are_refused(sets):
    other = build("columns", ("a", "b"), sets[0].input, sets[0].seconds, {"filters": (4,), "dilations": (1,)})
    with pytest.raises(ValueError, match=f"clips of {', '.join(CLASSES)}: expected a, b"):
        prune(other, *sets)
