"""Operators: what they write is what a model file may hold, and each answers as torch does."""

import pytest
import torch
from torch import nn

from dreampedal.effects import Dream
from dreampedal.engine.model.structure import OPERATORS
from dreampedal.engine.model.verify import verify
from dreampedal.export.compile.graph.operator import Operator
from dreampedal.export.compile.graph.writer import BEYOND_OPERATORS, Graph
from dreampedal.export.compile.operators import REGISTERED, activation_of, activations
from dreampedal.export.compile.trace import trace

from .networks import ACTIVATIONS, exported, trained

HELPERS = {"Reshape", "Slice", "Transpose"}
"""What `Graph` writes for everybody."""


def test_a_model_may_hold_what_operators_write_and_nothing_else():
    written = {kind for operator in REGISTERED for kind in (*operator.kinds, *operator.writes)}
    assert written | BEYOND_OPERATORS == OPERATORS
    assert not written & BEYOND_OPERATORS


def test_every_operator_of_onnx_is_one_class():
    kinds = [kind for operator in REGISTERED for kind in operator.kinds]
    assert len(kinds) == len(set(kinds))


class Each(nn.Module):
    """One of each operator that a network of torch's comes as."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.mix = nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.Linear(6, 6)
        self.activations = nn.ModuleList([make() for make in ACTIVATIONS.values()])

    def forward(self, x):
        y = self.conv(x)
        z = sum(activation(y) for activation in self.activations)
        left, right = self.norm(z).chunk(2, 1)
        found = [
            (left / 3 - right).amax(-1),
            self.mix(z.transpose(1, 2)).sum(1)[:, :3],
            nn.functional.pad(nn.functional.max_pool1d(z, 2), (1, 1)).mean(-1)[:, :3],
            nn.functional.avg_pool1d(z, 3, 2)[:, :, 1].unsqueeze(1).squeeze(1)[:, 3:],
            (left.mean(-1, keepdim=True) * right).mean(-1),
            (left.mean(-1, keepdim=True) + right).mean(-1),
            left.mean(-1, keepdim=True).expand(-1, -1, 10).flatten(1)[:, :3],
        ]
        return torch.cat(found, 1).flatten(1) @ torch.ones(21, 2)


def test_every_adjoint_writes_what_it_declares():
    network = Each().eval()
    found = trace(network, torch.randn(2, 4, 12), {})
    used = {}
    for operator in found.operators:
        if not found.values.moving.intersection(operator.inputs):
            continue
        graph = Graph()
        names = found.forward(graph, "x")
        before = len(graph.nodes)
        dy = [f"dy{index}" for index, _ in enumerate(operator.outputs)]
        operator.adjoint(graph, *([names[v] for v in vs] for vs in (operator.inputs, operator.outputs)), dy)
        kinds = {node.op_type for node in graph.nodes[before:]} - HELPERS
        assert kinds <= {*operator.kinds, *operator.writes}, operator.kind
        used.setdefault(type(operator), set()).update(kinds)
    for operator, kinds in used.items():
        assert set(operator.writes) <= kinds | HELPERS, operator.__name__
    assert used.keys() >= {operator for operator in REGISTERED if operator.kinds and operator.writes}


@pytest.mark.parametrize("name", ["silu", "gelu", "tanh_gelu"])
def test_a_model_of_any_activation_is_proved_and_plays_live(name, tmp_path):
    """Golden vectors of torch's, and the same samples however a sound is cut."""
    path = exported(trained(activation=name), tmp_path / "tiny.onnx")
    proof = verify(path, effect=lambda: Dream(model=str(path), target="conv2:3 + class:bell"))
    assert proof.golden_deviation < 1e-4 and proof.partitions > 0


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"identity"}))
def test_an_activation_is_known_by_its_module_and_writes_what_it_declares(name):
    activation, graph = activation_of(ACTIVATIONS[name]()), Graph()
    assert type(activation) in activations()
    y = activation.forward(graph, ["x"])
    activation.adjoint(graph, ["x"], [y], ["dy"])
    assert {node.op_type for node in graph.nodes} <= {*activation.kinds, *activation.writes}
    assert activation_of(nn.Identity()) is None


def test_what_nobody_registered_is_named():
    with pytest.raises(ValueError, match="operator TopK at y has no adjoint here: expected one of Add, "):
        Operator("TopK").adjoint(Graph(), ["x"], ["y"], ["dy"])
