"""The gradient of a traced network: every equation answered by its adjoint, from the outputs back to the clips."""

from __future__ import annotations

from collections.abc import Mapping

from dreampedal.export.compile.equations import Gradients, Step
from dreampedal.export.compile.graph import Graph
from dreampedal.export.compile.rules import RULES
from dreampedal.export.compile.traced import Traced


def gradient(graph: Graph, trace: Traced, names: Mapping[str, str], seeds: Mapping[str, str]) -> str:
    """Write the gradient with respect to the clips; its name.

    Args:
        names: of every value in `graph`, as `trace.forward` gave them.
        seeds: the gradient at each value that counts by itself.

    Raises:
        ValueError: that names the operator which has no adjoint here.
    """
    moving = {"x"}
    for equation in trace.equations:
        if equation.kind != "Shape" and moving.intersection(equation.inputs):
            moving.update(equation.outputs)
    found = dict(seeds)
    for equation in reversed(trace.equations):
        if not moving.intersection(equation.inputs) or not any(output in found for output in equation.outputs):
            continue
        step = Step(graph, trace, names, equation, moving, [found.get(output) for output in equation.outputs])
        for value, share in zip(equation.inputs, _shares(step), strict=False):
            if share is not None and value in moving:
                found[value] = graph.op("Add", found[value], share) if value in found else share
    if "x" not in found:
        raise ValueError("no layer and no class depends on the clips: expected a network of them")
    return found["x"]


def _shares(step: Step) -> Gradients:
    """Write the gradient of each input of an equation."""
    rule = RULES.get(step.equation.kind)
    if rule is None:
        raise step.unfit(f"has no adjoint here: expected one of {', '.join(sorted(RULES))}")
    return rule(step)
