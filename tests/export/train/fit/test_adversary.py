"""Features moved against a network: within the budget, to its harm, and as a change of level would move them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.model.format.inputs import BandImage, Envelope, LogBands, Mel, Waveform, features
from dreampedal.export.train.fit.adversary import attacked, moved
from dreampedal.export.train.fit.equaliser import change_for, equalised
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan

from .fit_scene import MEL, PLAN, Small, clips

pytestmark = pytest.mark.any_recording

LEVELS = [LogBands(), Envelope(), Mel(), Mel.musicnn()]


@pytest.mark.parametrize("input", LEVELS, ids=lambda input: f"{input.kind}_{getattr(input, 'compression', '')}")
@pytest.mark.parametrize("level_db", [-9.0, 6.0])
def test_a_move_is_what_a_gain_does_to_the_features(clip, input, level_db):
    audio, rate = clip("solo_cello")
    audio = audio[:, : rate // 2]
    before, after = (features(input, gain * audio, rate) for gain in (1, np.float32(10 ** (level_db / 20))))
    said = moved(input, torch.from_numpy(before), level_db).numpy()
    loud = (before > before.min() + 4) if before.max() - before.min() > 6 else np.ones_like(before, bool)
    assert loud.sum() > 20 and np.abs(said - after)[loud].max() < 1e-3


@pytest.mark.parametrize("input", LEVELS, ids=lambda input: f"{input.kind}_{getattr(input, 'compression', '')}")
@pytest.mark.parametrize("level_db", [-20.0, 20.0])
@pytest.mark.parametrize("kept_as", [np.float16, np.float32])
def test_silence_stays_silence(input, level_db, kept_as):
    silence = torch.from_numpy(features(input, np.zeros(20_000, np.float32), 44_100).astype(kept_as)).float()
    assert torch.equal(moved(input, silence, level_db), silence)


@pytest.mark.parametrize("input", [Waveform(), BandImage()])
def test_inputs_without_levels_are_refused(input):
    with pytest.raises(
        ValueError, match="has no levels to change: expected an input that has: log_bands, mel, envelope"
    ):
        moved(input, torch.zeros(1, 1, 1), 1.0)


@settings(max_examples=15, deadline=None)
@given(budget_db=st.floats(0.01, 30), steps=st.integers(1, 5), seed=st.integers(0, 99))
def test_an_attack_stays_in_its_budget_and_does_harm(budget_db, steps, seed):
    torch.manual_seed(seed)
    heard, net = clips(count=8), Small()
    x = torch.from_numpy(np.asarray(heard.x, np.float32))
    targets = torch.nn.functional.one_hot(torch.from_numpy(heard.labels), 2).float()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    hit = attacked(net, MEL, x, targets, budget_db, steps)
    reach = budget_db * np.log(10) / 10
    assert (hit - x).abs().max() <= reach + 1e-4 and not hit.requires_grad and net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.eval()
    with torch.no_grad():
        loss = [torch.nn.functional.cross_entropy(net(heard), targets) for heard in (x, hit)]
    assert loss[1] >= loss[0] - 0.05 * budget_db


@given(equaliser_db=st.floats(0, 20), gain_db=st.floats(0, 20), seed=st.integers(0, 99))
def test_an_equaliser_is_the_same_at_every_frame_and_within_its_reach(equaliser_db, gain_db, seed):
    x = torch.zeros(5, 96, 4)
    y = equalised(LogBands(), x, equaliser_db, gain_db, torch.Generator().manual_seed(seed))
    assert torch.equal(y[..., :1].expand_as(y), y)
    assert y.abs().max() <= (equaliser_db + gain_db) * np.log(10) / 20 + 1e-5
    steps = y[:, 1:, 0] - y[:, :-1, 0]
    assert steps.abs().max() <= 2 * equaliser_db * np.log(10) / 20 * 7 / 95 + 1e-5, "smooth over the bands"


@pytest.mark.parametrize("setting", ["adversarial_db", "equaliser_db", "gain_db"])
def test_plans_that_want_levels_changed_need_an_input_with_levels(setting):
    with pytest.raises(ValueError, match="'waveform' has no levels to change"):
        change_for(Plan(**{setting: 3}), Waveform())


def test_a_network_that_was_attacked_in_training_withstands_more():
    heard, val = clips(), clips("speech_female_en", 24, any_recording=False)
    x = torch.from_numpy(np.asarray(val.x, np.float32))
    targets = torch.nn.functional.one_hot(torch.from_numpy(val.labels), 2).float()
    losses = []
    for budget_db in (0.0, 6.0):
        plan = PLAN.changed(epochs=15, adversarial_db=budget_db, adversarial_share=1.0, adversarial_steps=3, mixup=0)
        net = fit(Small(), heard, val, plan).net
        torch.manual_seed(0)
        hit = attacked(net, MEL, x, targets, 6.0, 10)
        losses.append(torch.nn.functional.cross_entropy(net(hit), targets).item())
    assert losses[1] < losses[0]
