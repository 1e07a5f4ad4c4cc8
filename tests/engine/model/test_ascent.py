"""An ascent in use: nothing allocated, nothing remembered that was not committed, any number of steps at any time."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from dreampedal.engine.model.model import Model

SHIPPED = Path(__file__).parents[3] / "presets" / "models" / "notes.onnx"


@pytest.fixture(scope="module")
def model():
    return Model.load(SHIPPED)


def started(model, channels=1, steps=4, columns=1):
    ascent = model.ascent(channels, steps, columns)
    rng = np.random.default_rng(0)
    ascent.features[:] = rng.normal(-6, 2, ascent.features.shape)
    for name in ascent.u:
        ascent.u[name][:], ascent.v[name][:] = rng.normal(size=(2, len(ascent.u[name])))
    return ascent


@pytest.mark.parametrize("columns", [1, 5])
def test_runs_and_commits_allocate_nothing(model, columns):
    ascent = started(model, 2, 4, columns)
    ascent.run()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            ascent.run()
            ascent.commit()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 2000 * ascent.features.nbytes / 30  # what the binding itself holds and gives back


def test_steps_may_change_between_hops(model):
    """4 steps are 1 and then 3 from where it ended, as long as nothing was committed."""
    ascent = started(model)
    ascent.run(4)
    at_once = ascent.result.copy()
    ascent.run(1)
    ascent.offset[:] = ascent.result
    ascent.run(3)
    assert np.abs(ascent.result - at_once).max() < 1e-5
    ascent.run(0)
    assert np.array_equal(ascent.result, ascent.offset)


@pytest.mark.parametrize("columns", [1, 5])
@pytest.mark.parametrize("steps", [9, 16, 21])
def test_more_steps_than_the_file_holds_run_it_again(model, steps, columns):
    ascent, by_hand = started(model, 2, steps, columns), started(model, 2, 8, columns)
    for _ in range(3):
        ascent.run()
        for left in range(steps, 0, -8):
            by_hand.run(min(left, 8))
            by_hand.offset[:] = by_hand.result
        assert np.array_equal(ascent.result, by_hand.result)
        assert not ascent.offset.any()  # where it starts is as it was set
        ascent.commit()
        by_hand.commit()
        assert all(np.array_equal(ascent.state(name), by_hand.state(name)) for name in model.manifest.states)
        by_hand.offset[:] = 0


@pytest.mark.parametrize("steps", [-1, -9])
def test_fewer_steps_than_none_are_refused(model, steps):
    with pytest.raises(ValueError, match=f"steps = {steps}: expected 0 or more"):
        model.ascent(1, steps)
    with pytest.raises(ValueError, match=f"steps = {steps}: expected 0 or more"):
        started(model).run(steps)


def test_a_run_that_is_not_committed_leaves_no_trace(model):
    ascent = started(model, columns=2)
    ascent.run()
    first, states = ascent.result.copy(), {name: ascent.state(name) for name in model.manifest.states}
    sound = ascent.features.copy()
    for features in (sound - 1, sound):
        ascent.features[:] = features
        ascent.run()
    assert np.array_equal(ascent.result, first)
    ascent.commit()
    ascent.commit()
    for name, state in states.items():
        assert np.array_equal(ascent.state(name), state)


def test_reset_is_a_new_ascent(model):
    ascent = started(model, 6)
    ascent.run()
    first = ascent.result.copy()
    for _ in range(5):
        ascent.commit()
        ascent.run()
    assert not np.array_equal(ascent.result, first)
    ascent.reset()
    ascent.run()
    assert np.array_equal(ascent.result, first)


def test_silence_is_a_fixed_point(model):
    """Hearing silence for long leaves every state as it was at the start, to the last bit or two."""
    floor = model.manifest.bands.floor_db * np.log(10) / 20
    for columns in (1, 3):
        ascent = model.ascent(2, 0, columns)
        ascent.features[:] = floor
        for _ in range(3 * model.manifest.context_frames):
            ascent.run()
            ascent.commit()
        for name, silence in model.chains.silence.items():
            assert np.abs(ascent.state(name) - silence).max() < 1e-5


def test_ascents_share_sessions_but_no_state(model):
    one, other = started(model), started(model)
    one.run()
    before = other.state("conv2")
    one.commit()
    one.run()
    assert np.array_equal(other.state("conv2"), before)
    assert one._runs[4].session is other._runs[4].session


def test_the_objective_rises_with_every_step(model):
    ascent = started(model)
    ascent.rate[:] = 0.02
    offset, values = ascent.offset, []
    for _ in range(8):
        ascent.run(0)
        values.append(sum(float((ascent.u[name] @ y + ascent.v[name] @ (0.5 * y * y)).mean()) for name, y in
                          ((name, y[0]) for name, y in ascent.activations.items())))  # fmt: skip
        ascent.run(1)
        offset[:] = ascent.result
    assert values == sorted(values) and values[-1] > values[0]


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_offsets_stay_within_reach(model, share):
    """With one moving column, with some, and with as many as the model takes."""
    columns = 1 + round(share * (model.manifest.context_frames - 1))
    ascent = started(model, 1, 8, columns)
    ascent.rate[:], ascent.reach[:] = 5, 0.25
    ascent.run()
    assert np.abs(ascent.result).max() == np.float32(0.25)


def test_no_target_moves_nothing(model):
    ascent = model.ascent(1, 8)
    ascent.run()
    assert not ascent.result.any()
