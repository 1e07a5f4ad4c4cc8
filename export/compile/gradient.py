"""The gradient of a traced network: every operator answered by its adjoint, from the outputs back to the clips."""

from __future__ import annotations

from collections.abc import Mapping

from dreampedal.export.compile.graph.writer import Graph
from dreampedal.export.compile.trace import Trace


def gradient(graph: Graph, trace: Trace, names: Mapping[str, str]) -> str:
    """Write the gradient of the objective with respect to the clips; its name.

    Args:
        names: of every value in `graph`, as `trace.forward` gave them.

    Raises:
        ValueError: that names the operator which has no adjoint.
    """
    found, moving = _seeds(graph, trace, names), trace.values.moving
    for operator in reversed(trace.operators):
        if not moving.intersection(operator.inputs) or not any(output in found for output in operator.outputs):
            continue
        x, y = ([names[value] for value in values] for values in (operator.inputs, operator.outputs))
        dy = [found.get(output) or graph.op("Mul", names[output], graph.constant(0.0)) for output in operator.outputs]
        for value, share in zip(operator.inputs, operator.adjoint(graph, x, y, dy), strict=False):
            if share is not None and value in moving:
                found[value] = graph.op("Add", found[value], share) if value in found else share
    if "x" not in found:
        raise ValueError("no layer and no class depends on the clips: expected a network of them")
    return found["x"]


def _seeds(graph: Graph, trace: Trace, names: Mapping[str, str]) -> dict[str, str]:
    """Write the gradient of the objective at every value that counts by itself: layers and logits."""
    found = dict[str, str]()
    for layer, value in trace.layers.items():
        share = _injection(graph, names[value], layer, trace.filters[layer], trace.positions(layer))
        found[value] = graph.op("Add", found[value], share) if value in found else share
    if trace.classes:
        wide = graph.op("Expand", graph.reshape("classes", [1, -1]), graph.op("Shape", names[trace.logits]))
        found[trace.logits] = graph.op("Add", found[trace.logits], wide) if trace.logits in found else wide
    return found


def _injection(graph: Graph, y: str, layer: str, filters: int, positions: int) -> str:
    """Gradient at a layer's output `y` of the mean over its positions of u·y + ½v·y²."""
    share = graph.constant(1 / positions)
    flat = graph.reshape(y, [0, filters, positions])
    u, v = (graph.reshape(graph.op("Mul", f"{kind}_{layer}", share), [-1, 1]) for kind in "uv")
    injected = graph.op("Add", graph.op("Mul", flat, v), u)
    return graph.op("Reshape", injected, graph.op("Shape", y))
