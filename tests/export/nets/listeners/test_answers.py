"""Answers of a listener: classes exclude one another, tags do not."""

import torch
from torch import nn

from dreampedal.export.nets.listeners.answers import Answers, log_probabilities


def test_classes_share_one_probability_and_each_tag_has_its_own():
    logits = torch.tensor([[2.0, 0.0, -1.0, 3.0, 3.0], [0.0, 0.0, 0.0, -40.0, 40.0]])
    found = log_probabilities(logits, 3).exp()
    assert torch.allclose(found[:, :3].sum(1), torch.ones(2))
    assert torch.allclose(found[0, 3:], torch.tensor([0.9526, 0.9526]), atol=1e-4)
    assert found[1, 3] < 1e-15 and found[1, 4] == 1


def test_a_tag_moves_no_class_and_no_other_tag():
    logits = torch.zeros(1, 5, requires_grad=True)
    log_probabilities(logits, 2)[0, 3].backward()
    assert logits.grad[0].tolist() == [0, 0, 0, 0.5, 0]


def test_a_far_wrong_answer_still_has_a_slope():
    listener = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        listener[1].bias.fill_(-50.0)
    features = torch.ones(1, 2, 2, requires_grad=True)
    Answers(listener, 1)(features)[0, 2].backward()
    assert features.grad.abs().max() > 0.01
