"""Whether a graph can run here: the versions of ONNX that it is written in, and whether its operators fit each other.

ONNX Runtime finds out only when a session is made, which is at the first block, and tells it in words for its own
makers. So a model is asked all of this when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from dreampedal.engine.model.device import reads
from dreampedal.engine.model.format.manifest import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LOWEST_OPERATORS = 13
"""The oldest set of operators that a model may be written in: from it on, axes and sizes are inputs."""

_READ_BY_ALL = 8, LOWEST_OPERATORS
"""IR and operator set that every ONNX Runtime reads that DreamPedal runs with."""

_EXPORT = "export it again"

_WEIGHT_BYTES = 1024
"""Tensors above this are weights, whose values say nothing of shapes."""

_WHERE = re.compile(r"op_type:\s*(?P<operator>\w+)(?:, node name:\s*(?P<node>[^)]*))?")


def require_readable(path: str | Path, model: ModelProto) -> None:
    """Refuse a version of the file format, or of the operators, that this installation does not read."""
    operators = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(operators) != 1:
        raise ModelError(path, "version of the operators (opset)", operators or "missing", "one, and that a number")
    [found], ir = operators, model.ir_version
    if found < LOWEST_OPERATORS:
        raise ModelError(path, "version of the operators (opset)", found, f"{LOWEST_OPERATORS} or newer; {_EXPORT}")
    if not reads(ir, LOWEST_OPERATORS):
        most = _highest(lambda version: reads(version, LOWEST_OPERATORS), _READ_BY_ALL[0])
        raise ModelError(path, "version of the file format (IR)", ir, _at_most(most))
    if not reads(_READ_BY_ALL[0], found):
        most = _highest(lambda version: reads(_READ_BY_ALL[0], version), _READ_BY_ALL[1])
        raise ModelError(path, "version of the operators (opset)", found, _at_most(most))


def require_runnable(path: str | Path, model: ModelProto) -> None:
    """Refuse operators whose inputs nothing makes, are not in their version, or do not fit each other."""
    from onnx import defs

    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    known = {value.name for value in (*model.graph.input, *model.graph.initializer)} | {""}
    allowed = set[tuple[str, int]]()
    for node in model.graph.node:
        needed = list(node.input)
        if not known.issuperset(needed):
            missing = next(name for name in needed if name not in known)
            raise ModelError(path, _place(node), f"hearing '{missing}'", "what an operator before it makes")
        known.update(node.output)
        if (kind := (node.op_type, len(needed))) not in allowed and defs.has(node.op_type):
            _require_in_version(path, node, min(version, defs.onnx_opset_version()))
            allowed.add(kind)
    if unmade := [value.name for value in model.graph.output if value.name not in known]:
        raise ModelError(path, f"output '{unmade[0]}'", "made by nothing", "what an operator makes")
    if version <= defs.onnx_opset_version():
        _require_fitting(path, model)


def _at_most(most: int) -> str:
    import onnxruntime

    reader = f"ONNX Runtime {onnxruntime.__version__}"
    return f"at most {most}, which {reader} reads; install a newer one, or {_EXPORT} in an older version"


def _highest(does: Callable[[int], bool], known: int) -> int:
    """The last number from `known` on that does."""
    while does(known + 1):
        known += 1
    return known


def _place(node: NodeProto) -> str:
    return f"operator of node '{node.name or ', '.join(node.output)}'"


def _require_in_version(path: str | Path, node: NodeProto, version: int) -> None:
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type, version, "")
    except defs.SchemaError:
        found = f"{node.op_type}, which version {version} of the operators does not have"
        raise ModelError(path, _place(node), found, f"one of its operators; {_EXPORT}") from None
    least, most = schema.min_input, schema.max_input
    if not least <= len(node.input) <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        found = f"{node.op_type} with {len(node.input)} inputs"
        raise ModelError(path, _place(node), found, f"{expected} in version {version} of the operators; {_EXPORT}")


def _require_fitting(path: str | Path, model: ModelProto) -> None:
    """Refuse shapes and types that contradict each other, followed through the whole graph with no weights in it."""
    from onnx import ModelProto, shape_inference

    bare = ModelProto(ir_version=_READ_BY_ALL[0], opset_import=model.opset_import)
    bare.graph.name = model.graph.name
    bare.graph.node.extend(model.graph.node)
    bare.graph.input.extend(model.graph.input)
    bare.graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        if tensor.ByteSize() > _WEIGHT_BYTES:
            bare.graph.initializer.add(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
        else:
            bare.graph.initializer.append(tensor)
    try:
        inferred = shape_inference.infer_shapes(bare, check_type=True, strict_mode=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        where = _WHERE.search(str(error))
        field = f"operator of node '{where['node'] or where['operator']}'" if where else "graph"
        operator = where["operator"] if where else "an operator"
        found = f"{operator} on shapes or types that it does not take"
        raise ModelError(path, field, found, "a graph whose operators fit each other") from None
    _require_equal_counts(path, inferred)


def _require_equal_counts(path: str | Path, inferred: ModelProto) -> None:
    """Refuse a reshaping into another number of values, which inference lets pass."""
    graph = inferred.graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.output)}
    shapes |= {value.name: value.type.tensor_type.shape.dim for value in graph.input}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[0] not in shapes or node.output[0] not in shapes:
            continue
        sizes = [[each.dim_value for each in shapes[name]] for name in (node.input[0], node.output[0])]
        before, after = map(prod, sizes)
        if before and after and before != after:
            raise ModelError(path, _place(node), f"a Reshape of {before} values into {after}", "as many as before")
